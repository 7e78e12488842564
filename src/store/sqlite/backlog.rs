//! `sync_runs` and `sync_batches`: what waits for a worker.

use chrono::{DateTime, Utc};

use super::{Sqlite, micros};
use crate::store::{Backlog, StoreError, fleet};

impl Sqlite {
    pub(in crate::store) async fn count_backlog(&self, now: DateTime<Utc>, limit: i64) -> Result<Backlog, StoreError> {
        let rows = sqlx::query(
            "WITH open AS (
                 SELECT id, source, mode, act, state, observed_at, created_at,
                     CASE WHEN state IN ('fetching', 'finishing') AND lease_until >= ?1 THEN 1 ELSE 0 END AS is_claimed
                 FROM sync_runs WHERE finished_at IS NULL
             ), batches AS (
                 SELECT run_id, count(*) FILTER (WHERE state <> 'applied') AS remaining,
                     count(*) FILTER (WHERE state = 'running' AND lease_until >= ?1) AS at_work
                 FROM sync_batches WHERE run_id IN (SELECT id FROM open WHERE state IN ('fetching', 'applying')) GROUP BY run_id
             ), steps AS (
                 SELECT o.*, o.is_claimed + COALESCE(b.at_work, 0) AS at_work,
                     CASE WHEN o.state = 'applying' AND COALESCE(b.remaining, 0) > 0 THEN 0 ELSE 1 - o.is_claimed END
                         + COALESCE(b.remaining - b.at_work, 0) AS waiting
                 FROM open o LEFT JOIN batches b ON b.run_id = o.id
             )
             SELECT *, count(*) OVER () AS all_runs, sum(waiting) OVER () AS all_waiting, sum(at_work) OVER () AS all_at_work,
                 min(created_at) FILTER (WHERE waiting > 0) OVER () AS oldest
             FROM steps ORDER BY state = 'queued', observed_at, id LIMIT ?2",
        )
        .bind(micros(now))
        .bind(limit)
        .fetch_all(&self.read)
        .await?;
        fleet::backlog(&rows)
    }
}
