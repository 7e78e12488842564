//! The built program as a child, in an environment of its own.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::watch;

use super::{DEADLINE, LOOK, children, scratch};

/// Lines kept of a child; older ones are dropped.
const MAX_LINES: usize = 10_000;
/// Longest line kept in one piece, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

#[derive(Default)]
struct Output {
    lines: VecDeque<(Stream, String)>,
    /// Streams that have not ended.
    open: usize,
}

/// A child about to be started.
pub struct Launch {
    program: PathBuf,
    args: Vec<OsString>,
    vars: Vec<(OsString, OsString)>,
    input: Option<Vec<u8>>,
    folder: Option<PathBuf>,
}

impl Launch {
    /// Any program; [`Guildsync::with`] is what most tests want.
    pub(super) fn of<A: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        Self { program: program.to_owned(), args, vars: Vec::new(), input: None, folder: None }
    }

    /// Gives it a variable. It has no others but `PATH` and `HOME`.
    pub fn var(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.vars.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// What it reads from its standard input; nothing unless said.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Where it runs; an empty folder of its own unless said.
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Has another program start it.
    pub(super) fn under(mut self, by: &Path, args: impl IntoIterator<Item = OsString>) -> Self {
        let program = std::mem::replace(&mut self.program, by.to_owned());
        self.args.splice(0..0, args.into_iter().chain([program.into_os_string()]));
        self
    }

    /// Starts it.
    pub fn start(self) -> Guildsync {
        let own_folder = tempfile::tempdir_in(scratch::root()).expect("a folder to run in");
        let mut command = children::command(&self.program, "KILL", None).unwrap_or_else(|e| panic!("{e:#}"));
        command.args(self.args).envs(self.vars).current_dir(self.folder.as_deref().unwrap_or(own_folder.path()));
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = children::spawn(command).unwrap_or_else(|e| panic!("{} cannot be started: {e}", self.program.display()));

        let (output, _) = watch::channel(Output { open: 2, ..Output::default() });
        listen(child.stdout.take().expect("it is piped"), Stream::Out, &output);
        listen(child.stderr.take().expect("it is piped"), Stream::Err, &output);
        if let (Some(input), Some(mut stdin)) = (self.input, child.stdin.take()) {
            // A child may end without reading it all.
            thread::spawn(move || drop(stdin.write_all(&input)));
        }
        Guildsync { child, output, _folder: own_folder }
    }
}

/// A running child. It is killed when this value goes; what it wrote is printed if the test is failing.
pub struct Guildsync {
    child: Child,
    output: watch::Sender<Output>,
    _folder: TempDir,
}

impl Guildsync {
    /// The built program with these arguments.
    pub fn with<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Launch {
        Launch::of(Path::new(env!("CARGO_BIN_EXE_guildsync")), args)
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line, of either stream, that contains `text`, also one already written, and answers it whole.
    pub async fn wait_for_line(&self, text: &str) -> String {
        self.wait_for_lines(text, 1).await
    }

    /// Waits until `count` lines contain `text`, and answers the last of these.
    pub async fn wait_for_lines(&self, text: &str, count: usize) -> String {
        let found = |output: &Output| -> Option<String> {
            let mut lines = output.lines.iter().filter(|(_, line)| line.contains(text));
            lines.nth(count - 1).map(|(_, line)| line.clone())
        };
        let mut seen = self.output.subscribe();
        let waiting = seen.wait_for(|output| output.open == 0 || found(output).is_some());
        let Ok(output) = tokio::time::timeout(DEADLINE, waiting).await else {
            panic!("waited {} s in vain for {count} lines with {text:?}", DEADLINE.as_secs());
        };
        let output = output.expect("we hold the sender");
        found(&output).unwrap_or_else(|| panic!("the process ended its output before {count} lines with {text:?}"))
    }

    /// What it has written to one stream so far, a line each.
    pub fn lines(&self, of: Stream) -> Vec<String> {
        self.output.borrow().lines.iter().filter(|(stream, _)| *stream == of).map(|(_, line)| line.clone()).collect()
    }

    /// Asks it to end.
    pub fn sigterm(&mut self) {
        children::signal(&mut self.child, Signal::TERM);
    }

    /// Does what Ctrl-C does.
    pub fn sigint(&mut self) {
        children::signal(&mut self.child, Signal::INT);
    }

    /// Ends it on the spot.
    pub fn sigkill(&mut self) {
        children::signal(&mut self.child, Signal::KILL);
    }

    /// Stops it in its tracks: its connections stay open, nothing is done.
    pub fn sigstop(&mut self) {
        children::signal(&mut self.child, Signal::STOP);
    }

    /// Lets it go on.
    pub fn sigcont(&mut self) {
        children::signal(&mut self.child, Signal::CONT);
    }

    /// Waits until it has ended and all it wrote has been read.
    pub async fn wait(&mut self) -> ExitStatus {
        let ending = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("it is our child") {
                    return status;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let Ok(status) = tokio::time::timeout(DEADLINE, ending).await else {
            panic!("waited {} s in vain for the process to end", DEADLINE.as_secs());
        };
        let mut seen = self.output.subscribe();
        let ended = tokio::time::timeout(DEADLINE, seen.wait_for(|output| output.open == 0)).await;
        assert!(ended.is_ok(), "the process has ended, yet something it started still holds its output");
        status
    }
}

impl Drop for Guildsync {
    fn drop(&mut self) {
        children::end(&mut self.child, Signal::KILL);
        if thread::panicking() {
            let _ = children::poll(Duration::from_secs(2), || self.output.borrow().open == 0);
            eprintln!("---- what process {} wrote:", self.pid());
            for (stream, line) in &self.output.borrow().lines {
                eprintln!("{stream:?} {line}");
            }
        }
    }
}

/// Reads a stream to its end on a thread of its own.
fn listen(stream: impl Read + Send + 'static, name: Stream, output: &watch::Sender<Output>) {
    let output = output.clone();
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!((&mut stream).take(MAX_LINE).read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            output.send_modify(|output| {
                if output.lines.len() == MAX_LINES {
                    output.lines.pop_front();
                }
                output.lines.push_back((name, text));
            });
            line.clear();
        }
        output.send_modify(|output| output.open -= 1);
    });
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn sh(script: &str) -> Launch {
        Launch::of(Path::new("/bin/sh"), ["-c", script])
    }

