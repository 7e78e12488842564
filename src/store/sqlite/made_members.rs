//! `sync_batches.made`: which members a run made.

use sqlx::{AssertSqlSafe, SqliteConnection};

use super::{Sqlite, json_list};
use crate::domain::{Counts, RunId};
use crate::store::changes::{Beside, MANY_MADE, page_of};
use crate::store::{StoreError, small_payload};

/// Whom a batch made of the members it lists, who are in their rows by now, as it is noted with the batch.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    run: RunId,
    listed: &[i64],
    counts: &Counts,
) -> Result<Option<Vec<u8>>, StoreError> {
    if counts.created == 0 {
        return Ok(None);
    }
    let is_all = i64::try_from(listed.len()).is_ok_and(|listed| listed == counts.created);
    let found;
    let made = if is_all {
        listed
    } else {
        found = sqlx::query_scalar(
            "SELECT discord_id FROM guild_members WHERE discord_id IN (SELECT value FROM json_each(?1)) AND created_run_id = ?2",
        )
        .bind(json_list(listed))
        .bind(run.to_string())
        .fetch_all(connection)
        .await?;
        &found
    };
    Ok(Some(small_payload::pack_ids(made)?))
}

impl Sqlite {
    /// Whom a run made, those next to a place first.
    pub(in crate::store) async fn made_by(&self, run: RunId, beside: Beside, limit: i64) -> Result<Vec<i64>, StoreError> {
        let (made, is_noted): (i64, bool) = sqlx::query_as(
            "SELECT COALESCE(sum(b.created), 0), COALESCE(min(b.made IS NOT NULL), true)
             FROM sync_batches b JOIN sync_runs r ON r.id = b.run_id
             WHERE b.run_id = ?1 AND b.created > 0 AND r.mode <> 'dry_run'",
        )
        .bind(run.to_string())
        .fetch_one(&self.read)
        .await?;
        if made == 0 {
            return Ok(Vec::new());
        }
        if is_noted && made <= MANY_MADE {
            let noted: Vec<Vec<u8>> = sqlx::query_scalar("SELECT made FROM sync_batches WHERE run_id = ?1 AND made IS NOT NULL")
                .bind(run.to_string())
                .fetch_all(&self.read)
                .await?;
            return page_of(&noted, beside, limit);
        }
        let made = beside.turn(
            "SELECT discord_id FROM guild_members WHERE created_run_id = ?1 AND discord_id > ?2 ORDER BY discord_id{way} LIMIT ?3",
        );
        Ok(sqlx::query_scalar(AssertSqlSafe(made))
            .bind(run.to_string())
            .bind(beside.border())
            .bind(limit)
            .fetch_all(&self.read)
            .await?)
    }
}
