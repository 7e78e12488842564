//! chromedriver: one for all tests of this process, which starts a Chromium for each session.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::Script;
use crate::support::process::{Guildsync, Launch};
use crate::support::{DEADLINE, children, scratch};

/// What it says once it listens.
const READY: &str = "started successfully on port ";

/// A chromedriver that runs.
pub(super) struct Driver {
    port: u16,
    chromium: PathBuf,
    _process: Guildsync,
}

/// The one all tests share. It ends with this process, and each Chromium with it: they talk through a pipe that breaks then.
pub(super) async fn shared() -> &'static Driver {
    static SHARED: OnceCell<Driver> = OnceCell::const_new();
    SHARED.get_or_init(Driver::start).await
}

fn program(name: &str) -> PathBuf {
    let found = children::in_path(name);
    found.unwrap_or_else(|| panic!("{name} is not installed: run tests/run, or apt-get install chromium chromium-driver"))
}

impl Driver {
    pub(super) async fn start() -> Self {
        let (driver, chromium) = (program("chromedriver"), program("chromium"));
        // Chromium writes into its home whatever else it is told.
        let home = scratch::folder("chromedriver");
        let process = Launch::of(&driver, ["--port=0"]).var("HOME", home).start();
        let line = process.wait_for_line(READY).await;
        let port = line.rsplit_once(READY).and_then(|(_, port)| port.trim_end_matches('.').parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {line:?}"));
        Self { port, chromium, _process: process }
    }

    /// Starts a Chromium that keeps everything in `folder`.
    pub(super) async fn begin(&self, folder: &Path, script: Script) -> Client {
        let capabilities = HashMap::from([
            ("timeouts", json!({ "pageLoad": DEADLINE.as_millis(), "script": DEADLINE.as_millis() })),
            ("goog:loggingPrefs", json!({ "browser": "ALL" })),
            ("goog:chromeOptions", self.options(folder, script)),
        ]);
        let capabilities = capabilities.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut connecting = ClientBuilder::new(HttpConnector::new());
        let address = format!("http://127.0.0.1:{}", self.port);
        let connecting = connecting.capabilities(capabilities).connect(&address);
        let client = tokio::time::timeout(DEADLINE, connecting).await.expect("Chromium starts in time");
        let client = client.unwrap_or_else(|e| panic!("Chromium does not start: {e}"));
        // Its session ends with [`Driver::end`], also where no runtime is left to send the request.
        client.persist().await.expect("the session has begun");
        client
    }

    fn options(&self, folder: &Path, script: Script) -> Value {
        let mut args = vec![
            "--headless=new".to_owned(),
            "--remote-debugging-pipe".into(),
            format!("--user-data-dir={}", folder.display()),
            // Nothing outside this machine is asked for.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-gpu".into(),
            // The one of a container is too small.
            "--disable-dev-shm-usage".into(),
            "--hide-scrollbars".into(),
            "--lang=en-US".into(),
        ];
        if rustix::process::geteuid().is_root() {
            // Its sandbox does not work for root.
            args.push("--no-sandbox".into());
        }
        let mut prefs = json!({ "download.default_directory": super::downloads(folder), "download.prompt_for_download": false });
        if script == Script::Off {
            prefs["profile.managed_default_content_settings.javascript"] = 2.into();
        }
        json!({ "binary": self.chromium, "args": args, "prefs": prefs })
    }

    /// Ends a session and its Chromium, and waits until that is gone.
    pub(super) fn end(&self, session: &str) -> io::Result<()> {
        let mut line = TcpStream::connect(("127.0.0.1", self.port))?;
        line.set_read_timeout(Some(DEADLINE))?;
        write!(line, "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port)?;
        line.read_exact(&mut [0; 12])
    }
}
