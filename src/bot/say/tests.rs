//! Every text, to be read; and the bounds that Discord sets them.

use chrono::{DateTime, Utc};

use super::*;
use crate::domain::{Counts, DiscordId, HeldReason, Mode, Progress, Run, RunError, RunId, RunState, Source};

const HERE: &str = "https://members.example.org";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400 + seconds, 0).unwrap()
}

fn id(number: i64) -> DiscordId {
    DiscordId::try_from(number).unwrap()
}

/// A run from Discord in this state, with counts that all differ.
fn run(state: RunState) -> Run {
    Run {
        id: RunId::new(at(0), [7; 32]),
        source: Source::Discord,
        mode: Mode::Full,
        state,
        act: None,
        target_run_id: None,
        superseded_by: None,
        requested_by: "80351110224678912".into(),
        observed_at: at(0),
        created_at: at(0),
        started_at: Some(at(1)),
        finished_at: state.has_ended().then(|| at(9)),
        progress: Progress { members_done: 2_000, members_total: 5_000, batches_done: 2, batches_total: 5 },
        counts: Counts {
            created: 12,
            updated: 1_234_567,
            marked_left: 3,
            rejoined: 4,
            linked: 5,
            total_active: 1_234_576,
            ..Counts::default()
        },
        held_reason: None,
        warnings: Vec::new(),
        error: None,
    }
}

fn held(reason: HeldReason, departures_held: i64) -> Run {
    let plain = run(RunState::Held);
    Run { held_reason: Some(reason), counts: Counts { departures_held, marked_left: 0, ..plain.counts }, ..plain }
}

fn failed(message: &str) -> Run {
    let error = RunError { code: "missing_access".into(), message: message.into() };
    Run { error: Some(error), ..run(RunState::Failed) }
}

fn dry(run: Run) -> Run {
    Run { mode: Mode::DryRun, ..run }
}

fn page(run: &Run) -> String {
    address(HERE, run.id)
}

/// Texts with a line between.
fn all(texts: impl IntoIterator<Item = String>) -> String {
    let texts: Vec<String> = texts.into_iter().collect();
    for text in &texts {
        assert!(text.chars().count() <= MOST, "{text}");
    }
    texts.join("\n--\n")
}

#[test]
fn outcomes() {
    let warned = Run { warnings: vec!["member 7: odd".into(), "another".into()], ..run(RunState::Succeeded) };
    let runs = [
        run(RunState::Succeeded),
        warned,
        dry(run(RunState::Succeeded)),
        dry(Run { state: RunState::Succeeded, ..held(HeldReason::MassDeparture, 2_600) }),
        dry(Run { state: RunState::Succeeded, ..held(HeldReason::EmptyList, 2_600) }),
        held(HeldReason::MassDeparture, 2_600),
        held(HeldReason::IncompleteRoster, 1),
        held(HeldReason::Verification, 120),
        held(HeldReason::EmptyList, 2_600),
        failed("Discord refuses the bot access to the server. Nobody was marked as left."),
        run(RunState::Cancelled),
        run(RunState::Superseded),
    ];
    insta::assert_snapshot!(all(runs.iter().map(|run| outcome(run, &page(run)))));
}

#[test]
fn the_counts_are_one_a_line_under_their_names() {
    let text = outcome(&run(RunState::Succeeded), "");
    for line in ["Created: 12", "Updated: 1,234,567", "Rejoined: 4", "Left: 3", "Linked: 5", "Active: 1,234,576"] {
        assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line:?} in {text}");
    }
}

#[test]
fn on_the_way() {
    let fetching = run(RunState::Fetching);
    let whole = |done, total| Run {
        progress: Progress { members_done: done, members_total: total, ..Progress::default() },
        ..run(RunState::Applying)
    };
    insta::assert_snapshot!(all([
        progress(&run(RunState::Queued), 20_000, &page(&fetching)),
        progress(&fetching, 20_000, &page(&fetching)),
        progress(&fetching, 0, &page(&fetching)),
        progress(&whole(0, 0), 20_000, &page(&fetching)),
        progress(&whole(999, 1_000), 20_000, &page(&fetching)),
        progress(&whole(1_000, 1_000), 20_000, &page(&fetching)),
        progress(&run(RunState::Finishing), 20_000, &page(&fetching)),
        // Counts that cannot be: nothing is divided by zero, and no bar is longer than it is.
        progress(&whole(i64::MAX, 1), i64::MAX, &page(&fetching)),
        progress(&whole(-1, i64::MAX), 0, &page(&fetching)),
    ]));
}

#[test]
fn first_answers() {
    let page = page(&run(RunState::Queued));
    let runs = [
        run(RunState::Applying),
        dry(run(RunState::Succeeded)),
        held(HeldReason::MassDeparture, 2_600),
        Run { counts: Counts::default(), ..failed("No.") },
        Run { source: Source::Push, ..run(RunState::Superseded) },
    ];
    insta::assert_snapshot!(all([
        filed(false, false, None, &page),
        filed(false, true, None, &page),
        filed(true, false, None, &page),
        filed(false, false, Some(&intent()), &page),
        not_filed("the database cannot be reached just now (no free connection); nothing was changed, try again"),
        perhaps_filed(),
        status(&runs, None, HERE),
        status(&[], Some(&intent()), HERE),
        not_read("the database cannot be reached just now (no free connection); nothing was changed, try again"),
    ]));
}

#[test]
fn refusals() {
    insta::assert_snapshot!(all([not_in_the_guild(), other_guild(), not_an_administrator(), unknown_command(), busy()]));
}

#[test]
fn troubles() {
    insta::assert_snapshot!(all([
        intent(),
        token(),
        guild(id(1_234), "https://discord.com/oauth2/authorize?client_id=5&scope=bot+applications.commands&permissions=3072"),
        gateway("the gateway does not answer, or ends every session"),
        refused(4_010),
        refused(4_011),
        refused(4_012),
        refused(4_013),
        restless(),
        commands("status 403, code 50001: Missing Access", "https://discord.com/oauth2/authorize?client_id=5"),
        channel(id(77), "Discord knows no such channel"),
    ]));
}

#[test]
fn reports() {
    let (done, stuck) = (run(RunState::Succeeded), failed("Discord does not accept the bot's token."));
    let nobody = Run { requested_by: "schedule".into(), ..run(RunState::Succeeded) };
    let pushed = Run { source: Source::Push, ..held(HeldReason::MassDeparture, 2_600) };
    insta::assert_snapshot!(all([
        overdue(true, &page(&done)),
        overdue(false, &page(&done)),
        vanished(),
        late(&done, &page(&done)),
        late(&nobody, &page(&done)),
        late(&stuck, &page(&done)),
        report(&stuck, &page(&done)),
        report(&pushed, &page(&done)),
        report(&held(HeldReason::EmptyList, 3), &page(&done)),
    ]));
}

#[test]
fn no_text_is_longer_than_a_message() {
    let long = "é".repeat(10_000);
    let run = failed(&long);
    for text in [outcome(&run, &page(&run)), report(&run, &page(&run)), late(&run, &page(&run))] {
        assert!(text.chars().count() <= MOST);
        assert!(text.ends_with(&page(&run)), "the address is what must not be cut: {text}");
    }
    assert!(not_filed(&long).chars().count() <= MOST);
    assert_eq!(cut("héllo", 5), "héllo");
    assert_eq!(cut("héllos", 5), "héll…");
}

#[test]
fn whoever_asked_is_named_by_a_number_alone() {
    let text = late(&Run { requested_by: "@everyone".into(), ..run(RunState::Succeeded) }, "");
    assert!(!text.contains('@'), "{text}");
}
