//! Accounts of an existing website.

use super::{Home, Ran, count, list};

async fn import(home: &Home, csv: impl AsRef<[u8]>) -> Ran {
    let file = home.file("users.csv", csv);
    home.run(["users", "import", file.to_str().unwrap()]).await
}

/// The four counts.
#[track_caller]
fn counts(ran: &Ran) -> [i64; 4] {
    ["Created:", "Updated:", "Linked:", "Unlinked:"].map(|name| count(ran, name))
}

#[tokio::test]
async fn accounts_come_in_and_are_linked_at_once() {
    let home = Home::new();
    home.fed(["sync", "-"], list(1..=3)).await.exits(0);
    let first = "username,email,discord_id\nanna,anna@example.org,1\nben,,2\n\"carl, the third\",c@example.org,\n";
    assert_eq!(counts(&import(&home, first).await.exits(0)), [3, 0, 2, 0]);
    // Matched by name whatever its case; what is empty keeps what the account has.
    assert_eq!(counts(&import(&home, "username,email,discord_id\nANNA,,\nben,,3\n").await.exits(0)), [0, 2, 1, 1]);
    // Other order, other case, a byte order mark, Windows line ends, blanks; a column that nobody knows.
    let excel = "\u{feff}Discord_ID,Age,USERNAME\r\n9, 7 , dora \r\n";
    assert_eq!(counts(&import(&home, excel).await.exits(0)), [1, 0, 0, 0]);
    // A sync later finds the account.
    let ran = home.fed(["sync", "-"], list([1, 2, 3, 9])).await.exits(0);
    assert_eq!(count(&ran, "Linked"), 1);
}

#[tokio::test]
async fn one_fault_imports_nothing() {
    let home = Home::new();
    import(&home, "username,email,discord_id\nanna,anna@example.org,1\n").await.exits(0);
    for (csv, words) in [
        ("", &["username,email,discord_id"][..]),
        ("anna,anna@example.org,1\n", &["username,email,discord_id"]),
        ("name,email,discord_id\nben,,2\n", &["username,email,discord_id"]),
        ("username,email,discord_id\nben,,2\n,,3\n", &["line 3", "name"]),
        ("username,email,discord_id\nben,,2\ncarl,nowhere,3\n", &["line 3", "email"]),
        ("username,email,discord_id\nben,,2\nBEN,,3\n", &["line 3", "line 2", "BEN"]),
        ("username,email,discord_id\nben,,2\ncarl,,a\u{1}b\n", &["line 3", "discord_id"]),
        ("username,email,discord_id\nben,,2\ncarl\n", &["line: 3"]),
    ] {
        let ran = import(&home, csv).await.exits(2).says(&["nothing was imported"]).says(words);
        assert_eq!(ran.out, "", "{csv}");
    }
    let bytes = b"username,email,discord_id\nben,,2\n\xff,,3\n";
    import(&home, bytes).await.exits(2).says(&["nothing was imported", "UTF-8"]);
    // Had one of them left ben, he would be updated now.
    assert_eq!(counts(&import(&home, "username,email,discord_id\nben,,2\n").await.exits(0)), [1, 0, 0, 0]);
}

#[tokio::test]
async fn what_cannot_be_given_without_guessing_is_kept_for_a_person() {
    let home = Home::new();
    home.fed(["sync", "-"], list(1..=5)).await.exits(0);
    import(&home, "username,discord_id\nanna,1\n").await.exits(0);
    let csv = "username,discord_id\nben,2\ncarl,1\ndora,007\neva,3\nfinn,3\n";
    let ran = import(&home, csv).await.exits(3);
    assert_eq!((counts(&ran), count(&ran, "Conflicts:")), ([5, 0, 1, 0], 4));
    let told =
        ["carl: anna has the Discord id 1", "dora: \"007\" is no Discord id", "eva: another account claims", "finn: another"];
    for words in told {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    assert!(ran.out.contains("/admin/accounts/user/conflicts/"), "{ran:?}");
    let listed = home.run(["users", "conflicts"]).await.exits(0);
    assert!(told.iter().all(|words| listed.out.contains(words)), "{listed:?}");
    // Settled in the file, and imported again.
    let ran = import(&home, "username,discord_id\ncarl,4\ndora,\neva,3\nfinn,5\n").await.exits(0);
    assert_eq!(counts(&ran), [0, 4, 3, 0]);
    assert_eq!(home.run(["users", "conflicts"]).await.exits(0).out, "No conflicts.");
}

#[tokio::test]
async fn of_many_faults_the_first_twenty_are_told() {
    let home = Home::new();
    let lines: Vec<_> = (0..25).map(|line| format!("user{line},nowhere,7")).collect();
    let ran = import(&home, format!("username,email,discord_id\n{}", lines.join("\n"))).await.exits(2).says(&[
        "line 2:",
        "line 21:",
        "and 5 more",
    ]);
    assert!(!ran.err.contains("line 22:"), "{ran:?}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let home = Home::new();
    home.run(["users", "import", "missing.csv"]).await.exits(2).says(&["missing.csv", "cannot read"]);
}
