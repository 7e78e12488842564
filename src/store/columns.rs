//! Rows to domain types, once for both databases: they differ only in how a column of a kind is read.

use chrono::{DateTime, Utc};

use serde_json::Value;

use super::{
    AccountConflict, AccountRow, Credentials, Holder, Interaction, Jobs, MemberPlace, MemberTally, Membership, Problem, Process,
    Reply, Share, StoreError, Trouble, UnmetClaim,
};
use crate::domain::{
    Account, Action, Change, ConflictKind, Counts, DiscordId, Event, Fields, GuildRole, Member, MemberRow, Progress, Roles, Run,
    RunError, RunId, StaffAct, StaffEntry,
};

/// Reads the columns of a row by name.
pub(super) trait Columns {
    fn int(&self, name: &str) -> Result<i64, StoreError>;
    fn opt_int(&self, name: &str) -> Result<Option<i64>, StoreError>;
    fn flag(&self, name: &str) -> Result<bool, StoreError>;
    fn text(&self, name: &str) -> Result<String, StoreError>;
    fn opt_text(&self, name: &str) -> Result<Option<String>, StoreError>;
    fn time(&self, name: &str) -> Result<DateTime<Utc>, StoreError>;
    fn opt_time(&self, name: &str) -> Result<Option<DateTime<Utc>>, StoreError>;
    /// A JSON column as text without insignificant spaces.
    fn json(&self, name: &str) -> Result<String, StoreError>;
    /// A JSON column that may be null.
    fn opt_json(&self, name: &str) -> Result<Option<String>, StoreError>;
    fn run_id(&self, name: &str) -> Result<RunId, StoreError>;
    fn opt_run_id(&self, name: &str) -> Result<Option<RunId>, StoreError>;
}

/// Rows as what they hold; turned round if they were read from the end of a page to its beginning.
pub(super) fn turned<R, T>(
    is_backwards: bool,
    rows: &[R],
    read: impl Fn(&R) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    if is_backwards { rows.iter().rev().map(read).collect() } else { rows.iter().map(read).collect() }
}

fn unreadable(what: &str) -> impl Fn() -> StoreError + '_ {
    move || StoreError::Unreadable(format!("an unknown {what}"))
}

/// A word of one of the domain's enums.
pub(super) fn word<T>(text: &str, read: impl Fn(&str) -> Option<T>, what: &str) -> Result<T, StoreError> {
    read(text).ok_or_else(unreadable(what))
}

pub(super) fn discord_id(value: i64) -> Result<DiscordId, StoreError> {
    DiscordId::try_from(value).map_err(|_| unreadable("Discord id")())
}

pub(super) fn counts(row: &impl Columns) -> Result<Counts, StoreError> {
    Ok(Counts {
        created: row.int("created")?,
        updated: row.int("updated")?,
        marked_left: row.int("marked_left")?,
        rejoined: row.int("rejoined")?,
        unchanged: row.int("unchanged")?,
        linked: row.int("linked")?,
        unlinked: row.int("unlinked")?,
        total_received: row.int("total_received")?,
        duplicates: row.int("duplicates")?,
        total_active: row.int("total_active")?,
        skipped: row.int("skipped")?,
        deferred: row.int("deferred")?,
        departures_held: row.int("departures_held")?,
        dismissed: row.int("dismissed")?,
    })
}

/// The counts that a batch has.
pub(super) fn batch_counts(row: &impl Columns) -> Result<Counts, StoreError> {
    Ok(Counts {
        created: row.int("created")?,
        updated: row.int("updated")?,
        rejoined: row.int("rejoined")?,
        unchanged: row.int("unchanged")?,
        deferred: row.int("deferred")?,
        ..Counts::default()
    })
}

pub(super) fn run(row: &impl Columns) -> Result<Run, StoreError> {
    let error = match (row.opt_text("error_code")?, row.opt_text("error_message")?) {
        (Some(code), Some(message)) => Some(RunError { code, message }),
        _ => None,
    };
    Ok(Run {
        id: row.run_id("id")?,
        source: word(&row.text("source")?, crate::domain::Source::from_word, "run source")?,
        mode: word(&row.text("mode")?, crate::domain::Mode::from_word, "run mode")?,
        state: word(&row.text("state")?, crate::domain::RunState::from_word, "run state")?,
        act: row.opt_text("act")?.map(|text| word(&text, crate::domain::Act::from_word, "decision")).transpose()?,
        target_run_id: row.opt_run_id("target_run_id")?,
        superseded_by: row.opt_run_id("superseded_by")?,
        requested_by: row.text("requested_by")?,
        observed_at: row.time("observed_at")?,
        created_at: row.time("created_at")?,
        started_at: row.opt_time("started_at")?,
        finished_at: row.opt_time("finished_at")?,
        progress: Progress {
            members_done: row.int("members_done")?,
            members_total: row.int("members_total")?,
            batches_done: row.int("batches_done")?,
            batches_total: row.int("batches_total")?,
        },
        counts: counts(row)?,
        held_reason: row
            .opt_text("held_reason")?
            .map(|text| word(&text, crate::domain::HeldReason::from_word, "held reason"))
            .transpose()?,
        warnings: serde_json::from_str(&row.json("warnings")?).map_err(|_| unreadable("list of warnings")())?,
        error,
    })
}

