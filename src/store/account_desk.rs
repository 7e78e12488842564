//! The handle of what staff do to accounts: rights, and whose a Discord id is.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{NewStaffEntry, StoreError};
use crate::domain::{Account, AccountChange, DiscordId};

/// What became of a change of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// There is no such account.
    Unknown,
    /// Who wants it may not act, or no longer.
    MayNotAct,
    /// It is the account of who wants it: nobody takes anything from themselves.
    OwnAccount,
}

/// What a person decided of a claim, as they saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// The account gets the id, which the account with the number `from` had, or nobody.
    Give {
        /// What is claimed.
        claimed: DiscordId,
        /// Who had it.
        from: Option<i64>,
    },
    /// Nothing changes, and the claim is forgotten.
    Keep,
}

/// What became of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// It is done: so many links were made and removed.
    Done {
        /// Links made.
        linked: i64,
        /// Links removed.
        unlinked: i64,
    },
    /// The claim is not open any more.
    Gone,
    /// The account claims something else by now, or somebody else has the id.
    Moved,
}

/// Changes accounts at the wish of staff.
#[async_trait]
pub trait AccountDesk: Send + Sync + 'static {
    /// Changes what an account may do, in one transaction with the look at whether `by`, the account of who wants it, may still act, and with
    /// the note of it in the log of staff. Sessions of an account that is deactivated end.
    async fn change_account(
        &self,
        account: i64,
        change: AccountChange,
        by: i64,
        now: DateTime<Utc>,
    ) -> Result<Changed, StoreError>;

    /// Settles what `account` claims. Links and the note in the log of staff follow in the same transaction.
    async fn settle_conflict(
        &self,
        account: i64,
        decided: Decided,
        noted: NewStaffEntry<'_>,
        now: DateTime<Utc>,
    ) -> Result<Settlement, StoreError>;
}

/// The note of a change that is made, for the log of staff. `target` is the account's number.
pub(super) fn note_of<'a>(
    accounts: &'a [Account],
    change: AccountChange,
    account: i64,
    by: i64,
    target: &'a str,
) -> NewStaffEntry<'a> {
    let name = |id| accounts.iter().find(|one| one.id == id).map_or("", |one| one.username.as_str());
    NewStaffEntry { account: Some(by), name: name(by), act: change.act(), target, detail: name(account) }
}

/// The account after a change, or why it is not to be. `accounts` are the two, as they are now. Whoever may act stays so, and so there is
/// always somebody who may.
pub(super) fn judge(accounts: &[Account], account: i64, change: AccountChange, by: i64) -> Result<Account, Changed> {
    let find = |id| accounts.iter().find(|one| one.id == id);
    let before = find(account).ok_or(Changed::Unknown)?;
    if !find(by).is_some_and(Account::may_act) {
        Err(Changed::MayNotAct)
    } else if account == by && change.takes() {
        Err(Changed::OwnAccount)
    } else {
        Ok(change.of(before))
    }
}
