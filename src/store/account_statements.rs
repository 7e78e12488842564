//! The statements of the list of accounts, where the two databases agree; what they differ in is a [`Dialect`].
//!
//! Enters: a page. Leaves: SQL. Times and numbers stand in it as they are; what a person wrote is never in the text, but an argument.
//!
//! # How a search comes about in time
//!
//! No index serves every search in every order. So each way of the search finds what fits by an index of its own, but no more than
//! [`FEW`]: those are filtered and sorted. Where a way finds more, many fit, and going along the order fills the page soon.

use chrono::{DateTime, Utc};

use super::account_lists::{AccountPage, AccountPlace, AccountSort, Membership, Rights, is_part};
use super::member_dialect::has_id;
use super::search::Search;

/// Accounts that one way of a search may find to be filtered and sorted.
const FEW: i64 = 5_000;

/// What the databases say differently.
pub(super) struct Dialect {
    /// The key of the name of the account `u`, its address and its name at Discord in ASCII's lower case, each by code points.
    pub name: &'static str,
    pub email: &'static str,
    pub discord_name: &'static str,
    /// That the address has the fifth argument in it, as an index finds it and as a row is asked. The arguments before it are what begins
    /// like the search's key, from and to, and what does in ASCII's lower case.
    pub has_part: [&'static str; 2],
    /// A time as a literal.
    pub time: fn(DateTime<Utc>) -> String,
}

impl Dialect {
    /// The numbers of the accounts of a page without a search: whatever else is read of them is read of so few.
    pub(super) fn numbers(&self, page: &AccountPage) -> String {
        self.along(page, "")
    }

    /// The accounts of a page with a search, as `n.id`. Where `f.is_cut`, a way of the search found more than [`FEW`], and the page is to be read by
    /// [`many`](Self::many).
    pub(super) fn few(&self, page: &AccountPage) -> String {
        let ways = self.ways(page);
        let each = ways.iter().enumerate().map(|(n, way)| {
            format!(
                "w{n} AS MATERIALIZED (
                     SELECT u.id, u.username_key, u.date_joined, u.last_login, u.discord_id, u.is_staff, u.is_superuser, u.is_active
                     FROM users u WHERE {way} LIMIT {}
                 )",
                FEW + 1
            )
        });
        let of_ways = |text: fn(usize) -> String, between: &str| (0..ways.len()).map(text).collect::<Vec<_>>().join(between);
        let found = of_ways(|n| format!("SELECT * FROM w{n}"), " UNION ");
        let is_cut = of_ways(|n| format!("(SELECT count(*) FROM w{n}) > {FEW}"), " OR ");
        let (each, conditions, order) = (each.collect::<Vec<_>>().join(", "), page.conditions(), self.order(page));
        let after = page.after.map_or("true".to_owned(), |place| self.after(page, place));
        format!(
            "WITH {each}, found AS MATERIALIZED ({found})
             SELECT f.is_cut, n.id FROM (SELECT {is_cut} AS is_cut) f
                 LEFT JOIN (SELECT u.id FROM found u WHERE {after}{conditions} ORDER BY {order} LIMIT {}) n ON true",
            page.limit
        )
    }

    /// As [`numbers`](Self::numbers), where so many fit a search that they are met along the order.
    pub(super) fn many(&self, page: &AccountPage) -> String {
        self.along(page, &format!(" AND ({})", self.fits(page)))
    }

    /// How many fit the search and the filters.
    pub(super) fn count(&self, page: &AccountPage) -> String {
        let fits = if page.search.is_empty() { String::new() } else { format!(" AND ({})", self.fits(page)) };
        format!("SELECT count(*) FROM users u WHERE true{}{fits}", page.conditions())
    }

