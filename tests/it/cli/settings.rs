//! Settings: where they come from, which wins, and what is wrong with them.

use super::{GUILD, Home};

#[tokio::test]
async fn a_wrong_setting_is_named_with_its_fault_and_the_remedy() {
    let home = Home::new();
    for (name, value, words) in [
        ("GUILD_ID", "my guild", &["guild.id", "GUILD_ID", "no Discord id", "Copy Server ID"][..]),
        ("HTTP_BIND", "localhost", &["http.bind", "HTTP_BIND", "127.0.0.1:8080"]),
        ("PUBLIC_URL", "members.example.org", &["http.public_url", "PUBLIC_URL", "https://"]),
        ("GUILDSYNC__HTTP__TRUSTED_PROXIES", "127.0.0.1, proxy", &["http.trusted_proxies", "\"proxy\"", "10.0.0.0/8"]),
        ("GUILDSYNC__HTTP__TRUSTED_PROXIES", "0.0.0.0/0", &["http.trusted_proxies", "everybody", "your own proxies"]),
        ("DATABASE_URL", "mysql://root@db/x", &["database.url", "DATABASE_URL", "sqlite://", "postgres://"]),
        ("REDIS_URL", "http://cache", &["redis.url", "REDIS_URL", "redis://"]),
        ("GUILDSYNC__GUARD__SHARE", "1.5", &["guard.share", "1.5", "from 0 to 1"]),
        ("GUILDSYNC__GUARD__SHARE", "NaN", &["guard.share", "from 0 to 1"]),
        ("GUILDSYNC__GUARD__FLOOR", "many", &["guard.floor", "GUILDSYNC__GUARD__FLOOR", "whole number"]),
        ("GUILDSYNC__GUARD__FLOOR", "-1", &["guard.floor", "whole number"]),
        ("GUILDSYNC__WORKER__WRITERS", "65", &["worker.writers", "65", "from 1 to 64"]),
        ("GUILDSYNC__LOG__FORMAT", "xml", &["log.format", "text", "json"]),
        ("GUILDSYNC__LOG__LEVEL", "loud", &["log.level", "loud", "debug"]),
        ("GUILDSYNC__GUARD__ROOF", "1", &["GUILDSYNC__GUARD__ROOF", "guard.roof", "does not exist", "guildsync config"]),
        ("GUILDSYNC__NOTHING", "1", &["GUILDSYNC__NOTHING", "does not exist"]),
        ("GUILDSYNC__GUARD", "1", &["GUILDSYNC__GUARD", "does not exist"]),
    ] {
        let ran = Home::new().with(name, value).run(["check"]).await.exits(1).says(words);
        assert!(ran.err.starts_with("error: "), "{name}={value}: {ran:?}");
    }
    for (text, words) in [
        ("[guard]\nroof = 1\n", &["guard.roof", "does not exist", "floor"][..]),
        ("[roof]\nfloor = 1\n", &["roof", "does not exist", "guard"]),
        ("[guard]\nfloor = \"many\"\n", &["guard.floor"]),
        ("[http]\ntrusted_proxies = \"127.0.0.1\"\n", &["http.trusted_proxies"]),
        ("[guard\n", &["TOML"]),
    ] {
        let file = home.file("bad.toml", text);
        home.run(["check", "--config", file.to_str().unwrap()]).await.exits(1).says(words);
    }
    home.run(["check", "--config", "missing.toml"]).await.exits(1).says(&["missing.toml", "cannot be read"]);
}

#[tokio::test]
async fn a_wrong_secret_is_never_repeated() {
    for (name, value) in [("DATABASE_URL", "mysql://root:hunter2@db/x"), ("REDIS_URL", "http://:hunter2@cache")] {
        let ran = Home::new().with(name, value).run(["config"]).await.exits(1);
        assert!(!ran.err.contains("hunter2"), "{ran:?}");
    }
}

#[tokio::test]
async fn secrets_are_masked_where_settings_are_printed() {
    let home = Home::new()
        .with("DBOT_AUTH_KEY", "geheim")
        .with("DATABASE_URL", "postgres://anna:hunter2@db.example.org/members")
        .with("REDIS_URL", "redis://:hunter3@cache:6379");
    let ran = home.run(["config"]).await.exits(0).says(&["db.example.org", "cache:6379", GUILD]);
    for secret in ["geheim", "hunter"] {
        assert!(!ran.out.contains(secret), "{ran:?}");
    }
}

/// What `config` prints for a setting.
async fn value(home: &Home, file: Option<&str>, setting: &str) -> String {
    let args = ["config"].into_iter().chain(file.into_iter().flat_map(|file| ["--config", file]));
    let ran = home.run(args).await.exits(0);
    let line = ran.out.lines().find_map(|line| line.strip_prefix(&format!("{setting} = "))).unwrap();
    line.split("  #").next().unwrap().to_owned()
}

#[tokio::test]
async fn what_comes_later_wins() {
    let home = Home::new();
    assert_eq!(value(&home, None, "bind").await, "\"127.0.0.1:8080\"");
    let path = home.file("settings.toml", "[http]\nbind = \"127.0.0.1:1\"\n[guard]\nfloor = 1_000\n");
    let file = path.to_str();
    assert_eq!(value(&home, file, "bind").await, "\"127.0.0.1:1\"");
    assert_eq!(value(&home, file, "floor").await, "1000");
    assert_eq!(value(&home, file, "share").await, "0.2");
    let many = home.with("GUILDSYNC__HTTP__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8");
    assert_eq!(value(&many, file, "trusted_proxies").await, r#"["127.0.0.1", "10.0.0.0/8"]"#);
    let home = many.with("GUILDSYNC__HTTP__TRUSTED_PROXIES", "");
    assert_eq!(value(&home, file, "trusted_proxies").await, "[]");
    let home = home.with("GUILDSYNC__HTTP__BIND", "127.0.0.1:2");
    assert_eq!(value(&home, file, "bind").await, "\"127.0.0.1:2\"");
    // The last plain variable names a port that cannot be had; the flag still wins over it.
    let home = home.with("HTTP_BIND", "192.0.2.1:3");
    assert_eq!(value(&home, file, "bind").await, "\"192.0.2.1:3\"");
    let (mut service, address) = home.serve().await;
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    service.sigterm();
    assert!(service.wait().await.success());
}
