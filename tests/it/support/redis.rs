//! Redis: one server for all tests of this process, and servers of their own for tests that break them.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;

use super::{DEADLINE, children, scratch};

/// How often a new port is tried before giving up.
const PORTS: usize = 5;

/// URL of the Redis all tests share. Keys must begin with a [`unique_prefix`].
pub fn url() -> String {
    static SHARED: OnceLock<Result<PrivateRedis, String>> = OnceLock::new();
    match SHARED.get_or_init(|| PrivateRedis::launch().map_err(|e| format!("{e:#}"))) {
        Ok(server) => server.url(),
        Err(e) => panic!("{e}"),
    }
}

/// A beginning for keys and channels that no other test has.
pub fn unique_prefix() -> String {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), GIVEN.fetch_add(1, Ordering::Relaxed))
}

/// A Redis of one test, to be killed, restarted and paused. It keeps nothing on disk, and dies with this value.
pub struct PrivateRedis {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl PrivateRedis {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::launch().unwrap_or_else(|e| panic!("{e:#}"))
    }

    /// `redis://127.0.0.1:<port>/`; it stays the same over a restart.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it. All its keys are lost, connections break, new ones are refused.
    pub fn kill(&mut self) {
        children::end(&mut self.child, Signal::KILL);
    }

    /// Starts it again, empty, on the same port; kills it first if it runs.
    pub fn restart(&mut self) {
        self.kill();
        let mut last = String::new();
        let started = children::poll(DEADLINE, || match serve(&self.folder, self.port) {
            Ok(child) => {
                self.child = child;
                true
            }
            Err(e) => {
                last = format!("{e:#}");
                false
            }
        });
        assert!(started.is_ok(), "Redis did not come back on port {}: {last}", self.port);
    }

    /// Stops it in its tracks: connections stay open, nothing is answered.
    pub fn pause(&mut self) {
        children::signal(&mut self.child, Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        children::signal(&mut self.child, Signal::CONT);
    }

    fn launch() -> anyhow::Result<Self> {
        let folder = scratch::folder("redis");
        let mut failure = anyhow::anyhow!("no port was tried");
        for _ in 0..PORTS {
            let port = children::free_port()?;
            match serve(&folder, port) {
                Ok(child) => return Ok(Self { folder, port, child }),
                Err(e) => failure = e,
            }
        }
        Err(failure.context("Redis did not start"))
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Starts a server and waits until it answers.
fn serve(folder: &std::path::Path, port: u16) -> anyhow::Result<Child> {
    let program = children::in_path("redis-server")
        .context("redis-server is not installed: run tests/run, or apt-get install redis-server")?;
    let log = folder.join("redis.log");
    let output = File::create(&log)?;
    let mut command = children::command(&program, "KILL", None)?;
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder).current_dir(folder);
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut child = children::spawn(command)?;

    let pid = child.id();
    let mut ended = false;
    let ready = children::poll(DEADLINE, || {
        ended = !matches!(child.try_wait(), Ok(None));
        ended || serving_process(port).is_ok_and(|answering| answering == Some(pid))
    });
    if ready.is_ok() && !ended {
        return Ok(child);
    }
    children::end(&mut child, Signal::KILL);
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    anyhow::bail!("redis-server on port {port} does not serve; it said:\n{said}")
}

/// Asks who answers on a port: after a clash it may be another test's server.
fn serving_process(port: u16) -> io::Result<Option<u32>> {
    let patience = Duration::from_secs(1);
    let mut line = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), patience)?;
    line.set_read_timeout(Some(patience))?;
    line.write_all(b"INFO server\r\nQUIT\r\n")?;
    let mut answer = String::new();
    line.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer.lines().find_map(|line| line.strip_prefix("process_id:")).and_then(|pid| pid.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redis::AsyncCommands as _;
    use redis::aio::MultiplexedConnection;

    use super::*;

    async fn connect(url: &str) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(url)?.get_multiplexed_async_connection().await
    }

    #[tokio::test]
    async fn tests_share_a_server_and_have_keys_of_their_own() {
        assert_eq!(url(), url());
        let mut connection = connect(&url()).await.unwrap();
        let (one, other) = (unique_prefix(), unique_prefix());
        let () = connection.set(format!("{one}:key"), 1).await.unwrap();
        assert_eq!(connection.get::<_, Option<i32>>(format!("{one}:key")).await.unwrap(), Some(1));
        assert_eq!(connection.get::<_, Option<i32>>(format!("{other}:key")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_private_one_can_be_killed_and_comes_back_empty_under_its_url() {
        let mut server = PrivateRedis::start();
        let url = server.url();
        assert_ne!(url, super::url());
        let () = connect(&url).await.unwrap().set("key", 1).await.unwrap();
        server.kill();
        assert!(connect(&url).await.is_err());
        server.restart();
        assert_eq!(server.url(), url);
        assert_eq!(connect(&url).await.unwrap().get::<_, Option<i32>>("key").await.unwrap(), None);
        drop(server);
        assert!(connect(&url).await.is_err());
    }

    #[tokio::test]
    async fn a_paused_one_is_silent_until_it_may_go_on() {
        let mut server = PrivateRedis::start();
        let mut connection = connect(&server.url()).await.unwrap();
        connection.set_response_timeout(DEADLINE);
        server.pause();
        let ping = redis::cmd("PING");
        let mut answer = std::pin::pin!(ping.query_async::<String>(&mut connection));
        assert!(tokio::time::timeout(Duration::from_millis(200), &mut answer).await.is_err());
        server.resume();
        assert_eq!(answer.await.unwrap(), "PONG");
    }
}