pub(super) fn member(row: &impl Columns) -> Result<MemberRow, StoreError> {
    let account = match (row.opt_int("user_id")?, row.opt_text("account")?) {
        (Some(id), Some(name)) => Some((id, name)),
        _ => None,
    };
    Ok(MemberRow {
        member: Member {
            id: discord_id(row.int("discord_id")?)?,
            username: row.text("username")?,
            display_name: row.text("display_name")?,
            nickname: row.text("nickname")?,
            avatar_hash: row.text("avatar_hash")?,
            guild_avatar_hash: Some(row.text("guild_avatar_hash")?),
            roles: Roles::from_json(row.json("roles")?).ok_or_else(unreadable("list of roles"))?,
            joined_at: row.opt_time("joined_at")?,
            is_bot: row.flag("is_bot")?,
        },
        date_created: row.time("date_created")?,
        date_modified: row.time("date_modified")?,
        date_left: row.opt_time("date_left")?,
        observed_at: row.time("observed_at")?,
        created_run_id: row.opt_run_id("created_run_id")?,
        account,
    })
}

fn fields(json: Option<String>) -> Result<Option<Fields>, StoreError> {
    let Some(json) = json else { return Ok(None) };
    let mut fields: Fields = serde_json::from_str(&json).map_err(|_| unreadable("set of fields")())?;
    // Where SQL made the object, a time in it is what the database's own times are as JSON.
    for name in ["joined_at", "date_left"] {
        let Some(value) = fields.get_mut(name) else { continue };
        let time = match &*value {
            Value::Number(micros) => micros.as_i64().and_then(DateTime::from_timestamp_micros),
            Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(Into::into),
            _ => continue,
        };
        let time: DateTime<Utc> = time.ok_or_else(unreadable("time among fields"))?;
        *value = serde_json::to_value(time).map_err(|_| unreadable("time among fields")())?;
    }
    Ok(Some(fields))
}

pub(super) fn change(row: &impl Columns) -> Result<Change, StoreError> {
    Ok(Change {
        id: discord_id(row.int("discord_id")?)?,
        action: word(&row.text("action")?, Action::from_word, "action")?,
        before: fields(row.opt_json("before")?)?,
        after: fields(row.opt_json("after")?)?,
    })
}

pub(super) fn event(row: &impl Columns) -> Result<Event, StoreError> {
    Ok(Event {
        number: row.int("id")?,
        change: change(row)?,
        run_id: row.opt_run_id("run_id")?,
        observed_at: row.time("observed_at")?,
        recorded_at: row.time("recorded_at")?,
    })
}

pub(super) fn conflict(row: &impl Columns) -> Result<AccountConflict, StoreError> {
    Ok(AccountConflict {
        username: row.text("username")?,
        kind: word(&row.text("kind")?, ConflictKind::from_word, "kind of conflict")?,
        claimed: row.text("claimed")?,
        held_by: row.opt_text("held_by")?,
        noted_at: row.time("noted_at")?,
    })
}

/// An account that claims, what it claims, and under `holder_…` who has that.
pub(super) fn unmet_claim(row: &impl Columns) -> Result<UnmetClaim, StoreError> {
    let holder = match (row.opt_int("holder_id")?, row.opt_text("holder_name")?) {
        (Some(id), Some(username)) => Some(Holder { id, username, has_password: row.flag("holder_has_password")? }),
        _ => None,
    };
    Ok(UnmetClaim {
        account: account(row)?,
        kind: word(&row.text("kind")?, ConflictKind::from_word, "kind of conflict")?,
        claimed: row.text("claimed")?,
        noted_at: row.time("noted_at")?,
        holder,
    })
}

