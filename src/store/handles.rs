//! Ties the handles to the two databases: which function of which table answers which call. Said once for both.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use secrecy::SecretString;

use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{
    AbsentView, AccountConflict, AccountDesk, AccountLists, AccountPage, AccountRow, AccountTotals, Accounts, Backlog,
    BatchApplied, BatchClaim, Cancelled, ChangeCursor, Changed, Credentials, DayCounts, Decided, Departing, DiscordLogin,
    Dropped, Due, Duty, FetchClaim, FetchedPage, Filed, Filing, Findings, FinishClaim, Finished, Fleet, ImportRow, Imported,
    Landmarks, Lease, MemberFilter, MemberLists, MemberPage, MemberTally, MemberTotals, MemberView, MembersFound, NewRun,
    NewStaff, NewStaffEntry, OpenConflicts, Overview, Problem, Problems, Process, Read, Replies, Reply, Retention, Retried,
    Retry, RoleCount, Roles, RunClaim, RunList, RunWork, Runs, SessionLimits, Sessions, Settlement, StaffLog, StaffLogPage,
    StaffNote, StagedBatch, StoreError, Swept, UnmetClaim, Upkeep, Work,
};
use crate::domain::{
    Account, AccountChange, Action, Change, DiscordId, Event, Guard, GuildRole, Member, MemberRow, Run, RunError, RunId,
    StaffEntry,
};

/// How long bringing the schema up to date may take: a new index over many millions of rows takes minutes.
const MIGRATING: Duration = Duration::from_hours(6);

/// Implements a handle for both databases by naming, for each of its calls, the function that answers it, and for one that may take longer
/// than others within which time.
macro_rules! handle {
    ($handle:ident { $($call:ident ( $($arg:ident : $type:ty),* ) -> $answer:ty = $function:ident $(within $patience:expr)?;)* }) => {
        handle!(@for Postgres, $handle { $($call ( $($arg : $type),* ) -> $answer = $function $(within $patience)?;)* });
        handle!(@for Sqlite, $handle { $($call ( $($arg : $type),* ) -> $answer = $function $(within $patience)?;)* });
    };
    (@for $store:ident, $handle:ident {
        $($call:ident ( $($arg:ident : $type:ty),* ) -> $answer:ty = $function:ident $(within $patience:expr)?;)*
    }) => {
        #[async_trait]
        impl $handle for $store {
            $(async fn $call(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                // A connection that is cut without a word would otherwise be waited for without end.
                let patience = [$($patience,)? self.patience][0];
                let answer = tokio::time::timeout(patience, self.$function($($arg),*)).await;
                answer.unwrap_or_else(|_| Err(StoreError::Unavailable("it did not answer in time".into())))
            })*
        }
    };
}

handle!(Filing {
    stage_batch(run: RunId, batch: &StagedBatch, now: DateTime<Utc>) -> () = stage;
    file_run(run: &NewRun, last: &[StagedBatch], dropped: &[Dropped]) -> Filed = file;
    cancel_run(run: RunId, requested_by: &str, noted: Option<&StaffNote>, now: DateTime<Utc>) -> Cancelled = cancel;
    retry_run(retry: &Retry, now: DateTime<Utc>) -> Retried = retry;
    is_filed(run: RunId) -> bool = has_run;
    discard_staged(run: RunId) -> () = discard;
});

