//! `held_departures`: whom a run would have marked as left if a person had said so.

use sqlx::SqliteConnection;

use super::json_list;
use crate::domain::RunId;
use crate::store::StoreError;

/// Opens a hold.
pub(super) async fn insert(connection: &mut SqliteConnection, run: RunId, departed: &[i64]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO held_departures (run_id, discord_id) SELECT ?1, value FROM json_each(?2)")
        .bind(run.to_string())
        .bind(json_list(departed))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends any hold but that of `run`, an applied roster: whom it misses was judged anew.
pub(super) async fn replace(connection: &mut SqliteConnection, run: RunId) -> Result<(), StoreError> {
    let replaced = sqlx::query(
        "UPDATE sync_runs SET state = 'superseded', superseded_by = ?1, departures_held = 0
         WHERE mode = 'full' AND state = 'held' AND held_reason <> 'empty_list' AND id <> ?1",
    )
    .bind(run.to_string())
    .execute(&mut *connection)
    .await?;
    if replaced.rows_affected() > 0 {
        sqlx::query(
            "DELETE FROM held_departures
             WHERE outcome IS NULL AND run_id IN (SELECT id FROM sync_runs WHERE state = 'superseded' AND superseded_by = ?1)",
        )
        .bind(run.to_string())
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Those of a hold that are not decided, all or some of them.
pub(super) async fn undecided(
    connection: &mut SqliteConnection,
    run: RunId,
    ids: Option<&[i64]>,
) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM held_departures
         WHERE run_id = ?1 AND outcome IS NULL AND (?2 IS NULL OR discord_id IN (SELECT value FROM json_each(?2)))
         ORDER BY discord_id",
    )
    .bind(run.to_string())
    .bind(ids.map(json_list))
    .fetch_all(connection)
    .await?)
}

/// Notes what a decision made of some of a hold; answers how many are left undecided.
pub(super) async fn decide(
    connection: &mut SqliteConnection,
    run: RunId,
    decision: RunId,
    outcomes: &[(&[i64], &str)],
) -> Result<i64, StoreError> {
    for (ids, outcome) in outcomes {
        sqlx::query(
            "UPDATE held_departures SET outcome = ?3, decided_by = ?4
             WHERE run_id = ?1 AND discord_id IN (SELECT value FROM json_each(?2))",
        )
        .bind(run.to_string())
        .bind(json_list(ids))
        .bind(outcome)
        .bind(decision.to_string())
        .execute(&mut *connection)
        .await?;
    }
    Ok(sqlx::query_scalar("SELECT count(*) FROM held_departures WHERE run_id = ?1 AND outcome IS NULL")
        .bind(run.to_string())
        .fetch_one(connection)
        .await?)
}
