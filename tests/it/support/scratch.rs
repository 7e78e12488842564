//! One folder for all that this process writes, `guildsync-test-<pid>` under the system's temporary folder.
//!
//! It is removed by a small shell that waits for the end of this process, and, should that have been killed too, by the next run.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};

const NAME: &str = "guildsync-test-";

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = std::env::temp_dir();
    sweep(&base);
    let root = base.join(format!("{NAME}{}", std::process::id()));
    if root.exists() {
        fs::remove_dir_all(&root).expect("a former process of our number left a folder that cannot be removed");
    }
    fs::create_dir(&root).unwrap_or_else(|e| panic!("{} cannot be made: {e}", root.display()));
    remove_in_the_end(&root);
    root
});

/// The folder of this process.
pub fn root() -> &'static Path {
    &ROOT
}

/// A new folder in it; its name starts with `what`.
pub fn folder(what: &str) -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let folder = ROOT.join(format!("{what}-{}", MADE.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder).unwrap_or_else(|e| panic!("{} cannot be made: {e}", folder.display()));
    folder
}

/// Removes what processes left that are gone.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME)).and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            // Another user's stays; it is in nobody's way.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// Starts the shell that removes `root` once our end of its standard input closes: the kernel sees to that. Servers may still be
/// writing their last words then, hence the repeats. Its own process group keeps Ctrl-C away from it.
fn remove_in_the_end(root: &Path) {
    static BROOM: OnceLock<Child> = OnceLock::new();
    const SCRIPT: &str =
        r#"cat >/dev/null; for i in 1 2 3 4 5 6 7 8 9 10; do rm -rf -- "$1"; sleep 0.2; [ -e "$1" ] || exit 0; done"#;
    BROOM.get_or_init(|| {
        let mut broom = Command::new("/bin/sh");
        broom.args(["-c", SCRIPT, "broom"]).arg(root).current_dir("/").process_group(0);
        broom.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("/bin/sh")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sweep_takes_what_the_dead_left_and_nothing_else() {
        let base = folder("sweep");
        let mut dead = Command::new("/bin/true").spawn().unwrap();
        dead.wait().unwrap();
        let [left, ours, other] =
            [format!("{NAME}{}", dead.id()), format!("{NAME}{}", std::process::id()), "guildsync-test-notes".into()]
                .map(|name| base.join(name));
        for folder in [&left, &ours, &other] {
            fs::create_dir(folder).unwrap();
        }
        sweep(&base);
        assert_eq!([left, ours, other].map(|folder| folder.exists()), [false, true, true]);
    }
}
