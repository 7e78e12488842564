//! `roles`: the guild's roles, as Discord last listed them.

use super::Sqlite;
use crate::domain::GuildRole;
use crate::store::{StoreError, columns};

impl Sqlite {
    pub(in crate::store) async fn store_roles(&self, roles: &[GuildRole]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM roles").execute(&mut *tx).await?;
        for role in roles {
            sqlx::query("INSERT OR IGNORE INTO roles (role_id, name, color, position) VALUES (?1, ?2, ?3, ?4)")
                .bind(role.id.get())
                .bind(&role.name)
                .bind(role.color)
                .bind(role.position)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub(in crate::store) async fn list_roles(&self) -> Result<Vec<GuildRole>, StoreError> {
        let rows = sqlx::query("SELECT * FROM roles ORDER BY position DESC, role_id").fetch_all(&self.read).await?;
        rows.iter().map(columns::role).collect()
    }
}
