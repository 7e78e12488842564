//! What PostgreSQL wrote: its log, and members' rows.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

/// How long what is searched may take to follow the members.
const PATIENCE: Duration = Duration::from_mins(5);

/// A moment in what is written.
#[derive(Clone, Copy)]
pub struct Mark {
    /// Bytes of the write-ahead log.
    log: i64,
    /// The first transaction that is still to come.
    next: i64,
}

impl Mark {
    pub async fn now(url: &str) -> Self {
        let (log, next) = sqlx::query_as(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint",
        )
        .fetch_one(&mut connection(url).await)
        .await
        .unwrap();
        Self { log, next }
    }

    /// Bytes of the log since an earlier moment.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn since(self, earlier: Self) -> f64 {
        (self.log - earlier.log) as f64
    }

    /// Rows of members written since this moment.
    pub async fn rows_since(self, url: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM guild_members WHERE xmin::text::bigint >= $1")
            .bind(self.next)
            .fetch_one(&mut connection(url).await)
            .await
            .unwrap()
    }
}

/// Waits until nothing is written any more of what came before.
pub async fn settled(url: &str) {
    let mut connection = connection(url).await;
    let looking = async {
        while sqlx::query_scalar("SELECT EXISTS (SELECT FROM unindexed_members)").fetch_one(&mut connection).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("what is searched follows the members");
}

async fn connection(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}
