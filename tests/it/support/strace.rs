//! What a program connects to, told by the kernel: that nothing ever goes to another host can be seen.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use super::process::Launch;
use super::{children, scratch};

/// What a program, and whatever it starts, connects to.
pub struct Connections(PathBuf);

impl Connections {
    /// Has `launch` run under strace. Its process stays the one that is started: signals and waits are its own.
    pub fn of(launch: Launch) -> (Launch, Self) {
        let Some(strace) = children::in_path("strace") else {
            panic!("strace is not installed: run tests/run, or apt-get install strace")
        };
        let file = scratch::folder("strace").join("connects");
        let args = ["-D", "-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e", "trace=connect", "-o"].map(Into::into);
        (launch.under(&strace, args.into_iter().chain([file.clone().into_os_string()])), Self(file))
    }

    /// Panics if it connected, or tried to connect, to anything but this machine; and if it connected to nothing at all, for then
    /// nothing was seen.
    pub fn assert_all_stayed_here(&self) {
        let text = fs::read_to_string(&self.0).expect("strace writes it");
        let (here, elsewhere): (Vec<&str>, Vec<&str>) = text.lines().filter_map(target).partition(|target| is_here(target));
        assert!(elsewhere.is_empty(), "connected to other hosts:\n{}", elsewhere.join("\n"));
        assert!(!here.is_empty(), "strace saw no connection at all:\n{text}");
    }
}

/// What stands between the braces of a connect to an address of IP.
fn target(line: &str) -> Option<&str> {
    let (_, target) = line.split_once("{sa_family=AF_INET")?;
    Some(target.split_once('}').map_or(target, |(target, _)| target))
}

/// Whether that is this machine. Who asks its resolver for a name wants to go elsewhere.
fn is_here(target: &str) -> bool {
    let mut quoted = target.split('"').skip(1).step_by(2);
    let address = quoted.next().and_then(|text| text.parse::<IpAddr>().ok());
    address.is_some_and(|address| address.is_loopback()) && !target.contains("port=htons(53)")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::process::Stream;
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        let v6 = |address: &str| {
            format!(
                r#"7 connect(3, {{sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "{address}", &sin6_addr)}}, 28) = 0"#
            )
        };
        let v4 = |address: &str, port: u16| {
            format!(r#"7 connect(3, {{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr("{address}")}}, 16) = 0"#)
        };
        for (line, here) in [
            (v4("127.0.0.1", 80), true),
            (v6("::1"), true),
            (v4("192.0.2.1", 80), false),
            (v6("2001:db8::1"), false),
            (v4("127.0.0.53", 53), false),
            (v4("127.0.0.1", 5353), true),
        ] {
            assert_eq!(target(&line).map(is_here), Some(here), "{line}");
        }
        assert_eq!(target(r#"7 connect(3, {sa_family=AF_UNIX, sun_path="/run/nscd"}, 110) = -1"#), None);
    }

    /// Connects with the shell's own means.
    fn connecting_to(address: &str) -> Launch {
        let script =
            format!("trap 'echo asked; exit 3' TERM; (exec 3<>/dev/tcp/{address}); echo done; while :; do sleep 0.01; done");
        Launch::of(Path::new("/bin/bash"), ["-c", &script])
    }

    #[tokio::test]
    async fn a_program_is_watched_and_stays_its_own_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (launch, connections) = Connections::of(connecting_to(&format!("127.0.0.1/{port}")));
        let mut program = launch.start();
        program.wait_for_line("done").await;
        program.sigterm();
        assert_eq!(program.wait().await.code(), Some(3));
        assert_eq!(program.lines(Stream::Out), ["done", "asked"]);
        connections.assert_all_stayed_here();
    }

    #[tokio::test]
    #[should_panic(expected = "connected to other hosts")]
    async fn a_program_that_goes_elsewhere_is_found_out() {
        // An address that no host has: the kernel refuses it at once.
        let (launch, connections) = Connections::of(connecting_to("255.255.255.255/9"));
        launch.start().wait_for_line("done").await;
        connections.assert_all_stayed_here();
    }

    #[tokio::test]
    #[should_panic(expected = "strace saw no connection at all")]
    async fn a_program_that_connects_to_nothing_proves_nothing() {
        let (launch, connections) = Connections::of(Launch::of(Path::new("/bin/true"), [""; 0]));
        launch.start().wait().await;
        connections.assert_all_stayed_here();
    }
}
