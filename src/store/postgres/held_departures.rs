//! `held_departures`: whom a run would have marked as left if a person had said so.

use sqlx::PgConnection;

use crate::domain::RunId;
use crate::store::StoreError;

/// Opens a hold.
pub(super) async fn insert(connection: &mut PgConnection, run: RunId, departed: &[i64]) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO held_departures (run_id, discord_id) SELECT $1, * FROM UNNEST($2::bigint[])")
        .bind(run.uuid())
        .bind(departed)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends any hold but that of `run`, an applied roster: whom it misses was judged anew.
pub(super) async fn replace(connection: &mut PgConnection, run: RunId) -> Result<(), StoreError> {
    sqlx::query(
        "WITH replaced AS (
             UPDATE sync_runs SET state = 'superseded', superseded_by = $1, departures_held = 0
             WHERE mode = 'full' AND state = 'held' AND held_reason <> 'empty_list' AND id <> $1
             RETURNING id
         )
         DELETE FROM held_departures WHERE run_id IN (SELECT id FROM replaced) AND outcome IS NULL",
    )
    .bind(run.uuid())
    .execute(connection)
    .await?;
    Ok(())
}

/// Those of a hold that are not decided, all or some of them.
pub(super) async fn undecided(connection: &mut PgConnection, run: RunId, ids: Option<&[i64]>) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT discord_id FROM held_departures
         WHERE run_id = $1 AND outcome IS NULL AND ($2::bigint[] IS NULL OR discord_id = ANY($2)) ORDER BY discord_id",
    )
    .bind(run.uuid())
    .bind(ids)
    .fetch_all(connection)
    .await?)
}

/// Notes what a decision made of some of a hold; answers how many are left undecided.
pub(super) async fn decide(
    connection: &mut PgConnection,
    run: RunId,
    decision: RunId,
    outcomes: &[(&[i64], &str)],
) -> Result<i64, StoreError> {
    for (ids, outcome) in outcomes {
        sqlx::query("UPDATE held_departures SET outcome = $3, decided_by = $4 WHERE run_id = $1 AND discord_id = ANY($2)")
            .bind(run.uuid())
            .bind(ids)
            .bind(outcome)
            .bind(decision.uuid())
            .execute(&mut *connection)
            .await?;
    }
    Ok(sqlx::query_scalar("SELECT count(*) FROM held_departures WHERE run_id = $1 AND outcome IS NULL")
        .bind(run.uuid())
        .fetch_one(connection)
        .await?)
}
