//! `roles`: the guild's roles, as Discord last listed them.

use super::Postgres;
use crate::domain::GuildRole;
use crate::store::{StoreError, columns};

impl Postgres {
    pub(in crate::store) async fn store_roles(&self, roles: &[GuildRole]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("DELETE FROM roles").execute(&mut *tx).await?;
        sqlx::query(
            "INSERT INTO roles (role_id, name, color, position) SELECT * FROM UNNEST($1::bigint[], $2::text[], $3::int[], $4::int[])
             ON CONFLICT (role_id) DO NOTHING",
        )
        .bind(roles.iter().map(|role| role.id.get()).collect::<Vec<_>>())
        .bind(roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>())
        .bind(roles.iter().map(|role| role.color).collect::<Vec<_>>())
        .bind(roles.iter().map(|role| role.position).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    pub(in crate::store) async fn list_roles(&self) -> Result<Vec<GuildRole>, StoreError> {
        let rows = sqlx::query("SELECT role_id, name, color::bigint AS color, position::bigint AS position FROM roles ORDER BY position DESC, role_id")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(columns::role).collect()
    }
}
