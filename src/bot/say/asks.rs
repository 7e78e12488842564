//! First answers to commands.

use super::numbers::number;
use super::{MOST_OF_AN_ERROR, address, cut, lines};
use crate::domain::{Mode, Run};

/// A sync is filed, or one that was under way is joined. `notice` is what is wrong with the bot itself, if anything is.
pub(in crate::bot) fn filed(joined: bool, dry_run: bool, notice: Option<&str>, address: &str) -> String {
    let heading = match (joined, dry_run) {
        (true, _) => "A sync from Discord was under way already, so this reply follows that one.",
        (false, true) => "A dry run is filed. It changes nothing; this reply follows it.",
        (false, false) => "A sync is filed; this reply follows it.",
    };
    lines([heading.to_owned(), notice.map(|notice| format!("**Note:** {notice}")).unwrap_or_default(), format!("<{address}>")])
}

/// The sync could not be filed.
pub(in crate::bot) fn not_filed(reason: &str) -> String {
    lines([
        format!("The sync could not be filed: {}.", cut(reason, MOST_OF_AN_ERROR)),
        "Try the command again in a moment.".to_owned(),
    ])
}

/// It is not known whether the sync is filed.
pub(in crate::bot) fn perhaps_filed() -> String {
    lines([
        "The database did not answer in time, so it is not known whether the sync is filed.".to_owned(),
        "If it is, /sync_status shows it and this reply follows it. If not, try the command again in a moment.".to_owned(),
    ])
}

/// The runs could not be read.
pub(in crate::bot) fn not_read(reason: &str) -> String {
    lines([format!("The last syncs could not be read: {}.", cut(reason, MOST_OF_AN_ERROR))])
}

/// The last runs, newest first. `notice` is what is wrong with the bot itself, if anything is.
pub(in crate::bot) fn status(runs: &[Run], notice: Option<&str>, public_url: &str) -> String {
    let heading =
        if runs.is_empty() { "There has been no sync yet; /sync_members begins one." } else { "The last syncs, newest first:" };
    let notice = notice.map(|notice| format!("**Note:** {notice}")).unwrap_or_default();
    lines([notice, heading.to_owned()].into_iter().chain(runs.iter().map(|run| one(run, public_url))))
}

/// One run: its state, its age (which Discord keeps up to date for the reader), its counts and its address.
fn one(run: &Run, public_url: &str) -> String {
    let dry = if run.mode == Mode::DryRun { " (dry run)" } else { "" };
    let counts = &run.counts;
    let named = [
        ("created", counts.created),
        ("updated", counts.updated),
        ("rejoined", counts.rejoined),
        ("left", counts.marked_left),
        ("held", counts.departures_held),
    ];
    let named: Vec<String> =
        named.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {}", number(*count))).collect();
    let named = if named.is_empty() { "no counts".to_owned() } else { named.join(", ") };
    format!(
        "- **{}**{dry} from {}, <t:{}:R>: {named} · <{}>",
        run.state,
        run.source,
        run.created_at.timestamp(),
        address(public_url, run.id)
    )
}
