//! The fetch of a list from Discord: a step of its run that is claimed like others, and stages page by page.

use chrono::{DateTime, Utc};
use sqlx::{Row as _, SqliteConnection};

use super::{Sqlite, guild_members, json_list, micros, sync_batches};
use crate::domain::{DiscordId, Guard, Mode, RunId};
use crate::store::columns::{self, Columns as _, word};
use crate::store::fetching::{Departing, FetchClaim, FetchedPage, MAX_WARNINGS};
use crate::store::work::{CLOCKS, LEASE_RAN_OUT, kept_error};
use crate::store::{FinishClaim, MAX_CLAIMS, StoreError};

impl Sqlite {
    pub(in crate::store) async fn claim_list(
        &self,
        run: RunId,
        now: DateTime<Utc>,
        lease_until: DateTime<Utc>,
    ) -> Result<Option<FetchClaim>, StoreError> {
        let row = sqlx::query(
            "UPDATE sync_runs SET attempts = attempts + 1, lease_until = ?3, given_back = 0,
                 fetch_error = CASE WHEN lease_until IS NOT NULL AND given_back = 0 THEN ?5 ELSE fetch_error END
             WHERE id = ?1 AND state = 'fetching' AND attempts < ?4 AND (lease_until IS NULL OR lease_until < ?2)
             RETURNING attempts, observed_at, mode, fetched_to, batches_total, members_total",
        )
        .bind(run.to_string())
        .bind(micros(now))
        .bind(micros(lease_until))
        .bind(MAX_CLAIMS)
        .bind(LEASE_RAN_OUT)
        .fetch_optional(&self.write)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(FetchClaim {
            run,
            attempt: row.try_get("attempts")?,
            observed_at: row.time("observed_at")?,
            mode: word(&row.text("mode")?, Mode::from_word, "run mode")?,
            after: row.opt_int("fetched_to")?.map(columns::discord_id).transpose()?,
            batches: i32::try_from(row.int("batches_total")?).unwrap_or(i32::MAX),
            members: row.int("members_total")?,
        }))
    }

    pub(in crate::store) async fn renew_list(&self, claim: &FetchClaim, lease_until: DateTime<Utc>) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE sync_runs SET lease_until = ?3 WHERE id = ?1 AND state = 'fetching' AND attempts = ?2")
            .bind(claim.run.to_string())
            .bind(claim.attempt)
            .bind(micros(lease_until))
            .execute(&self.write)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    pub(in crate::store) async fn release_list(
        &self,
        claim: &FetchClaim,
        why: &str,
        blameless: bool,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE sync_runs SET lease_until = ?4, rung_at = ?5, attempts = attempts - ?3, given_back = 1, fetch_error = ?6
             WHERE id = ?1 AND state = 'fetching' AND attempts = ?2",
        )
        .bind(claim.run.to_string())
        .bind(claim.attempt)
        .bind(i32::from(blameless))
        .bind(micros(now - CLOCKS))
        .bind(micros(now))
        .bind(kept_error(why))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    pub(in crate::store) async fn note_expected(&self, claim: &FetchClaim, expected: u64) -> Result<(), StoreError> {
        let done =
            sqlx::query("UPDATE sync_runs SET expected_members = ?3 WHERE id = ?1 AND state = 'fetching' AND attempts = ?2")
                .bind(claim.run.to_string())
                .bind(claim.attempt)
                .bind(i64::try_from(expected).unwrap_or(i64::MAX))
                .execute(&self.write)
                .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::ClaimLost) }
    }

    pub(in crate::store) async fn stage_fetched(
        &self,
        claim: &FetchClaim,
        page: &FetchedPage,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let warnings = sqlx::types::JsonValue::from(page.warnings.clone()).to_string();
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE sync_runs SET fetched_to = COALESCE(?3, fetched_to), members_total = members_total + ?4, batches_total = batches_total + 1,
                 total_received = total_received + ?5, duplicates = duplicates + ?6, skipped = skipped + ?7,
                 warnings = iif(json_array_length(warnings) < ?9, (SELECT json_group_array(value) FROM (
                     SELECT value FROM json_each(warnings) UNION ALL SELECT value FROM json_each(?8))), warnings)
             WHERE id = ?1 AND state = 'fetching' AND attempts = ?2 AND batches_total = ?10",
        )
        .bind(claim.run.to_string())
        .bind(claim.attempt)
        .bind(page.last.map(DiscordId::get))
        .bind(page.batch.members)
        .bind(page.received)
        .bind(page.duplicates)
        .bind(page.skipped)
        .bind(warnings)
        .bind(MAX_WARNINGS)
        .bind(i64::from(page.batch.batch))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::ClaimLost);
        }
        sync_batches::insert(&mut tx, claim.run, &page.batch, now).await?;
        spare(&mut tx, claim.run, page).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(in crate::store) async fn end_list(&self, claim: &FetchClaim, now: DateTime<Utc>) -> Result<i64, StoreError> {
        let done = sqlx::query(
            "UPDATE sync_runs SET state = 'applying', attempts = 0, lease_until = NULL, rung_at = ?3, fetched_at = ?3
             WHERE id = ?1 AND state = 'fetching' AND attempts = ?2",
        )
        .bind(claim.run.to_string())
        .bind(claim.attempt)
        .bind(micros(now))
        .execute(&self.write)
        .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::ClaimLost);
        }
        Ok(sqlx::query_scalar("SELECT count(*) FROM sync_batches WHERE run_id = ?1 AND state <> 'applied'")
            .bind(claim.run.to_string())
            .fetch_one(&self.write)
            .await?)
    }

    pub(in crate::store) async fn list_departing(
        &self,
        claim: &FinishClaim,
        guard: Guard,
    ) -> Result<Option<Departing>, StoreError> {
        let run = sqlx::query(
            "SELECT mode, expected_members,
                 COALESCE((SELECT max(staged_at) FROM sync_batches WHERE run_id = ?1), observed_at) AS listed_at
             FROM sync_runs WHERE id = ?1 AND source = 'discord' AND mode <> 'delta'",
        )
        .bind(claim.run.to_string())
        .fetch_optional(&self.read)
        .await?;
        let Some(run) = run else { return Ok(None) };
        let mut connection = self.read.acquire().await?;
        let listed = sync_batches::listed_ids(&mut connection, claim.run).await?;
        let departed = guild_members::departures(&mut connection, &listed, claim.observed_at).await?;
        let counts = sync_batches::sum(&mut connection, claim.run).await?;
        let mode = word(&run.text("mode")?, Mode::from_word, "run mode")?;
        let active = guild_members::active(&mut connection).await?;
        let brought = if mode == Mode::Full { counts.created + counts.rejoined } else { 0 };
        let before = (active - brought).max(0).cast_unsigned();
        Ok(Some(Departing {
            mode,
            listed: listed.len() as u64,
            expected: run.opt_int("expected_members")?.map(i64::unsigned_abs),
            listed_at: run.time("listed_at")?,
            believed: departed.len() as u64 <= guard.limit(before),
            departed: departed.into_iter().map(columns::discord_id).collect::<Result<_, _>>()?,
        }))
    }
}

/// Notes whom a page could not tell of, but who are present.
async fn spare(connection: &mut SqliteConnection, run: RunId, page: &FetchedPage) -> Result<(), StoreError> {
    if page.spared.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE sync_batches SET spared = ?3 WHERE run_id = ?1 AND batch = ?2")
        .bind(run.to_string())
        .bind(page.batch.batch)
        .bind(json_list(&page.spared))
        .execute(connection)
        .await?;
    Ok(())
}
