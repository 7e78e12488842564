//! Reaching a database, and failing to: no error shows a secret. And who may serve an SQLite file.

use std::time::Duration;

use guildsync::store::{Connect, ServingLock, StoreError, Stores, open};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::children::free_port;
use crate::support::{postgres, sqlite};

const SECRET: &str = "s3cret-p4ss";

fn impatient(url: &str) -> Connect {
    Connect { acquire_timeout: Duration::from_millis(300), ..super::connect(url) }
}

/// Opens what cannot be opened; the error in all the forms it may be shown in.
async fn refused(url: &str) -> (StoreError, String) {
    let connect = impatient(url);
    let error = open(&connect).await.map(|_: Stores| ()).unwrap_err();
    let shown = format!("{error} | {error:?} | {error:#?} | {connect:?} | {:?}", std::error::Error::source(&error));
    assert!(!shown.contains(SECRET), "{shown}");
    (error, shown)
}

#[tokio::test]
async fn a_url_of_no_known_kind_is_refused() {
    for url in ["", "mysql://root:s3cret-p4ss@host/db", "s3cret-p4ss", "http://user:s3cret-p4ss@host", "Postgres//s3cret-p4ss"] {
        let (error, _) = refused(url).await;
        assert!(matches!(error, StoreError::Refused(_)), "{url}: {error:?}");
        assert!(error.to_string().contains("postgres://") && error.to_string().contains("sqlite://"), "{error}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for url in [
        "postgres://user:s3cret-p4ss@host:port/db",
        "postgres://user:s3cret-p4ss@[::1/db",
        "postgres://user:s3cret-p4ss@host/db?sslmode=odd",
    ] {
        let (error, _) = refused(url).await;
        assert!(matches!(error, StoreError::Refused(_)), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_unavailable() {
    let url = format!("postgres://user:{SECRET}@127.0.0.1:{}/db", free_port().unwrap());
    let (error, _) = refused(&url).await;
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn an_unknown_database_or_user_is_told() {
    let database = postgres::database().await;
    let host = database.url().split_once('@').unwrap().1;
    let server = host.split_once('/').unwrap().0;
    let (error, _) = refused(&format!("postgres://postgres:{SECRET}@{server}/nowhere")).await;
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert!(!error.is_transient(), "{error:?}");
    let (error, _) = refused(&format!("postgres://nobody_here:{SECRET}@{host}")).await;
    assert!(error.to_string().contains("nobody_here"), "{error}");
    assert!(!error.is_transient(), "{error:?}");
}

/// The tests' own server trusts everybody, so this one plays the part: it asks for the password and does not like it.
#[tokio::test]
async fn a_wrong_password_is_told_but_not_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut passwords = Vec::new();
        while passwords.is_empty() {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut start = [0; 1024];
            assert!(stream.read(&mut start).await.unwrap() > 0);
            // AuthenticationCleartextPassword, then an error with severity, SQLSTATE and message.
            stream.write_all(b"R\0\0\0\x08\0\0\0\x03").await.unwrap();
            let mut password = [0; 1024];
            let read = stream.read(&mut password).await.unwrap();
            let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"anna\"\0\0";
            let mut answer = vec![b'E'];
            answer.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
            answer.extend(fields);
            stream.write_all(&answer).await.unwrap();
            passwords.extend_from_slice(&password[..read]);
        }
        passwords
    });
    let (error, _) = refused(&format!("postgres://anna:{SECRET}@{address}/db?sslmode=disable")).await;
    assert!(error.to_string().contains("password authentication failed"), "{error}");
    assert!(!error.is_transient(), "{error:?}");
    let sent = String::from_utf8_lossy(&server.await.unwrap()).into_owned();
    assert!(sent.contains(SECRET), "the server was not asked with the password of the URL");
}

#[tokio::test]
async fn an_sqlite_database_must_be_a_file_in_a_folder_that_exists() {
    for url in ["sqlite://", "sqlite::memory:", "sqlite://:memory:", "sqlite://x.db?mode=memory"] {
        let (error, _) = refused(url).await;
        assert!(matches!(error, StoreError::Refused(_)), "{url}: {error:?}");
        assert!(error.to_string().contains("file"), "{error}");
        assert!(ServingLock::take(&super::connect(url)).await.is_err(), "{url}");
    }
    let place = sqlite::sqlite();
    let nowhere = place.url().replace("guildsync.db", "missing/guildsync.db");
    refused(&nowhere).await;
    assert!(matches!(ServingLock::take(&super::connect(&nowhere)).await, Err(StoreError::Refused(_))));
}

#[tokio::test]
async fn an_sqlite_file_is_served_once() {
    let place = sqlite::sqlite();
    let connect = super::connect(&place.url());
    assert_eq!(ServingLock::is_taken(&connect).unwrap(), Some(false));
    let lock = ServingLock::take(&connect).await.unwrap();
    assert_eq!(ServingLock::is_taken(&connect).unwrap(), Some(true));
    let refused = ServingLock::take(&connect).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused(_)), "{refused:?}");
    let said = refused.to_string();
    assert!(said.contains("DATABASE_URL") && said.contains("stop that process"), "{said}");
    // Another spelling is the same file; another file is not.
    for same in [
        format!("{}?mode=rwc", place.url()),
        place.url().replace("sqlite://", "sqlite:"),
        place.url().replace("guildsync", "guild%73ync"),
    ] {
        assert_eq!(ServingLock::is_taken(&super::connect(&same)).unwrap(), Some(true), "{same}");
    }
    let other = sqlite::sqlite();
    assert_eq!(ServingLock::is_taken(&super::connect(&other.url())).unwrap(), Some(false));
    drop(lock);
    assert_eq!(ServingLock::is_taken(&connect).unwrap(), Some(false));
    ServingLock::take(&connect).await.unwrap();
}

#[tokio::test]
async fn postgres_has_room_for_any_number() {
    let database = postgres::database().await;
    let connect = super::connect(database.url());
    let _locks = [ServingLock::take(&connect).await.unwrap(), ServingLock::take(&connect).await.unwrap()];
    assert_eq!(ServingLock::is_taken(&connect).unwrap(), None);
}
