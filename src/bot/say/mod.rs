//! Every text the bot says, in one place: pure functions of what is the case. None of them holds a member's name.

mod asks;
mod numbers;
mod outcomes;
mod progress;
mod refusals;
#[cfg(test)]
mod tests;
mod troubles;

pub(super) use asks::{filed, not_filed, not_read, perhaps_filed, status};
pub(super) use outcomes::{late, outcome, overdue, report, vanished};
pub(super) use progress::progress;
pub(super) use refusals::{busy, not_an_administrator, not_in_the_guild, other_guild, unknown_command};
pub(super) use troubles::{channel, commands, gateway, guild, intent, refused, restless, token};

use crate::domain::RunId;

/// Most characters that Discord takes in one message.
const MOST: usize = 2_000;
/// Most characters of what an error of a run says; the rest of a message has room beside it.
const MOST_OF_AN_ERROR: usize = 1_200;

/// The address of a run's page.
pub(super) fn address(public_url: &str, run: RunId) -> String {
    format!("{public_url}/admin/sync/{run}/")
}

/// The text, cut to so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Lines as one message; empty ones are left out.
fn lines(lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
    cut(&lines.join("\n"), MOST)
}
