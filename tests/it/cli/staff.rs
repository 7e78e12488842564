//! Staff accounts.

use sqlx::{Connection as _, SqliteConnection};

use super::Home;

#[tokio::test]
async fn accounts_are_made_listed_and_given_new_passwords() {
    let home = Home::new();
    home.run(["staff", "list"]).await.exits(0).says(&["no staff account yet", "guildsync staff create"]);
    let made = home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse\n").await.exits(0);
    assert!(made.out.contains("anna") && made.out.contains("/admin/login/") && !made.out.contains("correct horse"), "{made:?}");
    home.fed(["staff", "create", "ben", "--password-stdin", "--read-only"], "correct horse").await.exits(0);
    let list = home.run(["staff", "list"]).await.exits(0);
    insta::assert_snapshot!("staff_accounts", list.out);
    home.fed(["staff", "passwd", "anna", "--password-stdin"], "another horse\r\n").await.exits(0).says(&["anna", "changed"]);
}

#[tokio::test]
async fn what_is_done_here_stands_in_the_log_of_staff() {
    let home = Home::new();
    home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse\n").await.exits(0);
    home.fed(["staff", "create", "ANNA", "--password-stdin"], "correct horse\n").await.exits(2);
    home.fed(["staff", "passwd", "anna", "--password-stdin"], "another horse\n").await.exits(0);
    home.fed(["staff", "passwd", "ben", "--password-stdin"], "another horse\n").await.exits(2);
    let file = home.file("users.csv", "username,email,discord_id\nben,,\n");
    home.run(["users", "import", file.to_str().unwrap()]).await.exits(0);
    let database = format!("sqlite://{}", home.folder.path().join("guildsync.db").display());
    let mut connection = SqliteConnection::connect(&database).await.unwrap();
    let query =
        "SELECT act || ' ' || target || ' ' || detail FROM staff_log WHERE account IS NULL AND name = 'command line' ORDER BY id";
    let noted: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap();
    assert_eq!(noted, ["create_staff 1 anna", "set_password  anna", "import_users  1 lines: 1 created, 0 updated"]);
}

#[tokio::test]
async fn what_cannot_be_is_bad_input() {
    let home = Home::new();
    home.fed(["staff", "create", "anna", "--password-stdin"], "correct horse\n").await.exits(0);
    for name in ["anna", "ANNA"] {
        let taken = home.fed(["staff", "create", name, "--password-stdin"], "correct horse\n").await.exits(2);
        taken.says(&[name, "already", "staff passwd"]);
    }
    for password in ["", "\n", "short\n", "ninechars\nand a second line\n"] {
        for verb in ["create", "passwd"] {
            let name = if verb == "create" { "ben" } else { "anna" };
            home.fed(["staff", verb, name, "--password-stdin"], password).await.exits(2).says(&["at least 10 characters"]);
        }
    }
    home.fed(["staff", "create", "ben", "--password-stdin"], "x".repeat(1_025)).await.exits(2).says(&["1024 bytes"]);
    home.fed(["staff", "create", "", "--password-stdin"], "correct horse\n").await.exits(2).says(&["name"]);
    home.fed(["staff", "passwd", "nobody", "--password-stdin"], "correct horse\n").await.exits(2).says(&["nobody", "staff list"]);
    home.run(["staff", "create", "ben"]).await.exits(2).says(&["no terminal", "--password-stdin"]);
    let list = home.run(["staff", "list"]).await.exits(0);
    assert!(list.out.lines().count() == 1 && list.out.starts_with("anna "), "{list:?}");
}

#[tokio::test]
async fn ten_characters_are_enough_whatever_their_bytes() {
    let home = Home::new();
    home.fed(["staff", "create", "zoë", "--password-stdin"], "🦀🦀🦀🦀🦀🦀🦀🦀🦀").await.exits(2);
    home.fed(["staff", "create", "zoë", "--password-stdin"], "🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀").await.exits(0);
}
