//! A ledger held in memory, which tests can change under the pages.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeZone as _, Utc};
use guildsync::domain::{
    Account, Change, Counts, DiscordId, Event, GuildRole, HeldReason, Member, MemberRow, Mode, Progress, Roles, Run, RunError,
    RunId, RunState, Source,
};
use guildsync::store::{
    AccountConflict, Accounts, ChangeCursor, Credentials, DiscordLogin, ImportRow, Imported, MemberPage, MemberTotals, NewStaff,
    Problem, Process, Read, SessionLimits, Sessions, StoreError,
};
use secrecy::SecretString;

/// When every test begins.
pub fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 22, 20, 24, 31).unwrap()
}

#[derive(Debug, Clone, Copy)]
struct Open {
    account: i64,
    opened: DateTime<Utc>,
    seen: DateTime<Utc>,
}

/// What the database would hold.
#[derive(Default)]
pub struct World {
    pub people: Mutex<Vec<Credentials>>,
    pub members: Mutex<Vec<MemberRow>>,
    pub runs: Mutex<Vec<Run>>,
    pub roles: Mutex<Vec<GuildRole>>,
    pub problems: Mutex<Vec<Problem>>,
    sessions: Mutex<HashMap<[u8; 32], Open>>,
    /// The database cannot be reached.
    pub down: AtomicBool,
    drawn: AtomicU8,
}

impl World {
    /// Stands in for randomness: each draw differs from the 255 before.
    pub fn draw(&self) -> [u8; 32] {
        [self.drawn.fetch_add(1, Ordering::Relaxed).wrapping_add(1); 32]
    }

    pub fn open_sessions(&self) -> usize {
        self.sessions.lock().unwrap().len()
    }

