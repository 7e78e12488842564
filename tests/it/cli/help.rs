//! What the program says of itself.

use super::Home;

#[tokio::test]
async fn every_command_explains_itself() {
    let home = Home::new();
    for (name, args) in [
        ("guildsync", vec![]),
        ("demo", vec!["demo"]),
        ("serve", vec!["serve"]),
        ("sync", vec!["sync"]),
        ("staff", vec!["staff"]),
        ("staff_create", vec!["staff", "create"]),
        ("staff_list", vec!["staff", "list"]),
        ("staff_passwd", vec!["staff", "passwd"]),
        ("users", vec!["users"]),
        ("users_import", vec!["users", "import"]),
        ("users_conflicts", vec!["users", "conflicts"]),
        ("migrate", vec!["migrate"]),
        ("check", vec!["check"]),
        ("config", vec!["config"]),
    ] {
        let ran = home.run(args.into_iter().chain(["--help"])).await.exits(0);
        assert_eq!(ran.err, "");
        insta::assert_snapshot!(name, ran.out);
    }
    let version = home.run(["--version"]).await.exits(0);
    assert_eq!(version.out, format!("guildsync {}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn the_long_help_says_what_a_script_must_know() {
    let home = Home::new();
    for (command, words) in [
        ("sync", "Exit status: 0 done, 2 bad input, 3 departures held, 1 anything else."),
        ("demo", "Uses a fresh folder and an embedded database; both are removed at the end."),
        ("serve", "With nothing configured this is one process on an SQLite file."),
    ] {
        let help = home.run([command, "--help"]).await.exits(0).out;
        // Without the line breaks of this width.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(words), "{help}");
    }
}

#[tokio::test]
async fn wrong_arguments_are_bad_input() {
    let home = Home::new();
    home.run::<&str>([]).await.exits(2).says(&["Usage", "demo"]);
    for args in [&["srve"][..], &["serve", "--role", "bot-net"], &["sync"], &["staff", "create"], &["demo", "--members", "0"]] {
        let ran = home.run(args).await.exits(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{args:?}: {ran:?}");
    }
}
