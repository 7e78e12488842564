//! Child processes that never outlive this one, even when it is killed.
//!
//! `setpriv --pdeathsig` asks the kernel to signal the child once the *thread* that started it ends. Threads of tests end all the
//! time, so every child is started by one thread that lives as long as the process.

use std::ffi::OsStr;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::{Pid, Signal};

use super::{DEADLINE, LOOK};

/// Runs the rest of its arguments unless its parent is no longer the process named by the first: the parent may have ended before
/// the kernel was asked to tell.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$1" ] || exit 1; shift; exec "$@""#;

type Order = (Command, mpsc::Sender<io::Result<Child>>);

static KEEPER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    let keep = move || {
        for (mut command, reply) in inbox {
            drop(reply.send(command.spawn()));
        }
    };
    thread::Builder::new().name("keeper".into()).spawn(keep).expect("a thread for starting children");
    orders
});

/// The user a child runs as, where that is not our own.
#[derive(Debug, Clone, Copy)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// A command for `program` that gets `signal` (`KILL`, `QUIT`, ...) when this process ends. Its environment is empty but for `PATH`,
/// `HOME` and what a shell adds (`PWD`).
pub fn command(program: &Path, signal: &str, user: Option<User>) -> anyhow::Result<Command> {
    let setpriv = in_path("setpriv").context("setpriv is not installed: run tests/run, or apt-get install util-linux")?;
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", signal]);
    if let Some(User { uid, gid }) = user {
        command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string(), "--clear-groups"]);
    }
    command.args(["--", "/bin/sh", "-c", UNLESS_ORPHANED, "sh", &std::process::id().to_string()]).arg(program).env_clear();
    command.envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    Ok(command)
}

/// Starts a child from the thread that lives as long as the process.
pub fn spawn(command: Command) -> io::Result<Child> {
    let gone = |_| io::Error::other("the thread that starts children has ended");
    let (reply, answer) = mpsc::channel();
    KEEPER.send((command, reply)).map_err(|e| gone(e.to_string()))?;
    answer.recv().map_err(|e| gone(e.to_string()))?
}

/// Sends a signal, unless the child has ended.
pub fn signal(child: &mut Child, signal: Signal) {
    // Once a child was waited for, its number may belong to someone else.
    if matches!(child.try_wait(), Ok(None)) {
        // It may have ended this very moment.
        let _ = rustix::process::kill_process(Pid::from_child(child), signal);
    }
}

/// Ends a child and waits until it is gone; with `KILL` if it does not heed `first` in time.
pub fn end(child: &mut Child, first: Signal) {
    signal(child, first);
    if poll(DEADLINE, || !matches!(child.try_wait(), Ok(None))).is_err() {
        signal(child, Signal::KILL);
    }
    drop(child.wait());
}

/// Looks until `check` answers `true`, for at most `time`. It blocks: only for servers that start and children that end.
pub fn poll(time: Duration, mut check: impl FnMut() -> bool) -> Result<(), Duration> {
    let start = Instant::now();
    while !check() {
        if start.elapsed() > time {
            return Err(time);
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// The first executable of this name in `PATH`.
pub fn in_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name.as_ref())).find(|file| file.is_file())
}

/// A port nobody listens on at this moment. Someone may take it before we do: whoever uses it must be ready to ask again.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::super::postgres::PrivatePostgres;
    use super::super::process::Launch;
    use super::super::redis::PrivateRedis;
    use super::super::{eventually, scratch};
    use super::*;

    const ROLE: &str = "GUILDSYNC_TEST_ROLE";

    /// Runs itself once more as a child, lets that child start one of each, and kills it.
    #[tokio::test]
    async fn nothing_outlives_a_killed_test_process() {
        if std::env::var_os(ROLE).is_some() {
            return be_the_parent().await;
        }
        let (_, module) = module_path!().split_once("::").unwrap();
        let name = format!("{module}::nothing_outlives_a_killed_test_process");
        let test = std::env::current_exe().unwrap();
        let mut parent = Launch::of(&test, ["--exact", &name, "--nocapture"]).var(ROLE, "parent").start();

        let line = parent.wait_for_line("family: ").await;
        let family: Vec<&str> = line.split_once("family: ").unwrap().1.split(' ').collect();
        let [redis, postgres, shell, folder] = family[..] else { panic!("four things in {line:?}") };
        for pid in [redis, postgres, shell] {
            assert!(lives(pid), "{pid} of {line:?}");
        }
        parent.sigkill();
        parent.wait().await;
        for pid in [redis, postgres, shell] {
            eventually("the child is gone", async || !lives(pid)).await;
        }
        eventually("the folder is gone", async || !Path::new(folder).exists()).await;
    }

    async fn be_the_parent() {
        let redis = PrivateRedis::start();
        let postgres = PrivatePostgres::start();
        let shell = Launch::of(Path::new("/bin/sh"), ["-c", "exec sleep 600"]).start();
        println!("family: {} {} {} {}", redis.pid(), postgres.pid(), shell.pid(), scratch::root().display());
        tokio::time::sleep(DEADLINE).await;
        panic!("nobody killed this process");
    }

    /// Whether a process runs; one that only waits to be collected does not.
    fn lives(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    }
}
