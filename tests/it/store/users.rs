//! Staff accounts and passwords.

use guildsync::domain::Account;
use guildsync::store::{NewStaff, SessionLimits};
use secrecy::ExposeSecret as _;

use super::Ledger;
use super::hand::{MICRO, at};

on_both!(
    a_staff_account_is_as_it_was_asked_for,
    a_name_in_another_case_is_taken,
    credentials_are_found_whatever_the_case,
    a_new_password_ends_the_sessions_of_that_account_alone,
    a_login_is_noted,
    staff_are_listed_by_name,
    no_hash_shows_in_what_is_logged,
);

fn staff(name: &str) -> NewStaff {
    NewStaff { username: name.into(), password_hash: format!("$argon2id${name}").into(), is_superuser: false }
}

async fn make(ledger: &Ledger, name: &str) -> Account {
    ledger.accounts.create_staff(&staff(name), at(0)).await.unwrap().expect("the name is free")
}

async fn hash(ledger: &Ledger, name: &str) -> Option<String> {
    let found = ledger.accounts.credentials(name).await.unwrap()?;
    found.password_hash.map(|hash| hash.expose_secret().to_owned())
}

async fn a_staff_account_is_as_it_was_asked_for(ledger: &Ledger) {
    let wanted = NewStaff { is_superuser: true, ..staff("Zoë \"🦀\"") };
    let made = ledger.accounts.create_staff(&wanted, at(3) + MICRO).await.unwrap().unwrap();
    let expected = Account {
        id: made.id,
        username: "Zoë \"🦀\"".into(),
        email: String::new(),
        discord_id: None,
        is_staff: true,
        is_superuser: true,
        is_active: true,
        date_joined: at(3) + MICRO,
        last_login: None,
    };
    assert_eq!(made, expected);
    assert_eq!(ledger.accounts.staff().await.unwrap(), [expected]);
    assert!(!make(ledger, "looker").await.is_superuser);
}

async fn a_name_in_another_case_is_taken(ledger: &Ledger) {
    for (name, other) in [("Anna", "aNNA"), ("Ägnes", "ägnes"), ("Жанна", "ЖАННА"), ("Ÿ", "ÿ")] {
        let made = make(ledger, name).await;
        for taken in [name, other] {
            let again = NewStaff { is_superuser: true, ..staff(taken) };
            assert_eq!(ledger.accounts.create_staff(&again, at(9)).await.unwrap(), None, "{taken}");
        }
        assert_eq!(ledger.accounts.credentials(name).await.unwrap().unwrap().account, made);
        assert_eq!(hash(ledger, name).await, Some(format!("$argon2id${name}")), "the first keeps its password");
    }
    // Letters that are not the same in another case are other letters.
    make(ledger, "Agnes").await;
    make(ledger, "Anna ").await;
}

async fn credentials_are_found_whatever_the_case(ledger: &Ledger) {
    for (name, typed) in [("Anna", "ANNA"), ("Örjan", "örjan")] {
        let made = make(ledger, name).await;
        assert_eq!(ledger.accounts.credentials(typed).await.unwrap().unwrap().account, made, "{typed}");
        assert!(ledger.accounts.set_password(typed, &"new".into()).await.unwrap(), "{typed}");
        assert_eq!(hash(ledger, name).await.as_deref(), Some("new"));
    }
    for unknown in ["", "ann", "anna2", "%", "ann_", "anna'--"] {
        assert!(ledger.accounts.credentials(unknown).await.unwrap().is_none(), "{unknown}");
        assert!(!ledger.accounts.set_password(unknown, &"evil".into()).await.unwrap(), "{unknown}");
    }
    assert_eq!(hash(ledger, "anna").await.as_deref(), Some("new"));
}

async fn a_new_password_ends_the_sessions_of_that_account_alone(ledger: &Ledger) {
    let (anna, bea) = (make(ledger, "anna").await, make(ledger, "bea").await);
    for (session, account) in [(1, &anna), (2, &anna), (3, &bea)] {
        ledger.sessions.open_session(&[session; 32], account.id, at(0)).await.unwrap();
    }
    ledger.accounts.set_password("Anna", &"new".into()).await.unwrap();
    let limits = SessionLimits { idle: chrono::TimeDelta::hours(1), max: chrono::TimeDelta::hours(9) };
    let mut open = Vec::new();
    for session in [1, 2, 3] {
        open.push(ledger.sessions.session(&[session; 32], limits, at(1)).await.unwrap());
    }
    assert_eq!(open, [None, None, Some(bea)]);
    assert_eq!(hash(ledger, "anna").await.as_deref(), Some("new"));
    assert_eq!(hash(ledger, "bea").await.as_deref(), Some("$argon2id$bea"));
}

async fn a_login_is_noted(ledger: &Ledger) {
    let (anna, bea) = (make(ledger, "anna").await, make(ledger, "bea").await);
    ledger.accounts.note_login(anna.id, at(5) + MICRO).await.unwrap();
    let seen = ledger.accounts.staff().await.unwrap();
    assert_eq!(seen, [Account { last_login: Some(at(5) + MICRO), ..anna }, bea]);
}

async fn staff_are_listed_by_name(ledger: &Ledger) {
    for name in ["bea", "Cleo", "anna", "Dora"] {
        make(ledger, name).await;
    }
    let rows =
        [guildsync::store::ImportRow { username: "aaa".into(), email: String::new(), discord_id: guildsync::store::Claim::None }];
    ledger.accounts.import(&rows, at(0)).await.unwrap();
    let names: Vec<String> = ledger.accounts.staff().await.unwrap().into_iter().map(|account| account.username).collect();
    assert_eq!(names, ["anna", "bea", "Cleo", "Dora"]);
}

async fn no_hash_shows_in_what_is_logged(ledger: &Ledger) {
    make(ledger, "anna").await;
    let found = ledger.accounts.credentials("anna").await.unwrap().unwrap();
    for shown in [format!("{found:?}"), format!("{:?}", staff("anna"))] {
        assert!(!shown.contains("argon2id"), "{shown}");
    }
}
