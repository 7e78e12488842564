//! Who writes when: rosters take turns, and so do those who write the rows and links of the same members.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::store::StoreError;

/// Key of the advisory lock under which full rosters of the guild take turns: "guildsyn" in ASCII.
const GUILD_LOCK: i64 = 0x6775_696c_6473_796e;

/// Waits for the guild's turn; held until the transaction ends.
pub(super) async fn lock_guild(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(GUILD_LOCK).execute(connection).await?;
    Ok(())
}

/// Key of the advisory lock under which single rows and links are written: "guildevi" in ASCII. Whoever speaks of a few members shares it, and has
/// those members to itself; whoever may touch any has it alone. While a roster is being taken up or ended somebody else's evidence must neither be
/// half in nor half out.
const EVIDENCE_LOCK: i64 = 0x6775_696c_6465_7669;

/// Of so many members at most each is locked by itself: the server has room for some thousands of locks.
const FEW: usize = 100;

/// Waits until nobody else writes single rows or links; held until the transaction ends. Who needs the guild's turn, too, takes that first.
pub(super) async fn lock_evidence(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(EVIDENCE_LOCK).execute(connection).await?;
    Ok(())
}

/// Waits until nobody else writes the rows or links of these members; held until the transaction ends.
pub(super) async fn lock_members(connection: &mut PgConnection, members: &[i64]) -> Result<(), StoreError> {
    if members.len() > FEW {
        return lock_evidence(connection).await;
    }
    // Two members may share a lock. In order, so that two transactions never wait for each other in a circle.
    let keys: BTreeSet<i32> = members.iter().map(|id| half(*id)).collect();
    sqlx::query(
        "WITH shared AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($1))
         SELECT pg_advisory_xact_lock($2, key) FROM shared, UNNEST($3::int[]) AS k (key)",
    )
    .bind(EVIDENCE_LOCK)
    .bind(half(EVIDENCE_LOCK))
    .bind(keys.into_iter().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// A number of half the size; those of two ids are seldom the same.
#[expect(clippy::cast_possible_truncation, reason = "both halves are in it")]
fn half(id: i64) -> i32 {
    (id ^ (id >> 32)) as i32
}
