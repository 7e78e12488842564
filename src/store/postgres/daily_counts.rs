//! `daily_counts`: how many members came and went, by day.

use chrono::NaiveDate;

use super::Postgres;
use crate::store::overview::{day, midnight};
use crate::store::{DayCounts, StoreError};

/// Adds what a run that ends did to its day. Counting begins with the first full list that is applied, which is not counted itself. Stands in the
/// statement that ends the run $1, in the state $2, held for $3; the day is $20, and so many came, $21, and went, $7. The day's row is locked
/// until the transaction ends, so that statement comes last.
pub(super) const ADD: &str = "
INSERT INTO daily_counts (day, joined, departed)
SELECT $20, CASE WHEN d.begun THEN $21::bigint ELSE 0 END, CASE WHEN d.begun THEN $7::bigint ELSE 0 END
FROM sync_runs r CROSS JOIN (SELECT EXISTS (SELECT FROM daily_counts) AS begun) d
WHERE r.id = $1 AND CASE WHEN d.begun THEN r.mode <> 'dry_run' AND $21::bigint + $7::bigint > 0
    ELSE r.mode = 'full' AND $2::text IN ('succeeded', 'held') AND $3::text IS DISTINCT FROM 'empty_list' END
ON CONFLICT (day) DO UPDATE SET joined = daily_counts.joined + excluded.joined,
    departed = daily_counts.departed + excluded.departed";

impl Postgres {
    pub(in crate::store) async fn list_days(&self, since: NaiveDate) -> Result<Vec<DayCounts>, StoreError> {
        let rows = sqlx::query("SELECT * FROM daily_counts WHERE day >= $1 ORDER BY day")
            .bind(midnight(since))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(day).collect()
    }
}
