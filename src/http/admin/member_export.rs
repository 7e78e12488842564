//! Members, and accounts without one, as rows of CSV.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::{Account, MemberRow};
use crate::http::pages::App;
use crate::http::pages::chips::RoleNames;
use crate::http::pages::export::Pages;
use crate::store::{AbsentView, MemberPlace, MemberView, StoreError};

/// Members of a view, from its first page to its end.
pub(super) struct Members {
    /// The next page; `None` when there is none.
    view: Option<MemberView>,
    names: RoleNames,
}

impl Members {
    pub fn new(view: MemberView, names: RoleNames) -> Self {
        Self { view: Some(view), names }
    }
}

/// A member in the columns of [`Members`].
fn cells(row: &MemberRow, names: &RoleNames) -> Vec<String> {
    let member = &row.member;
    vec![
        member.id.to_string(),
        member.shown_name().into_owned(),
        member.username.clone(),
        member.display_name.clone(),
        member.nickname.clone(),
        yes_no(member.is_bot),
        names.names(member).join("; "),
        row.account.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
        time(member.joined_at),
        time(row.date_left),
        time(Some(row.date_created)),
        time(Some(row.date_modified)),
    ]
}

impl Pages for Members {
    const COLUMNS: &'static [&'static str] = &[
        "discord_id",
        "name",
        "username",
        "display_name",
        "nickname",
        "is_bot",
        "roles",
        "account",
        "joined_at",
        "date_left",
        "date_created",
        "date_modified",
    ];

    async fn next(&mut self, app: &App) -> Result<Vec<Vec<String>>, StoreError> {
        let Some(mut view) = self.view.take() else { return Ok(Vec::new()) };
        let found = app.state.member_lists.list_members(&view).await?;
        if let Some(last) = found.rows.last().filter(|_| found.has_more) {
            view.after = Some(MemberPlace::of(last, view.order));
            self.view = Some(view);
        }
        Ok(found.rows.iter().map(|row| cells(row, &self.names)).collect())
    }
}

/// Accounts that were never seen in the guild.
pub(super) struct Absent(pub AbsentView);

impl Pages for Absent {
    const COLUMNS: &'static [&'static str] = &["id", "username", "email", "discord_id", "is_active", "date_joined", "last_login"];

    async fn next(&mut self, app: &App) -> Result<Vec<Vec<String>>, StoreError> {
        let accounts = app.state.member_lists.list_absent(&self.0).await?;
        // A page after the last account has nothing on it.
        self.0.after = accounts.last().map(|account| account.id).or(self.0.after);
        Ok(accounts.into_iter().map(account_cells).collect())
    }
}

fn account_cells(account: Account) -> Vec<String> {
    vec![
        account.id.to_string(),
        account.username,
        account.email,
        account.discord_id.map(|id| id.to_string()).unwrap_or_default(),
        yes_no(account.is_active),
        time(Some(account.date_joined)),
        time(account.last_login),
    ]
}

pub(super) fn time(at: Option<DateTime<Utc>>) -> String {
    at.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)).unwrap_or_default()
}

pub(super) fn yes_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}
