//! The command line, through the built program.

mod check;
mod check_discord;
mod demo;
mod help;
mod proxies;
mod serve;
mod serve_discord;
mod settings;
mod staff;
mod sync;
mod sync_beside;
mod users;

use std::ffi::OsStr;
use std::path::PathBuf;

use tempfile::TempDir;

use super::support::process::{Guildsync, Launch, Stream};
use super::support::scratch;

const GUILD: &str = "42000000000000001";
const KEY: &str = "key-of-the-tests-4711";

/// A folder with a database, and the program run in it.
struct Home {
    folder: TempDir,
    vars: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Checks the exit status.
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Checks that what was told to the person names all of these.
    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word) || self.out.contains(word), "{word:?} in {self:?}");
        }
        self
    }
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(scratch::root()).unwrap();
        let database = format!("sqlite://{}", folder.path().join("guildsync.db").display());
        Self { folder, vars: Vec::new() }.with("DATABASE_URL", &database).with("GUILD_ID", GUILD)
    }

    /// With one more variable, or another value of it.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.retain(|(other, _)| other != name);
        self.vars.push((name.into(), value.into()));
        self
    }

    /// Writes a file.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn launch<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Launch {
        let launch = Guildsync::with(args).folder(self.folder.path());
        self.vars.iter().fold(launch, |launch, (name, value)| launch.var(name, value))
    }

    async fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        ended(self.launch(args)).await
    }

    /// Runs it with this on its standard input.
    async fn fed<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, input: impl Into<Vec<u8>>) -> Ran {
        ended(self.launch(args).input(input)).await
    }

    /// A service on a free port, and its address.
    async fn serve(&self) -> (Guildsync, String) {
        let service = self.launch(["serve", "--bind", "127.0.0.1:0"]).var("DBOT_AUTH_KEY", KEY).start();
        let line = service.wait_for_line("serving on http://").await;
        let address = line.rsplit_once("http://").unwrap().1.split(' ').next().unwrap().to_owned();
        (service, address)
    }
}

async fn ended(launch: Launch) -> Ran {
    let mut process = launch.start();
    let status = process.wait().await;
    Ran {
        code: status.code().unwrap_or_else(|| panic!("{status}")),
        out: process.lines(Stream::Out).join("\n"),
        err: process.lines(Stream::Err).join("\n"),
    }
}

/// A member list.
fn list(ids: impl IntoIterator<Item = u64>) -> String {
    let members: Vec<_> =
        ids.into_iter().map(|id| serde_json::json!({ "id": id.to_string(), "username": format!("user{id}") })).collect();
    serde_json::json!({ "members": members }).to_string()
}

/// What stands after a word in a command's counts.
#[track_caller]
fn count(ran: &Ran, name: &str) -> i64 {
    let line = ran.out.lines().find(|line| line.trim_start().starts_with(name));
    let line = line.unwrap_or_else(|| panic!("{name} in {ran:?}"));
    line.split_whitespace().last().unwrap().parse().unwrap()
}