handle!(Work {
    claim_run(run: RunId, now: DateTime<Utc>) -> RunClaim = claim_turn;
    claim_batch(run: RunId, batch: i32, worker: &str, now: DateTime<Utc>, lease_until: DateTime<Utc>) -> Option<BatchClaim> = claim_one;
    renew_batch(claim: &BatchClaim, lease_until: DateTime<Utc>) -> bool = renew_one;
    apply_batch(claim: &BatchClaim, members: &[Member], now: DateTime<Utc>) -> BatchApplied = apply_one;
    release_batch(claim: &BatchClaim, why: &str, blameless: bool, now: DateTime<Utc>) -> () = release_one;
    blame_batch(claim: &BatchClaim, why: &str, lease_until: DateTime<Utc>) -> bool = blame_one;
    claim_finish(run: RunId, now: DateTime<Utc>, lease_until: DateTime<Utc>) -> Option<FinishClaim> = claim_end;
    renew_finish(claim: &FinishClaim, lease_until: DateTime<Utc>) -> bool = renew_end;
    finish_run(claim: &FinishClaim, guard: Guard, now: DateTime<Utc>) -> Finished = finish;
    departing(claim: &FinishClaim, guard: Guard) -> Option<Departing> = list_departing;
    finish_fetched(claim: &FinishClaim, guard: Guard, findings: &Findings, now: DateTime<Utc>) -> Finished = finish_found;
    claim_fetch(run: RunId, now: DateTime<Utc>, lease_until: DateTime<Utc>) -> Option<FetchClaim> = claim_list;
    renew_fetch(claim: &FetchClaim, lease_until: DateTime<Utc>) -> bool = renew_list;
    expect_members(claim: &FetchClaim, expected: u64) -> () = note_expected;
    stage_page(claim: &FetchClaim, page: &FetchedPage, now: DateTime<Utc>) -> () = stage_fetched;
    end_fetch(claim: &FetchClaim, now: DateTime<Utc>) -> i64 = end_list;
    release_fetch(claim: &FetchClaim, why: &str, blameless: bool, now: DateTime<Utc>) -> () = release_list;
    release_finish(claim: &FinishClaim, blameless: bool, now: DateTime<Utc>) -> () = release_end;
    fail_run(run: RunId, error: &RunError, now: DateTime<Utc>) -> Vec<RunId> = fail;
    set_aside(run: RunId, error: &RunError, now: DateTime<Utc>) -> Vec<RunId> = set_exhausted_aside;
    fail_unclaimed(run: RunId, error: &RunError, now: DateTime<Utc>, since: DateTime<Utc>) -> Option<Vec<RunId>> = fail_unfetched;
    due(now: DateTime<Utc>, rung_before: DateTime<Utc>, limit: i64) -> Vec<Due> = due_steps;
    exhausted(now: DateTime<Utc>) -> Vec<RunId> = exhausted_runs;
});

handle!(Read {
    ping() -> () = check_alive;
    run(id: RunId) -> Option<Run> = run_by_id;
    runs(deltas: bool, limit: i64) -> Vec<Run> = newest_runs;
    members(page: MemberPage) -> Vec<MemberRow> = member_page;
    member(id: DiscordId) -> Option<MemberRow> = member_by_id;
    history(id: DiscordId, before: Option<i64>, limit: i64) -> Vec<Event> = member_history;
    history_after(id: DiscordId, after: i64, limit: i64) -> Vec<Event> = member_history_after;
    changes(run: RunId, action: Option<Action>, after: ChangeCursor, limit: i64) -> Vec<(ChangeCursor, Change)> = run_changes;
    changes_before(run: RunId, action: Option<Action>, before: ChangeCursor, limit: i64) -> Vec<(ChangeCursor, Change)> = run_changes_before;
    member_totals() -> MemberTotals = count_members;
    processes(since: DateTime<Utc>) -> Vec<Process> = list_processes;
    roles() -> Vec<GuildRole> = list_roles;
    problems() -> Vec<Problem> = list_problems;
    last_fetch() -> Option<Run> = newest_fetch;
});

handle!(MemberLists {
    list_members(view: &MemberView) -> MembersFound = find_members;
    count_members(filter: &MemberFilter) -> i64 = count_listed;
    list_absent(view: &AbsentView) -> Vec<Account> = find_absent;
    count_roles(limit: usize) -> Vec<RoleCount> = most_roles;
    tally_members() -> MemberTally = count_kinds;
});

handle!(Runs {
    list_runs(list: &RunList) -> Vec<Run> = runs_listed;
    run_work(run: RunId) -> RunWork = work_of_run;
    has_undoable(run: RunId) -> bool = can_undo;
    members_among(ids: &[i64]) -> Vec<MemberRow> = members_by_ids;
});

handle!(Overview {
    days(since: NaiveDate) -> Vec<DayCounts> = list_days;
    landmarks() -> Landmarks = find_landmarks;
    open_conflicts() -> Option<OpenConflicts> = count_conflicts;
});

