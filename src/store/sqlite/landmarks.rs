//! `sync_runs`: the full lists that say how things stand.

use super::Sqlite;
use crate::store::columns::Columns as _;
use crate::store::{Landmarks, StoreError};

impl Sqlite {
    pub(in crate::store) async fn find_landmarks(&self) -> Result<Landmarks, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT id FROM sync_runs WHERE (mode <> 'delta' OR act IS NOT NULL) AND mode = 'full' ORDER BY id DESC LIMIT 1) AS filed,
                 (SELECT id FROM sync_runs WHERE (mode <> 'delta' OR act IS NOT NULL) AND mode = 'full'
                      AND state IN ('succeeded', 'held', 'failed') ORDER BY id DESC LIMIT 1) AS ended,
                 (SELECT id FROM sync_runs WHERE mode = 'full' AND state IN ('succeeded', 'held') AND held_reason IS NOT 'empty_list'
                  ORDER BY observed_at DESC, id DESC LIMIT 1) AS applied",
        )
        .fetch_one(&self.read)
        .await?;
        let mut runs = [None, None, None];
        for (run, column) in runs.iter_mut().zip(["filed", "ended", "applied"]) {
            if let Some(id) = row.opt_run_id(column)? {
                *run = self.run_by_id(id).await?;
            }
        }
        let [filed, ended, applied] = runs;
        Ok(Landmarks { filed, ended, applied })
    }
}