    pub fn change(&self, username: &str, change: impl FnOnce(&mut Account)) {
        let mut people = self.people.lock().unwrap();
        change(&mut people.iter_mut().find(|one| one.account.username == username).unwrap().account);
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::Relaxed) { Err(StoreError::Unavailable("connection refused".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Read for World {
    async fn ping(&self) -> Result<(), StoreError> {
        self.up()
    }

    async fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        self.up()?;
        Ok(self.runs.lock().unwrap().iter().find(|run| run.id == id).cloned())
    }

    async fn runs(&self, deltas: bool, limit: i64) -> Result<Vec<Run>, StoreError> {
        self.up()?;
        let runs = self.runs.lock().unwrap();
        let shown = runs.iter().rev().filter(|run| deltas || run.mode != Mode::Delta || run.act.is_some());
        Ok(shown.take(usize::try_from(limit).unwrap()).cloned().collect())
    }

    async fn member(&self, id: DiscordId) -> Result<Option<MemberRow>, StoreError> {
        self.up()?;
        Ok(self.members.lock().unwrap().iter().find(|row| row.member.id == id).cloned())
    }

    async fn history(&self, _id: DiscordId, _before: Option<i64>, _limit: i64) -> Result<Vec<Event>, StoreError> {
        unreachable!("no page shows history yet")
    }

    async fn changes(&self, _run: RunId, _after: ChangeCursor, _limit: i64) -> Result<Vec<(ChangeCursor, Change)>, StoreError> {
        unreachable!("no page shows changes yet")
    }

    async fn members(&self, page: MemberPage) -> Result<Vec<MemberRow>, StoreError> {
        self.up()?;
        let members = self.members.lock().unwrap();
        let later = members.iter().filter(|row| page.after.is_none_or(|after| row.member.id > after));
        Ok(later.take(usize::try_from(page.limit).unwrap()).cloned().collect())
    }

    async fn member_totals(&self) -> Result<MemberTotals, StoreError> {
        self.up()?;
        let members = self.members.lock().unwrap();
        let count = |is: fn(&MemberRow) -> bool| i64::try_from(members.iter().filter(|row| is(row)).count()).unwrap();
        Ok(MemberTotals {
            present: count(|row| row.date_left.is_none()),
            left: count(|row| row.date_left.is_some()),
            linked: count(|row| row.account.is_some()),
        })
    }

    async fn processes(&self, _since: DateTime<Utc>) -> Result<Vec<Process>, StoreError> {
        unreachable!("no page shows processes yet")
    }

    async fn roles(&self) -> Result<Vec<GuildRole>, StoreError> {
        self.up()?;
        Ok(self.roles.lock().unwrap().clone())
    }

    async fn problems(&self) -> Result<Vec<Problem>, StoreError> {
        self.up()?;
        Ok(self.problems.lock().unwrap().clone())
    }

    async fn last_fetch(&self) -> Result<Option<Run>, StoreError> {
        unreachable!("no page asks for it")
    }
}

#[async_trait]
impl Accounts for World {
    async fn create_staff(&self, _staff: &NewStaff, _now: DateTime<Utc>) -> Result<Option<Account>, StoreError> {
        unreachable!("pages make no accounts")
    }

    async fn staff(&self) -> Result<Vec<Account>, StoreError> {
        self.up()?;
        let people = self.people.lock().unwrap();
        Ok(people.iter().map(|one| one.account.clone()).filter(|account| account.is_staff).collect())
    }

    async fn set_password(&self, _username: &str, _hash: &SecretString) -> Result<bool, StoreError> {
        unreachable!("pages set no passwords")
    }

    async fn credentials(&self, username: &str) -> Result<Option<Credentials>, StoreError> {
        self.up()?;
        assert!(!username.contains('\0'), "a real database would refuse this");
        let people = self.people.lock().unwrap();
        Ok(people.iter().find(|one| one.account.username.eq_ignore_ascii_case(username)).cloned())
    }

    async fn note_login(&self, account: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.up()?;
        let mut people = self.people.lock().unwrap();
        people.iter_mut().filter(|one| one.account.id == account).for_each(|one| one.account.last_login = Some(now));
        Ok(())
    }

    async fn import(&self, _rows: &[ImportRow], _now: DateTime<Utc>) -> Result<Imported, StoreError> {
        unreachable!("pages import nothing")
    }

    async fn conflicts(&self, _limit: i64) -> Result<Vec<AccountConflict>, StoreError> {
        unreachable!("no page shows conflicts yet")
    }

    async fn log_in_with_discord(&self, login: &DiscordLogin, now: DateTime<Utc>) -> Result<Account, StoreError> {
        self.up()?;
        let mut people = self.people.lock().unwrap();
        if !people.iter().any(|one| one.account.discord_id == Some(login.id)) {
            let mut new = person(100 + i64::try_from(people.len()).unwrap(), &login.username, false, &"".into());
            new.account.discord_id = Some(login.id);
            new.password_hash = None;
            people.push(new);
        }
        let known = people.iter_mut().find(|one| one.account.discord_id == Some(login.id)).unwrap();
        known.account.last_login = Some(now);
        if let Some(email) = &login.email {
            known.account.email.clone_from(email);
        }
        Ok(known.account.clone())
    }
}

#[async_trait]
impl Sessions for World {
    async fn open_session(&self, id: &[u8; 32], account: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.up()?;
        self.sessions.lock().unwrap().insert(*id, Open { account, opened: now, seen: now });
        Ok(())
    }

    async fn session(&self, id: &[u8; 32], limits: SessionLimits, now: DateTime<Utc>) -> Result<Option<Account>, StoreError> {
        self.up()?;
        let mut sessions = self.sessions.lock().unwrap();
        let Some(open) = sessions.get_mut(id).filter(|open| now - open.seen <= limits.idle && now - open.opened <= limits.max)
        else {
            return Ok(None);
        };
        open.seen = now;
        let account = open.account;
        let people = self.people.lock().unwrap();
        Ok(people.iter().map(|one| one.account.clone()).find(|one| one.id == account && one.is_active))
    }

    async fn close_session(&self, id: &[u8; 32]) -> Result<(), StoreError> {
        self.up()?;
        self.sessions.lock().unwrap().remove(id);
        Ok(())
    }
}

/// An active account.
pub fn person(id: i64, username: &str, is_staff: bool, password_hash: &SecretString) -> Credentials {
    let account = Account {
        id,
        username: username.to_owned(),
        email: String::new(),
        discord_id: None,
        is_staff,
        is_superuser: false,
        is_active: true,
        date_joined: start(),
        last_login: None,
    };
    Credentials { account, password_hash: Some(password_hash.clone()) }
}

/// A present member without an account.
pub fn member(id: i64, username: &str) -> MemberRow {
    let member = Member {
        id: DiscordId::try_from(id).unwrap(),
        username: username.to_owned(),
        display_name: String::new(),
        nickname: String::new(),
        avatar_hash: String::new(),
        guild_avatar_hash: String::new(),
        roles: Roles::default(),
        joined_at: Some(Utc.with_ymd_and_hms(2021, 3, 4, 5, 6, 7).unwrap()),
        is_bot: false,
    };
    MemberRow {
        member,
        date_created: start(),
        date_modified: start(),
        date_left: None,
        observed_at: start(),
        created_run_id: None,
        account: None,
    }
}

/// Members as no friendly guild has them, and some friendly ones.
pub fn odd_members() -> Vec<MemberRow> {
    let mut rows = vec![
        member(80_351_110_224_678_912, "nelly"),
        member(80_351_110_224_678_913, "<script>alert(1)</script>"),
        member(80_351_110_224_678_914, "rtl"),
        member(80_351_110_224_678_915, "party"),
        member(80_351_110_224_678_916, "zalgo"),
        member(80_351_110_224_678_917, "long"),
        member(80_351_110_224_678_918, "helper"),
        member(80_351_110_224_678_919, "gone"),
        member(80_351_110_224_678_920, "quote"),
    ];
    rows[0].member.display_name = "Nelly".into();
    rows[0].member.nickname = "Nelly of the North".into();
    rows[0].member.avatar_hash = "8342729096ea3675442027381ff50dfe".into();
    rows[0].account = Some((7, "nelly@home".into()));
    rows[2].member.nickname = "\u{202e}drowssap \u{5d0}\u{5d1}\u{5d2}".into();
    rows[3].member.nickname = "🎉🐉👩‍👩‍👧‍👦 Łucja".into();
    rows[3].member.joined_at = None;
    rows[3].member.guild_avatar_hash = "a_0fa1c2e3aa1f5e5b8a3c1a4bd9a0c111".into();
    rows[4].member.nickname = "z\u{351}\u{36b}\u{343}\u{36a}\u{302}a\u{334}\u{310}\u{333}\u{348}lgo".repeat(4);
    rows[5].member.nickname = "W".repeat(100);
    rows[5].account = Some((8, "m".repeat(100)));
    rows[6].member.is_bot = true;
    rows[7].date_left = Some(start());
    rows[7].account = Some((9, "gone_too".into()));
    rows[8].member.nickname = "\" onerror=\"alert(1)' & co".into();
    rows[8].member.guild_avatar_hash = "../?\"><script>".into();
    rows[8].member.avatar_hash = "../../evil\" onerror=\"alert(1)".into();
    rows
}

/// A run in `state`, with counts that fit it.
pub fn run(state: RunState) -> Run {
    let after = |millis| start() + chrono::TimeDelta::milliseconds(millis);
    let (done, total) = match state {
        RunState::Queued | RunState::Superseded => (0, 12_345),
        RunState::Fetching | RunState::Applying | RunState::Failed | RunState::Cancelled => (5_000, 12_345),
        RunState::Finishing | RunState::Succeeded | RunState::Held => (12_345, 12_345),
    };
    let mut run = Run {
        id: RunId::new(start(), [state as u8; 32]),
        source: Source::Push,
        mode: Mode::Full,
        state,
        act: None,
        target_run_id: None,
        superseded_by: None,
        requested_by: "80351110224678912".into(),
        observed_at: after(-250),
        created_at: start(),
        started_at: (done > 0).then(|| after(40)),
        finished_at: state.has_ended().then(|| after(4_300)),
        progress: Progress {
            members_done: done,
            members_total: total,
            batches_done: (done + 4_999) / 5_000,
            batches_total: (total + 4_999) / 5_000,
        },
        counts: Counts {
            created: done / 10,
            updated: done - done / 10,
            unchanged: done / 2,
            total_received: total + 5,
            duplicates: 5,
            ..Counts::default()
        },
        held_reason: None,
        warnings: Vec::new(),
        error: None,
    };
    match state {
        RunState::Succeeded => {
            run.counts.marked_left = 17;
            run.counts.linked = 3;
            run.counts.total_active = 12_345;
        }
        RunState::Held => {
            run.held_reason = Some(HeldReason::MassDeparture);
            run.counts.departures_held = 4_000;
            run.counts.total_active = 16_345;
        }
        RunState::Failed => {
            let message = "The database refused a batch three times; nobody was marked as left. Look at <its> log.".into();
            run.error = Some(RunError { code: "gave_up".into(), message });
        }
        _ => {}
    }
    run
}