    /// The numbers of a page, read along its order; of a filter that leaves few, by its index.
    fn along(&self, page: &AccountPage, fits: &str) -> String {
        let (conditions, order, limit) = (page.conditions(), self.order(page), page.limit);
        if page.is_of_few() && page.order.by != AccountSort::Name {
            let after = page.after.map_or("true".to_owned(), |place| self.after(page, place));
            return format!(
                "WITH found AS MATERIALIZED (
                     SELECT u.id, u.username_key, u.date_joined, u.last_login FROM users u WHERE true{conditions}{fits}
                 )
                 SELECT u.id FROM found u WHERE {after} ORDER BY {order} LIMIT {limit}"
            );
        }
        // The length stands there itself, because the plan depends on its being short.
        let parts = self.parts(page).into_iter().map(|(part, order)| {
            format!(
                "SELECT * FROM (SELECT u.id, u.last_login FROM users u WHERE {part}{conditions}{fits} ORDER BY {order} LIMIT {limit}) p"
            )
        });
        let parts = parts.collect::<Vec<_>>();
        match &parts[..] {
            [part] => format!("SELECT id FROM ({part}) u"),
            parts => format!("SELECT u.id FROM ({}) u ORDER BY {order} LIMIT {limit}", parts.join("\n UNION ALL\n ")),
        }
    }

    /// Where a search looks, each way with an index of its own.
    fn ways(&self, page: &AccountPage) -> Vec<String> {
        let begins = |text: &str, [from, to]: [u8; 2]| format!("{text} >= ${from} AND {text} < ${to}");
        let email = if is_part(&page.search) { self.has_part[0].to_owned() } else { begins(self.email, [3, 4]) };
        let texts = [begins(self.name, [1, 2]), email, begins(self.discord_name, [3, 4])];
        texts.into_iter().chain(page.ids("u.discord_id")).chain(page.number()).collect()
    }

    /// The same of a row that is at hand: nothing in it is as an index has it, so that none is gone through for it.
    fn fits(&self, page: &AccountPage) -> String {
        let begins = |text: &str, [from, to]: [u8; 2]| format!("({text} || '') >= ${from} AND ({text} || '') < ${to}");
        let email = if is_part(&page.search) { self.has_part[1].to_owned() } else { begins(self.email, [3, 4]) };
        let texts = [begins(self.name, [1, 2]), email, begins(self.discord_name, [3, 4])];
        texts.into_iter().chain(page.ids("u.discord_id + 0")).chain(page.number()).collect::<Vec<_>>().join(" OR ")
    }

    /// The order in which the list is read.
    pub(super) fn order(&self, page: &AccountPage) -> String {
        let way = page.way();
        match page.order.by {
            AccountSort::Name => format!("{}{way}", self.name),
            AccountSort::Joined => format!("u.date_joined{way}, u.id{way}"),
            AccountSort::LastLogin => {
                let never = if page.is_backwards { " DESC" } else { "" };
                format!("(u.last_login IS NULL){never}, u.last_login{way}, u.id{way}")
            }
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
            None => (Some(String::new()), Some(String::new())),
            Some(AccountPlace { at: None, id }) => {
                (page.is_backwards.then(String::new), Some(format!(" AND u.id {comparison} {id}")))
            }
            Some(AccountPlace { at: Some(at), id }) => {
                let at = (self.time)(at);
                let with = format!(" AND (u.last_login, u.id) {comparison} ({at}, {id})");
                (Some(with), (!page.is_backwards).then(String::new))
            }
        };
        let with = with.map(|after| (format!("u.last_login IS NOT NULL{after}"), order()));
        let without = without.map(|after| (format!("u.last_login IS NULL{after}"), order()));
        with.into_iter().chain(without).collect()
    }

    /// Whether the account `u` comes after a place, in the direction of the page.
    fn after(&self, page: &AccountPage, AccountPlace { at, id }: AccountPlace) -> String {
        let comparison = page.comparison();
        match (page.order.by, at.map(self.time)) {
            (AccountSort::Name, _) => format!("{} {comparison} (SELECT username_key FROM users WHERE id = {id})", self.name),
            (AccountSort::Joined, Some(at)) => format!("(u.date_joined, u.id) {comparison} ({at}, {id})"),
            (AccountSort::Joined, None) => format!("u.id {comparison} {id}"),
            // Who was never logged in with comes last, and first on the way back.
            (AccountSort::LastLogin, at) => match (at, page.is_backwards) {
                (Some(at), false) => format!("((u.last_login, u.id) {comparison} ({at}, {id}) OR u.last_login IS NULL)"),
                (Some(at), true) => format!("(u.last_login, u.id) {comparison} ({at}, {id})"),
                (None, false) => format!("u.last_login IS NULL AND u.id {comparison} {id}"),
                (None, true) => format!("(u.last_login IS NOT NULL OR u.id {comparison} {id})"),
            },
        }
    }
}

/// These numbers as a statement that finds them.
pub(super) fn listed(numbers: &[i64]) -> String {
    if numbers.is_empty() {
        return "SELECT 0 AS id WHERE 1 = 0".to_owned();
    }
    let rows: Vec<String> = numbers.iter().map(|number| format!("({number})")).collect();
    format!("SELECT column1 AS id FROM (VALUES {}) v", rows.join(", "))
}

impl AccountPage {
    /// Whether a filter has an index of the few it leaves, none of which has another order than that of names.
    fn is_of_few(&self) -> bool {
        matches!(self.rights, Some(Rights::Look | Rights::Act)) || self.is_active == Some(false)
    }

    /// Whether a Discord id begins like the search, if that is a number.
    fn ids(&self, id: &str) -> Option<String> {
        let search = Search::new(&self.search).ok()?;
        let [word] = search.words() else { return None };
        has_id(word, id)
    }

    /// The account whose number the search is.
    fn number(&self) -> Option<String> {
        let number: i64 = self.search.parse().ok().filter(|number| *number > 0)?;
        Some(format!("u.id = {number}"))
    }

    fn way(&self) -> &'static str {
        if self.order.is_descending == self.is_backwards { "" } else { " DESC" }
    }

    fn comparison(&self) -> &'static str {
        if self.order.is_descending == self.is_backwards { ">" } else { "<" }
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
