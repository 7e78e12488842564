//! The statements of the list of accounts, where the two databases agree; what they differ in is a [`Dialect`].
//!
//! Enters: a page. Leaves: SQL. Times and numbers stand in it as they are; what a person wrote is never in the text, but an argument.

use chrono::{DateTime, Utc};

use super::account_lists::{AccountPage, AccountPlace, AccountSort, Membership, Rights};

/// What the databases say differently.
pub(super) struct Dialect {
    /// The key of the name of the account `u`, by code points.
    pub name: &'static str,
    /// Where a search looks: its first two arguments are what begins like its key, from and to, the next two what begins like it in ASCII's
    /// lower case, the fifth is it as an id. Each way has an index of its own.
    pub ways: [&'static str; 4],
    /// A time as a literal.
    pub time: fn(DateTime<Utc>) -> String,
}

impl Dialect {
    /// The numbers of the accounts of a page: whatever else is read of them is read of so few.
    pub(super) fn numbers(&self, page: &AccountPage) -> String {
        let (conditions, order, limit) = (page.conditions(), self.order(page), page.limit);
        if !page.search.is_empty() || (page.is_of_few() && page.order.by != AccountSort::Name) {
            let ways = if page.search.is_empty() { &["true"][..] } else { &self.ways };
            let rows = "SELECT u.id, u.username_key, u.date_joined, u.last_login FROM users u";
            let found = ways.iter().map(|way| format!("{rows} WHERE {way}{conditions}")).collect::<Vec<_>>().join("\n UNION\n ");
            let after = page.after.map_or("true".to_owned(), |place| self.after(page, place));
            return format!(
                "WITH found AS MATERIALIZED (
                     {found}
                 )
                 SELECT u.id FROM found u WHERE {after} ORDER BY {order} LIMIT {limit}"
            );
        }
        // The length stands there itself, because the plan depends on its being short.
        let parts = self.parts(page).into_iter().map(|(part, order)| {
            format!(
                "SELECT * FROM (SELECT u.id, u.last_login FROM users u WHERE {part}{conditions} ORDER BY {order} LIMIT {limit}) p"
            )
        });
        let parts = parts.collect::<Vec<_>>();
        match &parts[..] {
            [part] => format!("SELECT id FROM ({part}) u"),
            parts => format!("SELECT u.id FROM ({}) u ORDER BY {order} LIMIT {limit}", parts.join("\n UNION ALL\n ")),
        }
    }

    /// The order of the whole list.
    pub(super) fn order(&self, page: &AccountPage) -> String {
        let way = page.way();
        match page.order.by {
            AccountSort::Name => format!("{}{way}", self.name),
            AccountSort::Joined => format!("u.date_joined{way}, u.id{way}"),
            AccountSort::LastLogin => format!("(u.last_login IS NULL), u.last_login{way}, u.id{way}"),
        }
    }

    /// The parts of the list within which one index has the order, from where the page begins, each as a condition and its order: of the
    /// list by last login those who ever logged in, then the others.
    fn parts(&self, page: &AccountPage) -> Vec<(String, String)> {
        let after = page.after.map(|place| self.after(page, place));
        if page.order.by != AccountSort::LastLogin {
            return vec![(after.unwrap_or_else(|| "true".to_owned()), self.order(page))];
        }
        let way = page.way();
        let order = || format!("u.last_login{way}, u.id{way}");
        let comparison = page.comparison();
        let (with, without) = match page.after {
            None => (Some(String::new()), String::new()),
            Some(AccountPlace { at: None, id }) => (None, format!(" AND u.id {comparison} {id}")),
            Some(AccountPlace { at: Some(at), id }) => {
                let at = (self.time)(at);
                (Some(format!(" AND (u.last_login, u.id) {comparison} ({at}, {id})")), String::new())
            }
        };
        let with = with.map(|after| (format!("u.last_login IS NOT NULL{after}"), order()));
        with.into_iter().chain([(format!("u.last_login IS NULL{without}"), order())]).collect()
    }

    /// Whether the account `u` comes after a place.
    fn after(&self, page: &AccountPage, AccountPlace { at, id }: AccountPlace) -> String {
        let comparison = page.comparison();
        match (page.order.by, at.map(self.time)) {
            (AccountSort::Name, _) => format!("{} {comparison} (SELECT username_key FROM users WHERE id = {id})", self.name),
            (AccountSort::Joined, Some(at)) => format!("(u.date_joined, u.id) {comparison} ({at}, {id})"),
            (AccountSort::Joined, None) => format!("u.id {comparison} {id}"),
            (AccountSort::LastLogin, Some(at)) => {
                format!("((u.last_login, u.id) {comparison} ({at}, {id}) OR u.last_login IS NULL)")
            }
            (AccountSort::LastLogin, None) => format!("u.last_login IS NULL AND u.id {comparison} {id}"),
        }
    }
}

impl AccountPage {
    /// Whether a filter has an index of the few it leaves, none of which has another order than that of names.
    fn is_of_few(&self) -> bool {
        matches!(self.rights, Some(Rights::Look | Rights::Act)) || self.is_active == Some(false)
    }

    fn way(&self) -> &'static str {
        if self.order.is_descending { " DESC" } else { "" }
    }

    fn comparison(&self) -> &'static str {
        if self.order.is_descending { "<" } else { ">" }
    }

    /// The filters as conditions on the account `u`.
    fn conditions(&self) -> String {
        let rights = match self.rights {
            None => "",
            Some(Rights::None) => " AND NOT u.is_staff",
            Some(Rights::Look) => " AND u.is_staff",
            Some(Rights::Act) => " AND u.is_staff AND u.is_superuser",
        };
        let active = match self.is_active {
            None => "",
            Some(true) => " AND u.is_active",
            Some(false) => " AND NOT u.is_active",
        };
        let member = "EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = u.discord_id";
        let membership = match self.membership {
            None => String::new(),
            Some(Membership::Present) => format!(" AND {member} AND m.date_left IS NULL)"),
            Some(Membership::Left) => format!(" AND {member} AND m.date_left IS NOT NULL)"),
            Some(Membership::Never) => format!(" AND u.discord_id IS NOT NULL AND NOT {member})"),
            Some(Membership::NoDiscord) => " AND u.discord_id IS NULL".to_owned(),
        };
        format!("{rights}{active}{membership}")
    }
}
