//! What the pages of runs read: lists of `sync_runs`, and shares of `sync_batches`.

use super::Sqlite;
use super::sync_runs::run_sql;
use crate::domain::{Mode, Run, RunId, RunState, Source};
use crate::store::columns::{self, Columns as _};
use crate::store::runs::TROUBLES;
use crate::store::{RunList, RunWork, StoreError};

impl Sqlite {
    pub(in crate::store) async fn runs_listed(&self, list: &RunList) -> Result<Vec<Run>, StoreError> {
        let shown = if list.deltas { "" } else { "AND (mode <> 'delta' OR act IS NOT NULL)" };
        let way = if list.after.is_some() { "ASC" } else { "DESC" };
        // 'g' comes after every id.
        let which = format!(
            "WHERE id < COALESCE(?1, 'g') AND id > COALESCE(?6, '') AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR source = ?3) AND (?4 IS NULL OR mode = ?4)
                 {shown} ORDER BY id {way} LIMIT ?5"
        );
        let rows = sqlx::query(run_sql(&which))
            .bind(list.before.map(|run| run.to_string()))
            .bind(list.state.map(RunState::as_str))
            .bind(list.source.map(Source::as_str))
            .bind(list.mode.map(Mode::as_str))
            .bind(list.limit)
            .bind(list.after.map(|run| run.to_string()))
            .fetch_all(&self.read)
            .await?;
        // The newest stands first, whichever way they were looked for.
        rows.iter().map(columns::run).collect()
    }

    pub(in crate::store) async fn work_of_run(&self, run: RunId) -> Result<RunWork, StoreError> {
        let phases = sqlx::query("SELECT fetched_at, applied_at, fetch_error FROM sync_runs WHERE id = ?1")
            .bind(run.to_string())
            .fetch_optional(&self.read)
            .await?;
        let Some(phases) = phases else { return Ok(RunWork::default()) };
        let shares = sqlx::query(
            "SELECT CASE WHEN state <> 'pending' THEN worker END AS worker, count(*) FILTER (WHERE state = 'pending') AS waiting,
                 count(*) FILTER (WHERE state = 'running') AS in_hand, count(*) FILTER (WHERE state = 'applied') AS applied,
                 COALESCE(sum(members) FILTER (WHERE state = 'applied'), 0) AS members,
                 COALESCE(sum(attempts - 1) FILTER (WHERE attempts > 1), 0) AS repeats
             FROM sync_batches WHERE run_id = ?1 GROUP BY 1 ORDER BY 1 NULLS LAST",
        )
        .bind(run.to_string())
        .fetch_all(&self.read)
        .await?;
        let troubles = sqlx::query(
            "SELECT batch AS batch, attempts AS attempts, worker, state = 'applied' AS is_applied, last_error, count(*) OVER () AS of
             FROM sync_batches WHERE run_id = ?1 AND last_error IS NOT NULL ORDER BY state = 'applied', batch LIMIT ?2",
        )
        .bind(run.to_string())
        .bind(TROUBLES)
        .fetch_all(&self.read)
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
