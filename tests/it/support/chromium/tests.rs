//! That no Chromium stays behind.

use super::*;
use crate::support::eventually;
use crate::support::process::Launch;

const ROLE: &str = "GUILDSYNC_TEST_ROLE_OF_CHROMIUM";

/// Whether a process runs that keeps its profile in this folder.
fn lives(folder: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let commands = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let mut told = commands.map(|command| String::from_utf8_lossy(&command).into_owned());
    told.any(|command| command.contains(&format!("--user-data-dir={folder}\0")))
}

#[tokio::test]
async fn it_ends_with_its_value_and_takes_its_folder_along() {
    let browser = Browser::start(DESK).await;
    let folder = browser.folder.display().to_string();
    assert!(lives(&folder));
    drop(browser);
    eventually("it is gone", async || !lives(&folder)).await;
    assert!(!Path::new(&folder).exists());
}

#[tokio::test]
async fn it_is_as_wide_as_it_was_told() {
    let browser = Browser::start(PHONE).await;
    browser.open("data:text/html,<title>x</title>").await;
    let seen = async || browser.run("return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]", vec![]).await;
    assert_eq!(seen().await, json!([PHONE, false]));
    browser.resize(DESK).await;
    browser.prefer(Scheme::Dark).await;
    assert_eq!(seen().await, json!([DESK, true]));
}

#[tokio::test]
async fn it_complains_of_script_that_fails() {
    let browser = Browser::start(DESK).await;
    browser.open("data:text/html,<script>nowhere()</script>").await;
    let complaints = browser.complaints().await;
    assert!(complaints.len() == 1 && complaints[0].contains("nowhere"), "{complaints:?}");
    let quiet = Browser::with(DESK, Script::Off).await;
    quiet.open("data:text/html,<script>nowhere()</script>").await;
    assert!(quiet.complaints().await.is_empty());
}

/// Runs itself once more as a child, which starts one, and kills that child.
#[tokio::test]
async fn it_does_not_outlive_a_killed_test_process() {
    if std::env::var_os(ROLE).is_some() {
        let browser = Browser::start(DESK).await;
        println!("folder: {}", browser.folder.display());
        tokio::time::sleep(DEADLINE).await;
        panic!("nobody killed this process");
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let name = format!("{module}::it_does_not_outlive_a_killed_test_process");
    let test = std::env::current_exe().unwrap();
    let mut parent = Launch::of(&test, ["--exact", &name, "--nocapture"]).var(ROLE, "parent").start();
    let line = parent.wait_for_line("folder: ").await;
    let folder = line.rsplit_once("folder: ").unwrap().1;
    assert!(lives(folder));
    parent.sigkill();
    parent.wait().await;
    eventually("Chromium is gone", async || !lives(folder)).await;
}
