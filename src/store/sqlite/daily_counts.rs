//! `daily_counts`: how many members came and went, by day.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::SqliteConnection;

use super::{Sqlite, micros};
use crate::domain::{Counts, RunId};
use crate::store::overview::{day, midnight};
use crate::store::{DayCounts, StoreError};

/// Adds what a run that has just ended did to its day. Counting begins with the first full list that is applied, which is not counted itself.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    run: RunId,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO daily_counts (day, joined, departed)
         SELECT ?2, iif(d.begun, ?3, 0), iif(d.begun, ?4, 0)
         FROM sync_runs r CROSS JOIN (SELECT EXISTS (SELECT 1 FROM daily_counts) AS begun) d
         WHERE r.id = ?1 AND CASE WHEN d.begun THEN r.mode <> 'dry_run' AND ?3 + ?4 > 0
             ELSE r.mode = 'full' AND r.state IN ('succeeded', 'held') AND r.held_reason IS NOT 'empty_list' END
         ON CONFLICT (day) DO UPDATE SET joined = daily_counts.joined + excluded.joined,
             departed = daily_counts.departed + excluded.departed",
    )
    .bind(run.to_string())
    .bind(micros(midnight(now.date_naive())))
    .bind(counts.created + counts.rejoined)
    .bind(counts.marked_left)
    .execute(connection)
    .await?;
    Ok(())
}

impl Sqlite {
    pub(in crate::store) async fn list_days(&self, since: NaiveDate) -> Result<Vec<DayCounts>, StoreError> {
        let rows = sqlx::query("SELECT * FROM daily_counts WHERE day >= ?1 ORDER BY day")
            .bind(micros(midnight(since)))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(day).collect()
    }
}
