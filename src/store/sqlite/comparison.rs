//! `guild_members` and `users`: how many there are in each category of the comparison.

use super::Sqlite;
use crate::store::{Comparison, StoreError, overview};

impl Sqlite {
    pub(in crate::store) async fn count_comparison(&self) -> Result<Comparison, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE date_left IS NULL) AS present,
                 count(*) FILTER (WHERE date_left IS NULL AND NOT is_bot AND user_id IS NULL) AS guild_only,
                 count(*) FILTER (WHERE date_left IS NULL AND NOT is_bot AND user_id IS NOT NULL) AS linked,
                 count(*) FILTER (WHERE date_left IS NOT NULL AND NOT is_bot AND user_id IS NOT NULL) AS gone,
                 (SELECT count(*) FROM users u WHERE u.discord_id IS NOT NULL
                      AND NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = u.discord_id)) AS no_guild
             FROM guild_members",
        )
        .fetch_one(&self.read)
        .await?;
        overview::comparison(&row)
    }
}