    #[tokio::test]
    async fn the_built_program_starts_and_ends() {
        assert!(Guildsync::with(["--version"]).start().wait().await.success());
    }

    #[tokio::test]
    async fn a_child_sees_only_what_it_was_given() {
        let mut child = sh("pwd; ls -A | wc -l; env | cut -d= -f1 | sort | tr '\\n' ' '").var("GIVEN", "1").start();
        assert!(child.wait().await.success());
        let [folder, files, names] = &child.lines(Stream::Out)[..] else { panic!("three lines") };
        assert!(Path::new(folder).starts_with(scratch::root()), "{folder}");
        assert_eq!(files, "0");
        let expected: Vec<&str> = ["GIVEN", "HOME", "PATH", "PWD"].into();
        let names: Vec<&str> = names.split_whitespace().filter(|name| !["OLDPWD", "SHLVL", "_"].contains(name)).collect();
        assert_eq!(names, expected);

        let mut child = sh("pwd").folder("/").start();
        child.wait().await;
        assert_eq!(child.lines(Stream::Out), ["/"]);
    }

    #[tokio::test]
    async fn lines_of_both_streams_are_awaited_and_kept_apart() {
        let child = sh("echo one ready; echo two ready >&2; exec sleep 600").start();
        assert!(child.wait_for_lines("ready", 2).await.ends_with("ready"));
        assert_eq!(child.wait_for_line("two").await, "two ready");
        assert_eq!(child.lines(Stream::Out), ["one ready"]);
        assert_eq!(child.lines(Stream::Err), ["two ready"]);
    }

    #[tokio::test]
    async fn input_reaches_it_and_then_ends() {
        let mut child = sh("cat; exit 3").input("a\nb\n").start();
        assert_eq!(child.wait().await.code(), Some(3));
        assert_eq!(child.lines(Stream::Out), ["a", "b"]);
    }

    #[tokio::test]
    async fn it_can_be_asked_to_end_and_be_killed() {
        let mut child = sh("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done").start();
        child.wait_for_line("ready").await;
        child.sigterm();
        assert!(child.wait().await.success());
        assert_eq!(child.lines(Stream::Out), ["ready", "bye"]);

        let mut child = sh("exec sleep 600").start();
        child.sigkill();
        assert_eq!(child.wait().await.signal(), Some(Signal::KILL.as_raw()));
    }

    #[tokio::test]
    #[should_panic(expected = "the process ended its output before 1 lines with \"ready\"")]
    async fn a_line_that_will_never_come_fails_at_once() {
        sh("echo something else").start().wait_for_line("ready").await;
    }

    #[tokio::test]
    async fn a_flood_of_output_is_bounded() {
        let mut child = sh(&format!("i=0; while [ $i -le {MAX_LINES} ]; do echo $i; i=$((i+1)); done")).start();
        child.wait().await;
        let lines = child.lines(Stream::Out);
        assert_eq!((lines.len(), lines[0].as_str()), (MAX_LINES, "1"));
    }
}
