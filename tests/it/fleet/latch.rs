//! Holds a run up at a place of the test's choosing, with locks in PostgreSQL.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use guildsync::domain::DiscordId;

/// A lock that others wait for until it is released, or its server is gone.
pub struct Latch(PgConnection);

impl Latch {
    /// Holds up the batch that would create this member.
    pub async fn on_member(database: &str, id: DiscordId) -> Self {
        let row = format!(
            "INSERT INTO guild_members (discord_id, username, display_name, nickname, avatar_hash, roles, is_bot, date_created, \
                 date_modified, observed_at)
             VALUES ({id}, 'latch', '', '', '', '[]', false, now(), now(), now())"
        );
        Self::by(database, row).await
    }

    /// Holds up every change of a run's row; batches, which only make sure that it stays as it is, go on.
    pub async fn on_run(database: &str, run: &str) -> Self {
        Self::by(database, format!("SELECT FROM sync_runs WHERE id = '{run}' FOR SHARE")).await
    }

    /// Holds up what only one step of the guild may do at a time: the take-up and the end of runs. The number is that of the product's lock.
    pub async fn on_turns(database: &str) -> Self {
        Self::by(database, "SELECT pg_advisory_xact_lock(7454980672444397934)".into()).await
    }

    async fn by(database: &str, sql: String) -> Self {
        let mut connection = PgConnection::connect(database).await.unwrap();
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        Self(connection)
    }

    /// Ends the connections of all processes, as the network does when their machine is gone: what they were waiting for never happens.
    pub async fn cut_off_others(&mut self) {
        let sql = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
                   WHERE application_name = 'guildsync' AND datname = current_database()";
        sqlx::raw_sql(sql).execute(&mut self.0).await.unwrap();
    }

    /// Lets them go on.
    pub async fn release(mut self) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.0).await.unwrap();
        self.0.close().await.unwrap();
    }
}
