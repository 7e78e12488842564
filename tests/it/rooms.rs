//! Keeps the rooms of `src/` as `src/lib.rs` draws them: imports point down only, SQL stays in the ledger, and so on.
//!
//! The rules are functions over file texts, so that made-up files can break each of them; one test holds the real files to them all.

mod paths;

use std::collections::BTreeSet;
use std::path::Path;

use paths::{Place, Reference};

/// Every room, and the rooms it may import. A room that is not here fails the test.
const ROOMS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("password", &[]),
    ("config", &["domain"]),
    ("telemetry", &["domain", "config"]),
    ("store", &["domain"]),
    ("queue", &["domain"]),
    ("discord", &["domain"]),
    ("intake", &["domain", "config", "store", "queue"]),
    ("worker", &["domain", "store", "queue", "discord", "intake"]),
    ("http", ENTRY),
    ("bot", ENTRY),
    ("cron", ENTRY),
    ("app", ALL_ABOVE),
    ("cli", ALL_ABOVE),
    ("main", &["cli"]),
];
/// An entry turns a wish into a run, or reads. It never sees the worker, nor another entry.
const ENTRY: &[&str] = &["domain", "config", "password", "store", "discord", "intake", "queue"];
/// Every room that stands above in the table.
const ALL_ABOVE: &[&str] = &["*"];

/// Crates that only some rooms may name, and why.
const CRATES: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["store"], "all SQL stands in the ledger"),
    ("anyhow", &["app", "cli", "main"], "a room has an error of its own"),
];

/// Most lines a file may have.
const LONGEST: usize = 400;
/// Files that may be longer.
const LONG: &[&str] = &[];

/// Folders that hold the same file names, because they say the same in two dialects.
const TWINS: &[(&str, &str)] = &[("src/store/postgres", "src/store/sqlite"), ("migrations/postgres", "migrations/sqlite")];

/// A file of `src/`.
struct Source {
    /// From the package's folder, such as `src/store/mod.rs`.
    path: String,
    text: String,
}

/// All that is wrong with these files.
fn faults(sources: &[Source], long: &[&str]) -> Vec<String> {
    let mut faults: Vec<String> = sources.iter().flat_map(|source| faults_of(source, long)).collect();
    for path in long {
        if !sources.iter().any(|source| source.path == *path && source.text.lines().count() > LONGEST) {
            faults.push(format!("{path} is listed as long and is not: take it off the list"));
        }
    }
    faults
}

fn faults_of(source: &Source, long: &[&str]) -> Vec<String> {
    let Source { path, text } = source;
    let mut faults = Vec::new();
    let place = Place::of(path);
    let Some(allowed) = allowed(&place) else {
        return vec![format!("{path}: the room {} is not in the table of tests/it/rooms.rs", place.room())];
    };
    match paths::references(&place, text) {
        Ok(references) => {
            faults.extend(references.iter().filter_map(|r| Some(format!("{path}:{}: {}", r.line, wrong(r, &place, &allowed)?))));
        }
        Err(e) => faults.push(format!("{path}: not readable as Rust: {e}")),
    }
    let lines = text.lines().count();
    if lines > LONGEST && !long.contains(&path.as_str()) {
        faults.push(format!("{path}: {lines} lines, more than {LONGEST}"));
    }
    if place.is_head() && !text.starts_with("//!") {
        faults.push(format!("{path}: a room opens with //!: what enters, what leaves, what it must not import"));
    }
    faults
}

/// The rooms that a place may import; `None` for a room that is not in the table.
fn allowed(place: &Place) -> Option<Vec<&'static str>> {
    if place.is_root() {
        return Some(Vec::new());
    }
    let row = ROOMS.iter().position(|(room, _)| *room == place.room())?;
    let (_, rooms) = ROOMS[row];
    Some(if rooms == ALL_ABOVE { ROOMS[..row].iter().map(|(room, _)| *room).collect() } else { rooms.to_vec() })
}

