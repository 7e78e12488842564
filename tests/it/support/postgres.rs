//! PostgreSQL: one server for all tests of this process with a database per test, and servers of their own for tests that break them.

mod cluster;

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;

use cluster::{Cluster, Commits};

/// Database of the shared server that the others are copied from.
const TEMPLATE: &str = "guildsync_template";

/// A database of one test. On the shared server it is dropped when this value goes.
pub struct TestDatabase {
    url: String,
    name: String,
    drop_at: Option<String>,
}

impl TestDatabase {
    /// `postgres://…`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some(server) = self.drop_at.take() else { return };
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The test's own runtime may be gone, and nobody should wait. What is not dropped goes with the whole server.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let dropping = async { tokio::time::timeout(Duration::from_secs(10), execute(&server, &statement)).await };
            drop(runtime.block_on(dropping));
            std::io::Result::Ok(())
        });
    }
}

/// A new database that has all migrations.
pub async fn database() -> TestDatabase {
    // The migrations are read when the tests run, so that a new file needs no rebuild to be seen.
    static MADE: OnceCell<()> = OnceCell::const_new();
    let server = shared();
    let make = async || {
        let template = new_database(server, TEMPLATE, None).await;
        migrate(&template).await;
    };
    MADE.get_or_init(make).await;
    named_apart(server, Some(TEMPLATE)).await
}

/// A new database with nothing in it.
pub async fn empty_database() -> TestDatabase {
    named_apart(shared(), None).await
}

async fn named_apart(server: &Cluster, template: Option<&str>) -> TestDatabase {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let url = new_database(server, &name, template).await;
    TestDatabase { url, name, drop_at: Some(server.url("postgres")) }
}

/// A PostgreSQL of one test, to be broken and brought back. What it has confirmed it keeps. It dies with this value.
pub struct PrivatePostgres {
    cluster: Cluster,
}

impl PrivatePostgres {
    /// Makes and starts one on a free port.
    pub fn start() -> Self {
        Self::launch(Commits::Kept)
    }

    /// Makes and starts one that forces its commits to disk, to be measured.
    pub fn durable() -> Self {
        Self::launch(Commits::Durable)
    }

    fn launch(commits: Commits) -> Self {
        match Cluster::launch(commits) {
            Ok(cluster) => Self { cluster },
            Err(e) => panic!("{e:#}"),
        }
    }

    /// The number of its main process.
    pub fn pid(&self) -> u32 {
        self.cluster.pid()
    }

    /// A new database that has all migrations. It lives as long as its server.
    pub async fn database(&self) -> TestDatabase {
        let mut database = named_apart(&self.cluster, None).await;
        database.drop_at = None;
        migrate(database.url()).await;
        database
    }

    /// Crashes it: no checkpoint, all connections broken, new ones refused.
    pub fn stop_hard(&mut self) {
        self.cluster.stop();
    }

    /// Starts it again on the same port and data, which it recovers; crashes it first if it runs.
    pub fn restart(&mut self) {
        self.cluster.restart().unwrap_or_else(|e| panic!("{e:#}"));
    }
}

fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Result<Cluster, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Cluster::launch(Commits::Hasty).map_err(|e| format!("{e:#}"))) {
        Ok(cluster) => cluster,
        Err(e) => panic!("{e}"),
    }
}

/// Makes a database and answers its URL.
async fn new_database(server: &Cluster, name: &str, template: Option<&str>) -> String {
    let statement = format!("CREATE DATABASE {name} TEMPLATE {}", template.unwrap_or("template0"));
    execute(&server.url("postgres"), &statement).await.unwrap_or_else(|e| panic!("no database for the test: {e}"));
    server.url(name)
}

async fn migrate(url: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
    let migrator = Migrator::new(folder).await.expect("migrations/postgres is readable");
    let mut connection = PgConnection::connect(url).await.expect("a new database takes connections");
    migrator.run(&mut connection).await.expect("the migrations run on an empty database");
    connection.close().await.expect("nobody may be left in a template");
}

async fn execute(url: &str, statement: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

#[cfg(test)]
mod tests {
    use super::super::eventually;
    use super::*;

    async fn count(url: &str, what: &str) -> sqlx::Result<i64> {
        let mut connection = PgConnection::connect(url).await?;
        let found = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}"))).fetch_one(&mut connection).await;
        connection.close().await?;
        found
    }

    #[tokio::test]
    async fn two_databases_are_apart() {
        let (one, other) = tokio::join!(database(), database());
        let setting = "INSERT INTO settings (name, value) VALUES ('mark', 'one')";
        execute(one.url(), setting).await.unwrap();
        assert_eq!(count(one.url(), "settings").await.unwrap(), 1);
        assert_eq!(count(other.url(), "settings").await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_empty_one_has_no_tables_and_folds_letters_of_all_kinds() {
        let database = empty_database().await;
        assert_eq!(count(database.url(), "pg_tables WHERE schemaname = 'public'").await.unwrap(), 0);
        assert_eq!(count(database.url(), "(SELECT 1 WHERE lower('ÄÉЖ') = 'äéж') AS folded").await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_database_goes_with_its_guard_also_while_connected() {
        let database = empty_database().await;
        let connection = PgConnection::connect(database.url()).await.unwrap();
        let mine = format!("pg_database WHERE datname = '{}'", database.name);
        let server = shared().url("postgres");
        assert_eq!(count(&server, &mine).await.unwrap(), 1);
        drop(database);
        eventually("the database is dropped", async || count(&server, &mine).await.unwrap() == 0).await;
        drop(connection);
    }

    #[tokio::test]
    async fn a_private_one_keeps_what_it_confirmed_over_a_crash() {
        let mut server = PrivatePostgres::start();
        let database = server.database().await;
        execute(database.url(), "INSERT INTO settings (name, value) VALUES ('mark', 'kept')").await.unwrap();
        server.stop_hard();
        assert!(count(database.url(), "settings").await.is_err());
        server.restart();
        assert_eq!(count(database.url(), "settings").await.unwrap(), 1);
        drop(server);
        assert!(count(database.url(), "settings").await.is_err());
    }

    #[tokio::test]
    async fn a_durable_server_forces_its_commits_to_disk() {
        let server = PrivatePostgres::durable();
        let mut connection = PgConnection::connect(server.database().await.url()).await.unwrap();
        let settings: (String, String) = sqlx::query_as("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(settings, ("on".into(), "on".into()));
    }
}
