//! Accounts as rows of CSV.

use super::member_export::{time, yes_no};
use crate::http::pages::App;
use crate::http::pages::export::{Pages, ROWS};
use crate::store::{AccountPage, AccountPlace, AccountRow, Membership, StoreError};

/// Accounts of a list, from its first page to its end.
pub(super) struct Accounts {
    /// The next page; `None` when there is none.
    page: Option<AccountPage>,
}

impl Accounts {
    /// The whole list that a page is of.
    pub fn of(page: AccountPage) -> Self {
        Self { page: Some(AccountPage { after: None, limit: ROWS, ..page }) }
    }
}

impl Pages for Accounts {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "username",
        "email",
        "discord_id",
        "discord_username",
        "guild",
        "is_staff",
        "is_superuser",
        "is_active",
        "date_joined",
        "last_login",
    ];

    async fn next(&mut self, app: &App) -> Result<Vec<Vec<String>>, StoreError> {
        let Some(mut page) = self.page.take() else { return Ok(Vec::new()) };
        let rows = app.state.account_lists.accounts(&page).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= page.limit);
        if let Some(last) = rows.last().filter(|_| is_full) {
            page.after = Some(AccountPlace::of(&last.account, page.order));
            self.page = Some(page);
        }
        Ok(rows.into_iter().map(cells).collect())
    }
}

fn cells(row: AccountRow) -> Vec<String> {
    let account = row.account;
    vec![
        account.id.to_string(),
        account.username,
        account.email,
        account.discord_id.map(|id| id.to_string()).unwrap_or_default(),
        row.discord_username,
        membership(row.membership).to_owned(),
        yes_no(account.is_staff),
        yes_no(account.is_superuser),
        yes_no(account.is_active),
        time(Some(account.date_joined)),
        time(account.last_login),
    ]
}

/// In the words of the filter.
fn membership(membership: Membership) -> &'static str {
    super::account_view::MEMBERSHIPS.iter().find(|(_, one)| *one == membership).map_or("", |(word, _)| word)
}