/// An account, and whether its id is that of a row of `guild_members` (`is_known`), and of one that left.
pub(super) fn account_row(row: &impl Columns) -> Result<AccountRow, StoreError> {
    let account = account(row)?;
    let membership = match (account.discord_id, row.flag("is_known")?, row.opt_time("date_left")?) {
        (None, ..) => Membership::NoDiscord,
        (Some(_), false, _) => Membership::Never,
        (Some(_), true, None) => Membership::Present,
        (Some(_), true, Some(_)) => Membership::Left,
    };
    Ok(AccountRow {
        account,
        discord_username: row.text("discord_username")?,
        has_password: row.opt_text("password_hash")?.is_some(),
        membership,
    })
}

pub(super) fn account(row: &impl Columns) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.int("id")?,
        username: row.text("username")?,
        email: row.text("email")?,
        discord_id: row.opt_int("discord_id")?.map(discord_id).transpose()?,
        is_staff: row.flag("is_staff")?,
        is_superuser: row.flag("is_superuser")?,
        is_active: row.flag("is_active")?,
        date_joined: row.time("date_joined")?,
        last_login: row.opt_time("last_login")?,
    })
}

pub(super) fn credentials(row: &impl Columns) -> Result<Credentials, StoreError> {
    Ok(Credentials { account: account(row)?, password_hash: row.opt_text("password_hash")?.map(Into::into) })
}

pub(super) fn process(row: &impl Columns) -> Result<Process, StoreError> {
    Ok(Process {
        id: row.text("id")?,
        host: row.text("host")?,
        roles: row.text("roles")?,
        version: row.text("version")?,
        started_at: row.time("started_at")?,
        seen_at: row.time("seen_at")?,
        jobs: Jobs { in_hand: row.int("jobs_in_hand")?, done: row.int("jobs_done")?, failed: row.int("jobs_failed")? },
    })
}

pub(super) fn share(row: &impl Columns) -> Result<Share, StoreError> {
    Ok(Share {
        worker: row.opt_text("worker")?,
        waiting: row.int("waiting")?,
        in_hand: row.int("in_hand")?,
        applied: row.int("applied")?,
        members: row.int("members")?,
        repeats: row.int("repeats")?,
    })
}

pub(super) fn trouble(row: &impl Columns) -> Result<Trouble, StoreError> {
    Ok(Trouble {
        batch: row.int("batch")?,
        attempts: row.int("attempts")?,
        worker: row.opt_text("worker")?,
        is_applied: row.flag("is_applied")?,
        error: row.text("last_error")?,
    })
}

pub(super) fn role(row: &impl Columns) -> Result<GuildRole, StoreError> {
    let small = |name: &str| i32::try_from(row.int(name)?).map_err(|_| unreadable("role")());
    Ok(GuildRole {
        id: discord_id(row.int("role_id")?)?,
        name: row.text("name")?,
        color: small("color")?,
        position: small("position")?,
    })
}

pub(super) fn reply(row: &impl Columns) -> Result<Reply, StoreError> {
    Ok(Reply {
        run: row.run_id("run_id")?,
        to: Interaction {
            application: discord_id(row.int("application_id")?)?,
            token: row.text("token")?.into(),
            expires_at: row.time("expires_at")?,
        },
    })
}

pub(super) fn problem(row: &impl Columns) -> Result<Problem, StoreError> {
    Ok(Problem { code: row.text("code")?, message: row.text("message")?, noted_at: row.time("noted_at")? })
}

pub(super) fn staff_entry(row: &impl Columns) -> Result<StaffEntry, StoreError> {
    Ok(StaffEntry {
        id: row.int("id")?,
        at: row.time("at")?,
        account: row.opt_int("account")?,
        name: row.text("name")?,
        act: word(&row.text("act")?, StaffAct::from_word, "act of staff")?,
        target: row.text("target")?,
        detail: row.text("detail")?,
    })
}

pub(super) fn place(row: &impl Columns) -> Result<MemberPlace, StoreError> {
    Ok(MemberPlace { at: row.opt_time("at")?, id: discord_id(row.int("discord_id")?)? })
}

pub(super) fn tally(row: &impl Columns) -> Result<MemberTally, StoreError> {
    Ok(MemberTally {
        present: row.int("present")?,
        left: row.int("gone")?,
        linked: row.int("linked")?,
        bots: row.int("bots")?,
        guild_only: row.int("guild_only")?,
        linked_present: row.int("linked_present")?,
        linked_left: row.int("linked_left")?,
        unlinked_left: row.int("unlinked_left")?,
        absent: row.int("absent")?,
        local: row.int("local")?,
        accounts: row.int("accounts")?,
    })
}
