//! `daily_counts`: how many members came and went, by day.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::Postgres;
use crate::domain::{Counts, RunId};
use crate::store::overview::{day, midnight};
use crate::store::{DayCounts, StoreError};

/// Adds what a run that has just ended did to its day. Counting begins with the first full list that is applied, which is not counted itself.
/// The day's row is locked until the transaction ends, so this comes last.
pub(super) async fn add(
    connection: &mut PgConnection,
    run: RunId,
    counts: &Counts,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO daily_counts (day, joined, departed)
         SELECT $2, CASE WHEN d.begun THEN $3::bigint ELSE 0 END, CASE WHEN d.begun THEN $4::bigint ELSE 0 END
         FROM sync_runs r CROSS JOIN (SELECT EXISTS (SELECT FROM daily_counts) AS begun) d
         WHERE r.id = $1 AND CASE WHEN d.begun THEN r.mode <> 'dry_run' AND $3::bigint + $4::bigint > 0
             ELSE r.mode = 'full' AND r.state IN ('succeeded', 'held') AND r.held_reason IS DISTINCT FROM 'empty_list' END
         ON CONFLICT (day) DO UPDATE SET joined = daily_counts.joined + excluded.joined,
             departed = daily_counts.departed + excluded.departed",
    )
    .bind(run.uuid())
    .bind(midnight(now.date_naive()))
    .bind(counts.created + counts.rejoined)
    .bind(counts.marked_left)
    .execute(connection)
    .await?;
    Ok(())
}

impl Postgres {
    pub(in crate::store) async fn list_days(&self, since: NaiveDate) -> Result<Vec<DayCounts>, StoreError> {
        let rows = sqlx::query("SELECT * FROM daily_counts WHERE day >= $1 ORDER BY day")
            .bind(midnight(since))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(day).collect()
    }
}
