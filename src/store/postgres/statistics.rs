//! What the planner knows of `guild_members`.
//!
//! A plan is made by what the planner knows of the tables, and is kept as long as its connection or until it is told something new. Autovacuum tells it
//! every minute; meanwhile a first list, or a flood of joins, makes of an empty table one of many thousands, in which the plans made for the empty one
//! look up each member by reading all. So whoever has made as many rows as there were has the table looked at anew.

use std::sync::atomic::{AtomicI64, Ordering};

use super::Postgres;

/// A table of fewer rows is read as fast in whatever way.
const FEW_ROWS: i64 = 1_000;

/// How much this process has added to the table since the planner was told of it.
pub(super) struct Growth {
    made: AtomicI64,
    /// Rows there were then.
    known: AtomicI64,
}

impl Growth {
    pub fn new() -> Self {
        Self { made: AtomicI64::new(0), known: AtomicI64::new(FEW_ROWS) }
    }

    /// Whether these are the ones with which the table has doubled: of many who add at once one is told so.
    fn has_doubled(&self, made: i64) -> bool {
        let before = self.made.fetch_add(made, Ordering::Relaxed);
        let known = self.known.load(Ordering::Relaxed);
        before < known && before + made >= known
    }

    fn is_known(&self, rows: i64) {
        self.known.store(rows.max(FEW_ROWS), Ordering::Relaxed);
        self.made.store(0, Ordering::Relaxed);
    }
}

impl Postgres {
    /// To be called after the commit of a transaction that made so many rows. Reads a sample of bounded size, and locks out no writer.
    pub(super) async fn tell_planner(&self, made: i64) {
        if !self.growth.has_doubled(made) {
            return;
        }
        // Not waited for if somebody else is at it. What was made is committed, and only slower to find if this fails: autovacuum comes.
        let looked_at = sqlx::query("ANALYZE (SKIP_LOCKED) guild_members").execute(&self.pool).await;
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
    fn a_table_is_looked_at_once_each_time_it_has_doubled() {
        let growth = Growth::new();
        assert!(!growth.has_doubled(FEW_ROWS - 1));
        assert!(growth.has_doubled(1));
        assert!(!growth.has_doubled(10 * FEW_ROWS), "somebody is looking at it");
        growth.is_known(3 * FEW_ROWS);
        assert!(!growth.has_doubled(2 * FEW_ROWS));
        assert!(growth.has_doubled(FEW_ROWS));
    }
}
