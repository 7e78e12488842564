//! What the planner knows of `guild_members`.
//!
//! A plan is made by what the planner knows of the tables, and is kept as long as its connection or until it is told something new. Autovacuum tells it
//! every minute; meanwhile a first list, or a flood of joins, makes of an empty table one of many thousands, in which the plans made for the empty one
//! look up each member by reading all. So whoever has made of few rows many has the table looked at anew.

use std::sync::atomic::{AtomicI64, Ordering};

use super::Postgres;

/// Of a table that has grown so many times since it was looked at, another plan may be the right one.
const TIMES: i64 = 10;
/// A table of fewer rows is read as fast in whatever way.
const FEW_ROWS: i64 = 1_000;

/// How much this process has added to the table since the planner was told of it.
pub(super) struct Growth {
    made: AtomicI64,
    /// With so many the planner is to be told again.
    many: AtomicI64,
}

impl Growth {
    pub fn new() -> Self {
        Self { made: AtomicI64::new(0), many: AtomicI64::new(FEW_ROWS) }
    }

    /// Whether these rows are the ones with which the table has become another: of many who add at once one is told so.
    fn is_outgrown(&self, made: i64) -> bool {
        let before = self.made.fetch_add(made, Ordering::Relaxed);
        let many = self.many.load(Ordering::Relaxed);
        before < many && before + made >= many
    }

    fn is_known(&self, rows: i64) {
        self.many.store((TIMES - 1) * rows.max(FEW_ROWS), Ordering::Relaxed);
        self.made.store(0, Ordering::Relaxed);
    }
}

impl Postgres {
    /// To be called after the commit of a transaction that made so many rows. Reads a sample of bounded size, of it one column, since what counts here
    /// is how many rows there are, and locks out no writer.
    pub(super) async fn tell_planner(&self, made: i64) {
        if !self.growth.is_outgrown(made) {
            return;
        }
        // Not waited for if somebody else is at it. What was made is committed, and only slower to find if this fails: autovacuum comes.
        let looked_at = sqlx::query("ANALYZE (SKIP_LOCKED) guild_members (discord_id)").execute(&self.pool).await;
        let rows = sqlx::query_scalar("SELECT reltuples::bigint FROM pg_class WHERE oid = 'guild_members'::regclass")
            .fetch_one(&self.pool)
            .await;
        match (looked_at, rows) {
            (Ok(_), Ok(rows)) => self.growth.is_known(rows),
            _ => self.growth.is_known(FEW_ROWS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW_ROWS, Growth};

    #[test]
    fn a_table_is_looked_at_once_each_time_it_has_become_ten_times_as_large() {
        let growth = Growth::new();
        assert!(!growth.is_outgrown(FEW_ROWS - 1));
        assert!(growth.is_outgrown(1));
        assert!(!growth.is_outgrown(100 * FEW_ROWS), "somebody is looking at it");
        growth.is_known(3 * FEW_ROWS);
        assert!(!growth.is_outgrown(26 * FEW_ROWS));
        assert!(growth.is_outgrown(FEW_ROWS));
    }
}