/// What is wrong with one path, if anything.
fn wrong(reference: &Reference, place: &Place, allowed: &[&str]) -> Option<String> {
    let room = place.room();
    match &reference.to {
        paths::To::Crate(name) => {
            let (_, rooms, why) = CRATES.iter().find(|(of, ..)| of == name)?;
            (!rooms.contains(&room)).then(|| format!("{room} names {name}: {why}"))
        }
        paths::To::Room(to) if to == room || allowed.contains(&to.as_str()) => None,
        paths::To::Room(to) if ROOMS.iter().any(|(of, _)| of == to) => Some(format!("{room} must not import {to}")),
        paths::To::Room(to) => Some(format!("crate::{to} is not a room of the table in tests/it/rooms.rs")),
        paths::To::WholeCrate => Some("names the crate's root as a whole, which hides where it points".into()),
        paths::To::RootImport => Some("src/lib.rs declares the rooms and imports nothing".into()),
    }
}

/// File names that only one of two folders has.
fn without_twin(left: &BTreeSet<String>, right: &BTreeSet<String>) -> Vec<String> {
    left.symmetric_difference(right).cloned().collect()
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under a folder of the package, their paths from the package's folder. No folder, no files.
fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![package().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(package()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<Source> {
    let rust = files("src").into_iter().filter(|path| Path::new(path).extension().is_some_and(|e| e == "rs"));
    rust.map(|path| Source { text: std::fs::read_to_string(package().join(&path)).unwrap(), path }).collect()
}

#[test]
fn the_source_keeps_to_its_rooms() {
    let sources = sources();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "src/ was not found");
    let faults = faults(&sources, LONG);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn both_databases_have_the_same_files() {
    for (left, right) in TWINS {
        let names = |folder: &str| -> BTreeSet<String> {
            files(folder).iter().map(|path| path.strip_prefix(folder).unwrap().to_owned()).collect()
        };
        let alone = without_twin(&names(left), &names(right));
        assert!(alone.is_empty(), "only one of {left} and {right} has {alone:?}");
    }
    assert!(!files("migrations/postgres").is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The faults of one made-up file.
    fn found(path: &str, text: &str) -> Vec<String> {
        faults(&[Source { path: path.into(), text: format!("//! Head.\n{text}") }], &[])
    }

    #[track_caller]
    fn refuses(path: &str, text: &str, fault: &str) {
        let found = found(path, text);
        assert!(found.len() == 1 && found[0].contains(fault), "{text:?} gives {found:?}");
    }

    #[track_caller]
    fn takes(path: &str, text: &str) {
        assert_eq!(found(path, text), Vec::<String>::new(), "{text:?}");
    }

    #[test]
    fn arrows_down_are_fine() {
        takes(
            "src/store/postgres/runs.rs",
            "use crate::domain::{Mode, Run};\nuse super::super::{Read, work::Work};\nuse sqlx::Row;",
        );
        takes("src/worker/sync.rs", "use crate::{domain::{RunId, Mode}, queue, store::{self, Work}};");
        takes("src/app/mod.rs", "use crate::{bot, cron, http, worker::Pool};\nuse anyhow::Context;");
        takes("src/main.rs", "fn main() { guildsync::cli::run() }");
        takes("src/cli/sync.rs", "use crate::app;");
        takes("src/lib.rs", "pub mod store;");
        takes("src/http/mod.rs", "pub(crate) struct A; pub(in crate::http) struct B; use std::crate_like::worker;");
        takes("src/domain/ids.rs", "/// [`crate::worker::Pool`]\n// use crate::worker;\nconst A: &str = \"crate::worker::B\";");
        takes("src/cron.rs", "mod tests { use super::*; use super::super::intake::Intake; }");
    }

    #[test]
    fn an_arrow_up_or_across_is_found_however_it_is_written() {
        refuses("src/store/mod.rs", "use crate::queue::Job;", "src/store/mod.rs:2: store must not import queue");
        refuses("src/store/mod.rs", "use crate::{domain::Run, queue::{Job, Ring}};", "store must not import queue");
        refuses("src/store/mod.rs", "use {std::fmt, crate::{queue}};", "store must not import queue");
        refuses("src/store/mod.rs", "fn f() -> crate::queue::Job { g() }", "store must not import queue");
        refuses("src/store/mod.rs", "use ::guildsync::queue;", "store must not import queue");
        refuses("src/store/mod.rs", "use super::queue;", "store must not import queue");
        refuses(
            "src/store/sqlite/a.rs",
            "\n\nuse super::super::super::queue::Job;",
            "src/store/sqlite/a.rs:4: store must not import queue",
        );
        refuses("src/store/sqlite/a.rs", "use super::{super::{super::{queue::Job}}};", "store must not import queue");
        refuses("src/store/sqlite/a.rs", "use self::super::super::super::queue::Job;", "store must not import queue");
        refuses("src/store/a.rs", "mod tests { use super::super::super::queue; }", "store must not import queue");
        refuses("src/store/a.rs", "fn f() { println!(\"{}\", crate::queue::NAME) }", "store must not import queue");
        refuses("src/store/a.rs", "macro_rules! m { () => { $crate::queue::f() } }", "store must not import queue");
        refuses("src/cron.rs", "use super::http::Server;", "cron must not import http");
        refuses("src/domain/a.rs", "use crate::config::Config;", "domain must not import config");
        refuses("src/password.rs", "use crate::domain::Clock;", "password must not import domain");
        refuses("src/app.rs", "use crate::cli::Args;", "app must not import cli");
        refuses("src/main.rs", "use guildsync::app;", "main must not import app");
    }

    #[test]
    fn no_entry_sees_the_worker_or_another_entry() {
        for entry in ["http", "bot", "cron"] {
            refuses(&format!("src/{entry}/mod.rs"), "use crate::worker;", &format!("{entry} must not import worker"));
            for other in ["http", "bot", "cron"].into_iter().filter(|other| *other != entry) {
                refuses(&format!("src/{entry}/a.rs"), &format!("use crate::{other};"), &format!("must not import {other}"));
            }
        }
    }

    #[test]
    fn the_root_cannot_be_used_to_get_around_the_table() {
        for text in ["use crate::*;", "use crate as c;", "use crate::{self as c};", "use super::*;", "use crate::{domain, *};"] {
            refuses("src/cron.rs", text, "names the crate's root as a whole");
        }
        refuses("src/store/a.rs", "use super::super as c;", "names the crate's root as a whole");
        refuses("src/lib.rs", "pub use store::Run;", "src/lib.rs declares the rooms and imports nothing");
        refuses("src/domain/a.rs", "use crate::Everything;", "crate::Everything is not a room");
        refuses("src/util/mod.rs", "", "the room util is not in the table");
        refuses("src/domain/a.rs", "fn f( {", "not readable as Rust");
    }

    #[test]
    fn sql_stays_in_the_ledger_and_anyhow_above_the_rooms() {
        refuses("src/worker/a.rs", "use sqlx::Row;", "worker names sqlx");
        refuses("src/app.rs", "fn f(pool: &sqlx::PgPool) {}", "app names sqlx");
        refuses("src/http/a.rs", "use {std::fmt, sqlx};", "http names sqlx");
        refuses("src/http/a.rs", "impl ::sqlx::Encode for A {}", "http names sqlx");
        refuses("src/queue/a.rs", "use anyhow::Context as _;", "queue names anyhow");
        refuses("src/queue/a.rs", "fn f() { anyhow::bail!(\"no\") }", "queue names anyhow");
    }

    #[test]
    fn files_are_short_and_rooms_say_what_they_are() {
        let text = "\n".repeat(LONGEST);
        refuses("src/domain/long.rs", &text, "401 lines, more than 400");
        let source = |path: &str, text: &str| [Source { path: path.into(), text: text.into() }];
        assert_eq!(faults(&source("src/domain/long.rs", &format!("{text}\n")), &["src/domain/long.rs"]), Vec::<String>::new());
        let found = faults(&source("src/domain/long.rs", ""), &["src/domain/long.rs"]);
        assert_eq!(found, ["src/domain/long.rs is listed as long and is not: take it off the list"]);
        for head in ["src/domain/mod.rs", "src/cron.rs"] {
            let found = faults(&source(head, "use std::fmt;\n"), &[]);
            assert!(found.len() == 1 && found[0].contains("opens with //!"), "{found:?}");
        }
        assert_eq!(faults(&source("src/domain/ids.rs", "use std::fmt;\n"), &[]), Vec::<String>::new());
    }

    #[test]
    fn a_file_without_a_twin_is_named() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(without_twin(&names(&["a.rs", "b.rs"]), &names(&["b.rs", "c.rs"])), ["a.rs", "c.rs"]);
        assert!(without_twin(&names(&["a.rs"]), &names(&["a.rs"])).is_empty());
    }
}