handle!(Fleet {
    duties(now: DateTime<Utc>) -> Vec<Duty> = list_duties;
    backlog(now: DateTime<Utc>, limit: i64) -> Backlog = count_backlog;
});

handle!(Roles {
    replace_roles(roles: &[GuildRole]) -> () = store_roles;
});

handle!(Replies {
    open_replies(limit: i64) -> Vec<Reply> = list_replies;
    drop_reply(reply: &Reply) -> bool = delete_reply;
    unreported(limit: i64) -> Vec<Run> = unreported_runs;
    unmark_reported(run: RunId) -> () = note_unreported;
    mark_reported(run: RunId, now: DateTime<Utc>) -> bool = note_reported;
});

handle!(Problems {
    note_problem(code: &str, message: &str, now: DateTime<Utc>) -> () = upsert_problem;
    clear_problem(code: &str) -> () = delete_problem;
});

handle!(Accounts {
    create_staff(staff: &NewStaff, now: DateTime<Utc>) -> Option<Account> = insert_staff;
    staff() -> Vec<Account> = list_staff;
    set_password(username: &str, password_hash: &SecretString) -> bool = update_password;
    credentials(username: &str) -> Option<Credentials> = find_credentials;
    note_login(account: i64, now: DateTime<Utc>) -> () = update_last_login;
    import(rows: &[ImportRow], now: DateTime<Utc>) -> Imported = import_rows;
    conflicts(limit: i64) -> Vec<AccountConflict> = list_conflicts;
    log_in_with_discord(login: &DiscordLogin, now: DateTime<Utc>) -> Account = log_in;
});

handle!(AccountLists {
    accounts(page: &AccountPage) -> Vec<AccountRow> = account_page;
    count(page: &AccountPage) -> i64 = count_fitting;
    account(id: i64) -> Option<AccountRow> = account_by_id;
    open_sessions(account: i64, limits: SessionLimits, now: DateTime<Utc>) -> i64 = count_sessions;
    account_totals() -> AccountTotals = count_accounts;
    unmet_claims(after: Option<i64>, limit: i64) -> Vec<UnmetClaim> = conflict_page;
    unmet_claims_before(before: i64, limit: i64) -> Vec<UnmetClaim> = conflict_page_before;
});

handle!(AccountDesk {
    change_account(account: i64, change: AccountChange, by: i64, now: DateTime<Utc>) -> Changed = change_rights;
    settle_conflict(account: i64, decided: Decided, noted: NewStaffEntry<'_>, now: DateTime<Utc>) -> Settlement = settle_claim;
});

handle!(Sessions {
    open_session(id: &[u8; 32], account: i64, now: DateTime<Utc>) -> () = insert_session;
    session(id: &[u8; 32], limits: SessionLimits, now: DateTime<Utc>) -> Option<Account> = use_session;
    look_at_session(id: &[u8; 32], limits: SessionLimits, now: DateTime<Utc>) -> Option<Account> = find_session;
    close_session(id: &[u8; 32]) -> () = delete_session;
});

handle!(StaffLog {
    note_act(entry: NewStaffEntry<'_>, now: DateTime<Utc>) -> () = insert_act;
    acts(page: &StaffLogPage) -> Vec<StaffEntry> = list_acts;
});

handle!(Upkeep {
    migrate() -> usize = run_migrations within MIGRATING;
    pending_migrations() -> usize = missing_migrations;
    version() -> String = server_version;
    bind_guild(guild: DiscordId) -> () = insert_guild;
    guild() -> Option<DiscordId> = read_guild;
    take_lease(lease: &Lease<'_>, now: DateTime<Utc>) -> bool = upsert_lease;
    drop_lease(name: &str, holder: &str) -> () = delete_lease;
    beat(process: &Process) -> () = upsert_process;
    retire(process: &str) -> () = delete_process;
    index_members(limit: i64) -> bool = take_up_members;
    has_name_index() -> bool = knows_names;
    sweep(retention: &Retention, now: DateTime<Utc>) -> Swept = delete_expired;
    close() -> () = close_pool;
});
