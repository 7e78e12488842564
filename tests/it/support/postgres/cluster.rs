//! One PostgreSQL server: found, set up, started, stopped.

use std::fs::File;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use rustix::process::Signal;

use super::super::children::{self, User};
use super::super::{DEADLINE, scratch};

const OLDEST: u32 = 15;
/// Where Debian and Ubuntu keep the servers, a folder per version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// How often a new port is tried before giving up.
const PORTS: usize = 5;
/// Small and quick. Nothing here outlives the machine, so nothing is forced to disk.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "max_connections=200",
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "min_wal_size=32MB",
    "max_wal_size=128MB",
    "shared_buffers=64MB",
    "log_min_messages=warning",
];

/// Settings of a server that is measured: durable, and large enough not to be its own limit.
const DURABLE: [&str; 6] = [
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=on",
    "max_wal_size=4GB",
    "shared_buffers=512MB",
    "checkpoint_timeout=30min",
];

/// What a confirmed commit is worth when the server crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// It has reached the disk, as in production; for benches.
    Durable,
    /// It has reached the kernel, so it survives.
    Kept,
    /// It may be lost; quicker.
    Hasty,
}

/// A server with its data, in a folder of its own.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    commits: Commits,
    port: u16,
    child: Child,
}

impl Cluster {
    /// Sets up a new one and starts it on a free port.
    pub fn launch(commits: Commits) -> anyhow::Result<Self> {
        let bin = latest(found(&places()))?;
        let user = server_user()?;
        let folder = scratch::folder("postgres");
        if let Some(User { uid, gid }) = user {
            chown(&folder, Some(uid), Some(gid))?;
        }
        init(&bin, &folder, user)?;
        let mut failure = anyhow::anyhow!("no port was tried");
        for _ in 0..PORTS {
            let port = children::free_port()?;
            match serve(&bin, &folder, user, commits, port) {
                Ok(child) => return Ok(Self { bin, folder, user, commits, port, child }),
                Err(e) => failure = e,
            }
        }
        Err(failure.context("PostgreSQL did not start"))
    }

    /// URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The number of its main process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, without a checkpoint.
    pub fn stop(&mut self) {
        children::end(&mut self.child, Signal::QUIT);
    }

    /// Starts it again on the same port; stops it first if it runs.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        let mut last = String::new();
        let started = children::poll(DEADLINE, || match serve(&self.bin, &self.folder, self.user, self.commits, self.port) {
            Ok(child) => {
                self.child = child;
                true
            }
            Err(e) => {
                last = format!("{e:#}");
                false
            }
        });
        ensure!(started.is_ok(), "PostgreSQL did not come back: {last}");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Makes the data folder.
fn init(bin: &Path, folder: &Path, user: Option<User>) -> anyhow::Result<()> {
    let log = folder.join("initdb.log");
    let mut command = children::command(&bin.join("initdb"), "KILL", user)?;
    command.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    command.arg("--pgdata").arg(folder.join("data"));
    let mut child = start(command, folder, &log)?;
    let mut status = None;
    let ended = children::poll(DEADLINE, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    if ended.is_ok() && status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    children::end(&mut child, Signal::KILL);
    bail!("initdb could not set up a server for the tests; it said:\n{}", said(&log))
}

/// Starts the server and waits until it takes connections.
fn serve(bin: &Path, folder: &Path, user: Option<User>, commits: Commits, port: u16) -> anyhow::Result<Child> {
    let log = folder.join("postgres.log");
    let data = folder.join("data");
    let mut command = children::command(&bin.join("postgres"), "QUIT", user)?;
    command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    command.arg("-k").arg(&data);
    command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
    // Of a setting given twice the later counts.
    command.args(match commits {
        Commits::Durable => DURABLE.iter().flat_map(|setting| ["-c", setting]).collect(),
        Commits::Kept => vec!["-c", "synchronous_commit=on"],
        Commits::Hasty => vec!["-c", "synchronous_commit=off"],
    });
    let mut child = start(command, folder, &log)?;

    let pid = child.id();
    let mut ended = false;
    let ready = children::poll(DEADLINE, || {
        ended = !matches!(child.try_wait(), Ok(None));
        ended || is_ready(&data, pid)
    });
    if ready.is_ok() && !ended {
        return Ok(child);
    }
    children::end(&mut child, Signal::QUIT);
    bail!("PostgreSQL on port {port} does not serve; it said:\n{}", said(&log))
}

fn start(mut command: Command, folder: &Path, log: &Path) -> anyhow::Result<Child> {
    let output = File::create(log)?;
    command.current_dir(folder).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    children::spawn(command).context("PostgreSQL cannot be started")
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_else(|e| format!("(its log is unreadable: {e})"))
}

/// Whether this very process takes connections. It says so in the eighth line of its lock file, the first of which is its number.
fn is_ready(data: &Path, pid: u32) -> bool {
    let lock = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let mut lines = lock.lines();
    lines.next().is_some_and(|first| first.trim() == pid.to_string()) && lines.nth(6).is_some_and(|l| l.trim() == "ready")
}

/// PostgreSQL refuses to run as root; then it runs as its own user, or as nobody.
fn server_user() -> anyhow::Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let (Ok(uid), Ok(gid)) = (id("-u", name), id("-g", name)) {
            return Ok(Some(User { uid, gid }));
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user postgres nor nobody: run the tests as another user")
}

fn id(flag: &str, name: &str) -> anyhow::Result<u32> {
    let output = Command::new("id").args([flag, name]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Folders that may hold a server.
fn places() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    std::env::split_paths(&path).chain(versions.map(|version| version.path().join("bin"))).collect()
}

/// The servers in these folders, with their versions.
fn found(places: &[PathBuf]) -> impl Iterator<Item = (u32, PathBuf)> {
    let whole = places.iter().filter(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file());
    whole.filter_map(|bin| {
        let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
        Some((version(&String::from_utf8_lossy(&output.stdout))?, bin.clone()))
    })
}

/// The latest server, if it is late enough.
fn latest(found: impl Iterator<Item = (u32, PathBuf)>) -> anyhow::Result<PathBuf> {
    match found.max_by_key(|(version, _)| *version) {
        Some((version, bin)) if version >= OLDEST => Ok(bin),
        Some((version, _)) => bail!("PostgreSQL {version} is installed, {OLDEST} or later is needed: run tests/run"),
        None => bail!("PostgreSQL is not installed: run tests/run, or apt-get install postgresql"),
    }
}

/// The 15 of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn version(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once("(PostgreSQL) ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_off_the_servers_own_words() {
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(version("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(version("sh: not found"), None);
    }

    #[test]
    fn the_latest_is_taken_and_what_is_missing_is_said() {
        let servers = |versions: &[u32]| latest(versions.iter().map(|v| (*v, PathBuf::from(v.to_string()))));
        assert_eq!(servers(&[14, 17, 16]).unwrap(), Path::new("17"));
        let old = servers(&[13, 14]).unwrap_err().to_string();
        assert!(old.contains("PostgreSQL 14 is installed, 15 or later is needed"), "{old}");
        let none = latest(found(&[scratch::folder("no-server")])).unwrap_err().to_string();
        assert!(none.contains("run tests/run, or apt-get install postgresql"), "{none}");
    }
}
