//! Members whose departure a run holds back, where the two databases agree.
//!
//! Enters: a view of a list with a hold. Leaves: its page, read in the order of the hold. What is searched for among many is looked for along the
//! hold, a window at a time, and where the first windows have nearly none of it, by the index of names, which then finds few: whom the hold
//! has of them is a condition.

use super::StoreError;
use super::member_dialect::{Dialect, Statement};
use super::member_lists::{MemberFilter, MemberPlace, MemberView, MembersFound, SortBy, Windows};
use super::search::Search;
use crate::domain::RunId;

/// Whom a run holds back, undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The run.
    pub run: RunId,
    /// How many it holds, about: of a few it is counted how many fit what is searched for.
    pub count: i64,
}

/// At most so many are a few.
const FEW: i64 = 1_000;

/// Names are put together row by row, which costs more than to read them from an index.
const WINDOWS: Windows = Windows { first: FEW, next: 2_500, enough: 10_000, promising: 6 };

impl Hold {
    /// Whether the row `m` is one of them.
    pub(super) fn condition(self) -> String {
        format!(
            "EXISTS (SELECT 1 FROM held_departures h WHERE h.run_id = '{}' AND h.discord_id = m.discord_id AND h.outcome IS NULL)",
            self.run
        )
    }
}

/// A list of those whom a run holds, in the order of their ids.
pub(super) struct HeldList<'a> {
    hold: Hold,
    search: Option<&'a Search>,
    view: &'a MemberView,
}

impl<'a> HeldList<'a> {
    /// `None` of any other list.
    pub fn of(view: &'a MemberView) -> Option<Self> {
        let filter = &view.filter;
        let is_this = MemberFilter { hold: None, search: None, ..filter.clone() } == MemberFilter::default();
        let hold = filter.hold.filter(|_| is_this && view.order.by == SortBy::Id)?;
        Some(Self { hold, search: filter.search.as_ref(), view })
    }

    /// The page; `None` if what is searched for is too rare to be found like this.
    pub async fn find<D: Dialect>(&self, database: &D) -> Result<Option<MembersFound>, StoreError> {
        let wanted = self.view.limit + 1;
        let (mut rows, mut total, mut after) = (Vec::new(), None, self.view.after);
        let (mut window, mut seen) = (if self.search.is_some() { WINDOWS.first } else { wanted }, 0);
        loop {
            let missing = wanted - i64::try_from(rows.len()).unwrap_or(wanted);
            let (found, counted) = database.members_of(&self.rows::<D>(after, window, missing)).await?;
            rows.extend(found);
            total = total.or(counted);
            seen += window;
            let is_full = i64::try_from(rows.len()).unwrap_or(wanted) >= wanted;
            let end = if is_full || self.search.is_none() { None } else { database.place(&self.end::<D>(after, window)).await? };
            let Some(end) = end else { return Ok(Some(MembersFound::page(rows, total, self.view))) };
            if seen > WINDOWS.enough || !WINDOWS.are_promising(rows.len(), seen) {
                return Ok(None);
            }
            (after, window) = (Some(end), WINDOWS.next);
        }
    }

    /// The next so many ids of the hold.
    fn ids(&self, after: Option<MemberPlace>, columns: &str, rows: &str) -> String {
        let (way, comparison) = if self.view.order.is_descending { (" DESC", "<") } else { ("", ">") };
        let beside = after.map(|place| format!(" AND discord_id {comparison} {}", place.id)).unwrap_or_default();
        let run = self.hold.run;
        format!(
            "SELECT {columns} FROM held_departures WHERE run_id = '{run}' AND outcome IS NULL{beside} ORDER BY discord_id{way} LIMIT {rows}"
        )
    }

    /// Asks for the last place of a window; there is none where the hold ends before.
    fn end<D: Dialect>(&self, after: Option<MemberPlace>, window: i64) -> Statement {
        let columns = format!("{} AS at, discord_id", D::NO_TIME);
        Statement { sql: self.ids(after, &columns, &format!("1 OFFSET {}", window - 1)), arguments: Vec::new(), is_shared: false }
    }

    /// Asks for those of a window who fit, and of a few for how many fit in all.
    fn rows<D: Dialect>(&self, after: Option<MemberPlace>, window: i64, limit: i64) -> Statement {
        let mut arguments = Vec::new();
        let words = self.search.map(|search| D::fits(search, &mut arguments)).unwrap_or_default();
        let of = |ids: String| {
            format!("FROM ({ids}) h CROSS JOIN guild_members m {} WHERE m.discord_id = h.discord_id{words}", D::ACCOUNT)
        };
        let is_counted = self.search.is_some() && self.hold.count <= FEW;
        let total = if is_counted {
            format!(", (SELECT count(*) {}) AS total", of(self.ids(None, "discord_id", &FEW.to_string())))
        } else {
            String::new()
        };
        let way = if self.view.order.is_descending { " DESC" } else { "" };
        let window = of(self.ids(after, "discord_id", &window.to_string()));
        let sql = format!("SELECT m.*, u.username AS account{total} {window} ORDER BY h.discord_id{way} LIMIT {limit}");
        Statement { sql, arguments, is_shared: false }
    }
}
