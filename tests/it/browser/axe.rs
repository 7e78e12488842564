//! axe-core, which finds what keeps people from using a page. It is put into the page by the browser, past the page's policy.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::chromium::{Browser, DESK};

/// As published, with its licences beside it.
const SOURCE: &str = include_str!("axe/axe.min.js");
const VERSION: &str = "4.14.1";
const SHA256: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";

/// What it finds of the two impacts that shut people out, and tables whose heads say nothing. One line for each element.
const RUN: &str = r"
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ['violations'] }).then(
  (found) => done(found.violations.filter(({ id, impact }) => impact === 'serious' || impact === 'critical' || id === 'empty-table-header').flatMap(
    ({ id, impact, nodes }) => nodes.map(({ html, failureSummary }) => `${impact}: ${id}: ${html}\n    ${failureSummary}`))),
  (failed) => done([`axe-core failed: ${failed}`]));
";

/// Everything serious or critical on the page that the browser shows.
pub async fn faults(browser: &Browser) -> Vec<String> {
    browser.run(SOURCE, vec![]).await;
    let found: Vec<Value> = serde_json::from_value(browser.run_async(RUN, vec![]).await).expect("a list of texts");
    found.iter().map(|fault| fault.as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn it_is_the_version_we_looked_at() {
    let mut digest = String::new();
    for byte in Sha256::digest(SOURCE) {
        write!(digest, "{byte:02x}").unwrap();
    }
    assert_eq!(digest, SHA256);
    assert!(SOURCE.starts_with(&format!("/*! axe v{VERSION}\n")));
}

#[tokio::test]
async fn it_finds_what_is_wrong() {
    let browser = Browser::start(DESK).await;
    browser.open("data:text/html,<html lang=en><title>x</title><main><h1>x</h1><input></main>").await;
    let found = faults(&browser).await;
    assert!(found.len() == 1 && found[0].starts_with("critical: label: <input>"), "{found:?}");
    browser.open("data:text/html,<html lang=en><title>x</title><main><h1>x</h1></main>").await;
    assert_eq!(faults(&browser).await, Vec::<String>::new());
}
