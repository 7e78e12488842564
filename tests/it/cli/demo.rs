//! `demo`: what it prints works as printed.

use std::process::{Command, Output};

use reqwest::header::COOKIE;
use reqwest::redirect::Policy;

use super::Home;
use crate::support::forms::LoginForm;
use crate::support::process::{Guildsync, Stream};

/// What a line says after this word.
fn after(demo: &Guildsync, word: &str) -> String {
    let lines = demo.lines(Stream::Out);
    let line = lines.iter().find_map(|line| line.trim_start().strip_prefix(word));
    line.unwrap_or_else(|| panic!("{word} in {lines:?}")).trim().to_owned()
}

/// The lines from `curl` to the end of the command.
fn command(demo: &Guildsync) -> String {
    let lines = demo.lines(Stream::Out);
    let command: Vec<_> =
        lines.into_iter().skip_while(|line| !line.contains("curl ")).take_while(|line| !line.is_empty()).collect();
    command.join("\n")
}

/// Runs a command as a person would.
async fn shell(command: String) -> Output {
    tokio::task::spawn_blocking(move || Command::new("sh").arg("-c").arg(command).output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_it_prints_works_and_nothing_is_left() {
    let home = Home::new();
    let temporary = home.folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut demo = home
        .launch(["demo", "--bind", "127.0.0.1:0", "--members", "300", "--every", "1", "--seed", "7"])
        .var("TMPDIR", &temporary)
        .start();
    demo.wait_for_line("Stop with Ctrl-C").await;
    assert!(demo.lines(Stream::Out).iter().any(|line| line.contains("First sync: 300 members created")));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 1);

    see_the_pages(&demo).await;
    let ran = shell(command(&demo)).await;
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!(answer["state"], "succeeded", "{answer}");
    assert!(answer["total_received"].as_i64() > Some(200), "{answer}");
    let empty = command(&demo).replace("--data-binary @", "-d '{\"members\":[]}' # ");
    let ran = shell(empty).await;
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:?}"));
    assert_eq!((&answer["state"], &answer["marked_left"]), (&"held".into(), &0.into()), "{answer}");

    // The guild keeps changing.
    demo.wait_for_lines("->", 2).await;
    demo.sigint();
    assert!(demo.wait().await.success());
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    // What the environment points at was not touched.
    assert!(!home.folder.path().join("guildsync.db").exists());
}

/// Logs in with the printed words and looks at the members.
async fn see_the_pages(demo: &Guildsync) {
    let (pages, name, word) = (after(demo, "Pages"), after(demo, "Login"), after(demo, "Password"));
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let form = LoginForm::ask(&client, pages.strip_suffix("/admin/").unwrap()).await;
    assert_eq!(form.filled(&name, "x").send().await.unwrap().status(), 401);
    let cookie = form.log_in(&name, &word).await;
    for page in ["accounts/guildmember/", "sync/"] {
        let answer = client.get(format!("{pages}{page}")).header(COOKIE, &cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_gives_way_to_a_free_one() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new();
    let mut demo = home.launch(["demo", "--bind", &address, "--members", "10"]).var("TMPDIR", home.folder.path()).start();
    demo.wait_for_line("Stop with Ctrl-C").await;
    let pages = after(&demo, "Pages");
    assert!(!pages.contains(&address), "{pages}");
    assert_eq!(reqwest::get(pages.replace("/admin/", "/healthz")).await.unwrap().status(), 200);
    demo.sigterm();
    assert!(demo.wait().await.success());
}
