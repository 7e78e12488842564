//! What the pages of runs read: lists of `sync_runs`, and shares of `sync_batches`.

use super::Postgres;
use super::sync_runs::RUN;
use crate::domain::{Mode, Run, RunId, RunState, Source};
use crate::store::columns::{self, Columns as _, turned};
use crate::store::runs::TROUBLES;
use crate::store::{RunList, RunWork, StoreError};

impl Postgres {
    pub(in crate::store) async fn runs_listed(&self, list: &RunList) -> Result<Vec<Run>, StoreError> {
        let shown = if list.deltas { "" } else { "AND (r.mode <> 'delta' OR r.act IS NOT NULL)" };
        let way = if list.after.is_some() { "ASC" } else { "DESC" };
        let sql = format!(
            "{RUN} WHERE r.id < COALESCE($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
                 AND r.id > COALESCE($6, '00000000-0000-0000-0000-000000000000'::uuid) AND ($2::text IS NULL OR r.state = $2)
                 AND ($3::text IS NULL OR r.source = $3) AND ($4::text IS NULL OR r.mode = $4) {shown} ORDER BY r.id {way} LIMIT $5"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(list.before.map(RunId::uuid))
            .bind(list.state.map(RunState::as_str))
            .bind(list.source.map(Source::as_str))
            .bind(list.mode.map(Mode::as_str))
            .bind(list.limit)
            .bind(list.after.map(RunId::uuid))
            .fetch_all(&self.pool)
            .await?;
        turned(list.after.is_some(), &rows, columns::run)
    }

    pub(in crate::store) async fn work_of_run(&self, run: RunId) -> Result<RunWork, StoreError> {
        let phases = sqlx::query("SELECT fetched_at, applied_at, fetch_error FROM sync_runs WHERE id = $1")
            .bind(run.uuid())
            .fetch_optional(&self.pool)
            .await?;
        let Some(phases) = phases else { return Ok(RunWork::default()) };
        let shares = sqlx::query(
            "SELECT CASE WHEN state <> 'pending' THEN worker END AS worker, count(*) FILTER (WHERE state = 'pending') AS waiting,
                 count(*) FILTER (WHERE state = 'running') AS in_hand, count(*) FILTER (WHERE state = 'applied') AS applied,
                 COALESCE(sum(members) FILTER (WHERE state = 'applied'), 0)::bigint AS members,
                 COALESCE(sum(attempts - 1) FILTER (WHERE attempts > 1), 0)::bigint AS repeats
             FROM sync_batches WHERE run_id = $1 GROUP BY 1 ORDER BY 1 NULLS LAST",
        )
        .bind(run.uuid())
        .fetch_all(&self.pool)
        .await?;
        let troubles = sqlx::query(
            "SELECT batch::bigint AS batch, attempts::bigint AS attempts, worker, state = 'applied' AS is_applied, last_error, count(*) OVER () AS of
             FROM sync_batches WHERE run_id = $1 AND last_error IS NOT NULL ORDER BY state = 'applied', batch LIMIT $2",
        )
        .bind(run.uuid())
        .bind(TROUBLES)
        .fetch_all(&self.pool)
        .await?;
        Ok(RunWork {
            fetch_error: phases.opt_text("fetch_error")?,
            troubled: troubles.first().map_or(Ok(0), |first| first.int("of"))?,
            troubles: troubles.iter().map(columns::trouble).collect::<Result<_, _>>()?,
            fetched_at: phases.opt_time("fetched_at")?,
            applied_at: phases.opt_time("applied_at")?,
            shares: shares.iter().map(columns::share).collect::<Result<_, _>>()?,
        })
    }
}
