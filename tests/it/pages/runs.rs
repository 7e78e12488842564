//! The list of syncs, and one sync in every state.

use chrono::TimeDelta;
use guildsync::domain::{Act, HeldReason, Mode, Run, RunId, RunState};
use poem::http::StatusCode;

use super::seed::run;
use super::{Answer, Site, seed};

const STATES: [RunState; 7] = [
    RunState::Queued,
    RunState::Applying,
    RunState::Finishing,
    RunState::Succeeded,
    RunState::Held,
    RunState::Failed,
    RunState::Superseded,
];

async fn page_of(run: Run) -> Answer {
    let mut site = Site::as_staff().await;
    let address = format!("/admin/sync/{}/", run.id);
    seed::put_run(&site.ledger, &run).await;
    site.clock.advance(TimeDelta::milliseconds(2_500));
    let answer = site.get(&address).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer
}

#[tokio::test]
async fn a_run_in_every_state() {
    for state in STATES {
        let answer = page_of(run(state)).await;
        assert_eq!(answer.body.contains("http-equiv=\"refresh\""), !state.has_ended(), "{state}");
        if !matches!(state, RunState::Finishing | RunState::Superseded) {
            insta::assert_snapshot!(format!("run_{state}"), answer.page());
        }
    }
}

#[tokio::test]
async fn a_run_that_is_being_applied_has_begun() {
    for (state, told) in [(RunState::Queued, "Not begun"), (RunState::Applying, "No member is done yet")] {
        let mut run = run(state);
        (run.progress.members_done, run.progress.batches_done) = (0, 0);
        let page = page_of(run).await.body;
        assert!(page.contains(&format!("<p class=\"pace\">{told}&nbsp;</p>")), "{state}: {page}");
    }
}

#[tokio::test]
async fn a_run_says_why_it_has_no_batches() {
    for (state, mode, told) in [
        (RunState::Fetching, Mode::Full, "None yet."),
        (RunState::Failed, Mode::Full, "None were made."),
        (RunState::Succeeded, Mode::Delta, "None: it is done in one step."),
    ] {
        let mut run = run(state);
        run.mode = mode;
        (run.progress.members_done, run.progress.batches_done, run.progress.batches_total) = (0, 0, 0);
        let page = page_of(run).await.body;
        assert!(page.contains(&format!("<p class=\"none\">{told}</p>")), "{state}: {page}");
    }
}

#[tokio::test]
async fn the_list_the_page_and_its_changes_have_one_number_for_one_thing() {
    let mut site = Site::as_staff().await;
    let mut run = run(RunState::Succeeded);
    (run.counts.updated, run.counts.unchanged, run.counts.rejoined, run.counts.deferred) = (900, 500, 60, 7);
    seed::put_run(&site.ledger, &run).await;
    let list = site.get("/admin/sync/").await.body;
    assert!(
        list.contains("data-label=\"Changed\" class=\"number\">333<")
            && list.contains("data-label=\"Came back\" class=\"number\">60<")
    );
    let page = site.get(&format!("/admin/sync/{}/", run.id)).await.body;
    assert!(page.contains("<dt>Changed</dt><dd>333</dd>") && page.contains("<dt>Came back</dt><dd>60</dd>"), "{page}");
    assert!(
        page.contains(">Changed 333</a>")
            && page.contains(">Came back 60</a>")
            && page.contains(">Updated (API)</dt><dd class=\"number\">900<"),
        "{page}"
    );
}

#[tokio::test]
async fn why_batches_were_tried_again_is_told() {
    let mut site = Site::as_staff().await;
    let run = run(RunState::Applying);
    seed::put_run(&site.ledger, &run).await;
    site.ledger
        .execute(
            "UPDATE sync_batches SET worker = 'one', attempts = 2, last_error = 'the database refused a statement: <no> [1555]' WHERE batch = 0;
             UPDATE sync_batches SET worker = 'two', attempts = 3, state = 'running', last_error = 'the lease ran out' WHERE batch = 2;
             UPDATE sync_runs SET fetch_error = 'its worker was stopped'",
        )
        .await;
    site.clock.advance(TimeDelta::milliseconds(2_500));
    let answer = site.get(&format!("/admin/sync/{}/", run.id)).await;
    insta::assert_snapshot!("run_with_troubles", answer.page());
}

#[tokio::test]
async fn why_departures_were_held_is_said_in_words() {
    let mass = page_of(run(RunState::Held)).await;
    assert!(mass.body.contains("misses 4,000 present members") && mass.body.contains("nobody was marked as left"));

    let mut empty = run(RunState::Held);
    empty.held_reason = Some(HeldReason::EmptyList);
    empty.counts.departures_held = 1;
    let empty = page_of(empty).await;
    assert!(empty.body.contains("The list was empty") && empty.body.contains("1 member is still present"));
}

#[tokio::test]
async fn a_dry_run_says_that_nothing_was_changed() {
    let mut dry = run(RunState::Succeeded);
    dry.mode = Mode::DryRun;
    let body = page_of(dry.clone()).await.body;
    assert!(body.contains("It was a dry run") && body.contains("Nothing was changed") && body.contains("Dry run, sent by a bot"));
    dry.held_reason = Some(HeldReason::MassDeparture);
    dry.counts.departures_held = 4_000;
    assert!(page_of(dry).await.body.contains("would be held: 4,000 departures"));
}

#[tokio::test]
async fn runs_that_are_about_others_lead_to_them() {
    let other = run(RunState::Succeeded).id;
    let link = format!("href=\"/admin/sync/{other}/\"");
    let mut replaced = run(RunState::Superseded);
    assert!(!page_of(replaced.clone()).await.body.contains(&link));
    replaced.superseded_by = Some(other);
    assert!(page_of(replaced).await.body.contains(&link));
    let mut decision = run(RunState::Cancelled);
    (decision.mode, decision.act, decision.target_run_id) = (Mode::Delta, Some(Act::ApplyDepartures), Some(other));
    let body = page_of(decision).await.body;
    assert!(body.contains(&link) && body.contains("Departures applied") && body.contains("Somebody cancelled it"));
}

#[tokio::test]
async fn batches_are_told_by_who_has_them_and_nobody_has_any_of_an_ended_run() {
    let cells = |body: &str| {
        let table = body.split_once("<h2>Batches</h2>").unwrap().1.split_once("</table>").unwrap().0;
        table
            .split("</tr>")
            .filter_map(|row| Some(row.split_once("<td class=\"number\">")?.1.split_once('<')?.0.to_owned()))
            .collect::<Vec<_>>()
    };
    for (state, told) in [(RunState::Applying, ["1", "2 waiting"]), (RunState::Cancelled, ["0", "2 not applied"])] {
        let mut site = Site::as_staff().await;
        let mut run = run(state);
        (run.progress.batches_total, run.progress.batches_done) = (3, 0);
        seed::put_run(&site.ledger, &run).await;
        site.ledger.execute("UPDATE sync_batches SET state = 'running', worker = 'one' WHERE batch = 0").await;
        assert_eq!(cells(&site.get(&format!("/admin/sync/{}/", run.id)).await.body), told);
    }
}

#[tokio::test]
async fn runs_of_single_members_are_listed_only_when_asked_for() {
    let mut site = Site::as_staff().await;
    let mut single = run(RunState::Succeeded);
    single.mode = Mode::Delta;
    seed::put_run(&site.ledger, &single).await;
    assert!(!site.get("/admin/sync/").await.body.contains("Single members"));
    assert!(site.get("/admin/sync/?deltas=1").await.body.contains("Single members"));
}

#[tokio::test]
async fn what_a_run_warns_of_is_shown_and_escaped() {
    let mut odd = run(RunState::Succeeded);
    odd.warnings = vec!["members[3] was skipped: <no id>".into()];
    odd.requested_by = "<i>me</i>".into();
    let answer = page_of(odd).await;
    assert!(answer.body.contains("was skipped: &#60;no id&#62;") && answer.body.contains("&#60;i&#62;me"));
}

#[tokio::test]
async fn a_run_that_is_not_through_never_looks_done() {
    let mut nearly = run(RunState::Applying);
    nearly.progress.members_done = nearly.progress.members_total;
    assert!(page_of(nearly).await.body.contains("value=\"99\""));
    let mut nothing = run(RunState::Applying);
    nothing.progress = guildsync::domain::Progress::default();
    assert!(page_of(nothing).await.body.contains("value=\"0\""));
}

#[tokio::test]
async fn the_list_shows_the_newest_first() {
    let mut site = Site::as_staff().await;
    assert!(site.get("/admin/sync/").await.body.contains("No syncs yet"));
    for run in STATES.map(run) {
        seed::put_run(&site.ledger, &run).await;
    }
    site.clock.advance(TimeDelta::milliseconds(2_500));
    insta::assert_snapshot!("runs", site.get("/admin/sync/").await.page());
}

#[tokio::test]
async fn an_unknown_sync_is_a_page_with_a_way_on() {
    let mut site = Site::as_staff().await;
    for id in ["0193554a-1b98-7000-8000-000000000000", "nonsense", "%00", "%ff"] {
        for below in ["", "events", "export.csv"] {
            let answer = site.get(&format!("/admin/sync/{id}/{below}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}/{below}");
            assert!(answer.body.contains("There is no such sync") && answer.body.contains("See the syncs"), "{id}/{below}");
        }
    }
}

/// A list of odd members, of whom the next one misses all but the first; the guard believes none of that.
async fn hold(site: &Site) -> RunId {
    let members = seed::odd_members();
    seed::list(&site.stores, seed::start() - TimeDelta::minutes(1), &members).await;
    seed::hold(&site.stores, seed::start(), &members[..1]).await
}

#[tokio::test]
async fn held_departures_are_searched() {
    let mut site = Site::as_superuser().await;
    let run = hold(&site).await;
    let page = format!("/admin/sync/{run}/");
    let rows = |body: &str| body.matches("<tr role=\"row\" data-row>").count();
    seed::account(&site.stores, "website", "", seed::GONE).await;
    for (q, found) in [
        ("%F0%9F%8E%89%F0%9F%90%89", 1),
        ("ALERT", 2),
        ("80351110224678918", 1),
        ("web", 1),
        ("lpe", 1),
        ("nelly", 0),
        ("no+body", 0),
    ] {
        let answer = site.get(&format!("{page}?held_q={q}")).await;
        assert_eq!((answer.status, rows(&answer.body)), (StatusCode::OK, found), "{q}: {}", answer.body);
        assert_eq!(answer.body.contains("Nobody fits"), found == 0, "{q}");
        assert!(answer.body.contains("Apply all 8 held…") && answer.body.contains("not only those found"), "{q}");
        let file = site.get(&format!("{page}export.csv?show=held&held_q={q}")).await;
        assert_eq!(file.body.lines().count(), 1 + found, "{q}: {}", file.body);
    }
    let found = site.get(&format!("{page}?held_q=alert&page_size=25")).await.body;
    assert!(found.contains("2 of 8 found") && found.contains("name=\"held_q\" value=\"alert\""), "{found}");
    assert!(found.contains("name=\"page_size\" value=\"25\""), "{found}");
    assert!(found.contains(&format!("{page}export.csv?show=held&#38;held_q=alert")), "{found}");
    assert!(found.contains("Ticks hold for this page"), "{found}");
    let whole = site.get(&page).await.body;
    assert!(whole.contains("Apply all 8…") && !whole.contains("Ticks hold for this page"), "{whole}");
    let short = site.get(&format!("{page}?held_q=x")).await;
    assert!(short.status == StatusCode::OK && short.body.contains("One character is too little"), "{}", short.body);
    let many = site.get(&format!("{page}?held_q=aa+bb+cc+dd+ee+ff")).await.body;
    assert!(many.contains("too much to search for"), "{many}");
    for bad in ["held_q=x", "held_q=%00"] {
        assert_eq!(site.get(&format!("{page}export.csv?show=held&{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn held_departures_have_boxes_for_those_who_may_act() {
    let mut site = Site::as_superuser().await;
    let run = hold(&site).await;
    let page = site.get(&format!("/admin/sync/{run}/")).await;
    insta::assert_snapshot!("run_held_boxes", page.page());
    let next = site.get(&format!("/admin/sync/{run}/?page_size=25")).await;
    assert!(!next.body.contains("rel=\"next\""), "eight fit on a page");
    let changes = site.get(&format!("/admin/sync/{run}/?show=changes")).await.body;
    assert!(changes.contains("Departure held") && !changes.contains("type=\"checkbox\" name=\"id\""), "{changes}");
}

#[tokio::test]
async fn as_many_as_can_be_ticked_fit_into_the_form() {
    let mut site = Site::as_superuser().await;
    let run = hold(&site).await;
    let page = site.get(&format!("/admin/sync/{run}/")).await.body;
    let most: i64 = page.split_once("data-most=\"").unwrap().1.split('"').next().unwrap().parse().unwrap();
    let ids: Vec<String> = (0..most).map(|number| (i64::MAX - number).to_string()).collect();
    let fields: Vec<_> = [("act", "forget")].into_iter().chain(ids.iter().map(|id| ("id", id.as_str()))).collect();
    let answer = site.act(&format!("/admin/sync/{run}/decide/"), &fields).await;
    assert!(answer.body.contains("Apply or dismiss?"), "it was read: {}", answer.body);
}

#[tokio::test]
async fn what_is_to_be_decided_stands_before_what_is_only_to_be_read() {
    let mut site = Site::as_superuser().await;
    let run = hold(&site).await;
    let place = |page: &str, part: &str| page.find(part).unwrap_or_else(|| panic!("{part} is not in {page}"));
    for query in ["", "?show=changes"] {
        let page = site.get(&format!("/admin/sync/{run}/{query}")).await.body;
        assert!(place(&page, "really are gone") < place(&page, "id=\"list\""), "{query}");
        assert!(place(&page, "id=\"list\"") < place(&page, "id=\"live\""), "{query}");
        assert!(page.contains(&format!("<a href=\"/admin/sync/{run}/#list\">Decide</a>")), "the note leads there: {page}");
    }
    site.log_in("anna", super::PASSWORD).await;
    let looking = site.get(&format!("/admin/sync/{run}/")).await.body;
    assert!(looking.contains("#list\">See whom it is about</a>"), "{looking}");
    // The list that it followed is done, and its changes are what there is to read.
    let done = site.get(&format!("/admin/sync/{}/", RunId::new(seed::start() - TimeDelta::minutes(1), [0; 32]))).await.body;
    assert!(place(&done, "id=\"live\"") < place(&done, "id=\"list\""), "{done}");
}

#[tokio::test]
async fn what_a_run_changed_is_listed_with_before_and_after() {
    let mut site = Site::as_staff().await;
    let mut members = vec![seed::member(1, "one"), seed::member(2, "two"), seed::member(3, "three")];
    seed::list(&site.stores, seed::start() - TimeDelta::minutes(1), &members).await;
    members[0].username = "<b>uno</b>".into();
    members[0].roles = ["10", "20"].into_iter().collect();
    members.remove(1);
    members.push(seed::member(4, "four"));
    let run = seed::list(&site.stores, seed::start(), &members).await;
    insta::assert_snapshot!("run_changes", site.get(&format!("/admin/sync/{run}/")).await.page());
}

/// A run that has made, changed, brought back and lost a member each; two are linked.
async fn of_every_kind(site: &Site) -> RunId {
    let before = |minutes| seed::start() - TimeDelta::minutes(minutes);
    seed::account(&site.stores, "acc", "", 4).await;
    let mut members = vec![seed::member(1, "one"), seed::member(2, "two"), seed::member(3, "=three")];
    seed::list(&site.stores, before(3), &members).await;
    seed::list(&site.stores, before(2), &members[..2]).await;
    members[0].username = "uno".into();
    members.remove(1);
    members.push(seed::member(4, "four"));
    seed::list(&site.stores, before(1), &members).await
}

#[tokio::test]
async fn changes_are_narrowed_down_to_a_kind_and_taken_away_as_a_file() {
    let mut site = Site::as_staff().await;
    let run = of_every_kind(&site).await;
    let page = format!("/admin/sync/{run}/");
    let all = site.get(&page).await.body;
    let rows = |body: &str| body.matches("<tr role=\"row\" data-row>").count();
    assert_eq!(rows(&all), 5, "{all}");
    for (action, chip, shown) in [
        ("created", "Created 1", "four"),
        ("updated", "Changed 1", "uno"),
        ("left", "Left 1", "two"),
        ("rejoined", "Came back 1", "=three"),
        ("linked", "Linked 1", "four"),
    ] {
        let address = format!("{page}?action={action}");
        assert!(all.contains(&format!("<a href=\"{address}#list\">{chip}</a>")), "{chip}: {all}");
        let narrowed = site.get(&address).await.body;
        assert!(rows(&narrowed) == 1 && narrowed.contains(&format!("title=\"{shown}\"")), "{action}: {narrowed}");
        let file = site.get(&format!("{page}export.csv?action={action}")).await;
        assert_eq!((file.status, file.body.lines().count()), (StatusCode::OK, 2), "{}", file.body);
        assert!(file.body.contains(action) && file.body.contains(shown), "{}", file.body);
    }
    assert!(!all.contains("Unlinked "), "what there is none of is no choice");
    let none = site.get(&format!("{page}?action=unlinked")).await.body;
    assert!(none.contains("There is no such change") && rows(&none) == 0, "{none}");
    for bad in ["action=lost", "action=held", "action=left&after=1", "show=some"] {
        assert_eq!(site.get(&format!("{page}?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
        let file = site.get(&format!("{page}export.csv?{bad}")).await;
        assert!(file.status == StatusCode::BAD_REQUEST || bad.contains("after"), "a file has no pages: {bad}");
    }
    let file = site.get(&format!("{page}export.csv")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"changes.csv\"");
    insta::assert_snapshot!("run_changes_csv", file.body.replace('\r', "␍"));
    let log = site.get("/admin/log/?act=export").await.body;
    assert!(log.contains(&format!("{page}?action=created")), "{log}");
    for nowhere in ["0193554a-1b98-7000-8000-000000000000", "nonsense"] {
        assert_eq!(site.get(&format!("/admin/sync/{nowhere}/export.csv")).await.status, StatusCode::NOT_FOUND, "{nowhere}");
    }
}

#[tokio::test]
async fn held_departures_are_taken_away_as_a_file() {
    let mut site = Site::as_staff().await;
    let run = hold(&site).await;
    let page = site.get(&format!("/admin/sync/{run}/")).await.body;
    assert!(page.contains(&format!("<a href=\"/admin/sync/{run}/export.csv?show=held\">Download as CSV</a>")), "{page}");
    let file = site.get(&format!("/admin/sync/{run}/export.csv?show=held")).await;
    assert_eq!((file.header("content-disposition"), file.body.lines().count()), ("attachment; filename=\"departures.csv\"", 9));
    assert!(file.body.starts_with("\u{feff}discord_id,name,") && file.body.contains(&seed::GONE.to_string()), "{}", file.body);
    site.log_in("ben", super::PASSWORD).await;
    assert_eq!(site.get(&format!("/admin/sync/{run}/export.csv")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_list_of_changes_is_paged() {
    let mut site = Site::as_staff().await;
    let members: Vec<_> = (1..=30).map(|number| seed::member(number, &format!("user{number}x"))).collect();
    let run = seed::list(&site.stores, seed::start(), &members).await;
    let first = site.get(&format!("/admin/sync/{run}/?page_size=25")).await.body;
    assert!(first.contains("user25x") && !first.contains("user26x"));
    let (_, rest) = first.split_once("class=\"button\" href=\"").unwrap();
    let next = rest.split('"').next().unwrap().trim_end_matches("#list").replace("&#38;", "&");
    let second = site.get(&next).await.body;
    assert!(
        second.contains("user26x")
            && second.contains("user30x")
            && !second.contains("user25x")
            && !second.contains("rel=\"next\"")
    );
    assert_eq!(site.get(&next.replace(&run.to_string(), &RunId::new(seed::start(), [3; 32]).to_string())).await.status, 404);
    for bad in ["after=1", "show=all", "decision=7", "joined=2", "nonsense=1"] {
        assert_eq!(site.get(&format!("/admin/sync/{run}/?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn the_list_is_narrowed_down_and_paged() {
    let mut site = Site::as_superuser().await;
    seed::members(&site.stores, &[seed::member(80_351_110_224_678_912, "nelly")], &[]).await;
    for (number, state) in STATES.into_iter().enumerate() {
        let mut run = run(state);
        run.id = RunId::new(seed::start() + TimeDelta::seconds(i64::try_from(number).unwrap()), [0; 32]);
        seed::put_run(&site.ledger, &run).await;
    }
    let page = site.get("/admin/sync/?state=failed").await.body;
    assert!(page.contains("class=\"state state-failed\"") && !page.contains("class=\"state state-held\""), "{page}");
    assert!(page.contains("title=\"80351110224678912\">nelly</bdi>"), "a known member's name: {page}");
    assert!(page.contains("Start a sync") && page.contains("There is no bot token"));
    let none = site.get("/admin/sync/?source=discord").await.body;
    assert!(none.contains("No sync fits") && none.contains("Show all"));
    for bad in ["state=lost", "source=x", "mode=x", "deltas=2", "after=7", "x=1", "state=held&state=held"] {
        assert_eq!(site.get(&format!("/admin/sync/?{bad}")).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test]
async fn syncs_of_one_minute_can_be_told_apart() {
    let mut site = Site::as_staff().await;
    for seconds in [0, 7, 80] {
        let mut run = run(RunState::Succeeded);
        run.created_at += TimeDelta::seconds(seconds);
        run.id = RunId::new(run.created_at, [0; 32]);
        seed::put_run(&site.ledger, &run).await;
    }
    let list = site.get("/admin/sync/").await.body;
    assert!(list.contains(">2026-11-22 20:24:31</time>") && list.contains(">2026-11-22 20:24:38</time>"), "{list}");
    assert!(list.contains(">2026-11-22 20:25</time>"), "alone in its minute: {list}");
    let page = site.get(&format!("/admin/sync/{}/", RunId::new(seed::start(), [0; 32]))).await.body;
    assert!(
        page.contains("<title>Sync of 2026-11-22 20:24:31 · guildsync</title>")
            && page.contains("data-seconds>2026-11-22 20:24:31<"),
        "{page}"
    );
}

#[tokio::test]
async fn every_list_offers_the_length_of_its_pages() {
    let mut site = Site::as_superuser().await;
    let run = hold(&site).await;
    for (list, place) in [
        (format!("/admin/sync/{run}/"), "#list"),
        (format!("/admin/sync/{run}/?show=changes"), "#list"),
        ("/admin/log/".to_owned(), ""),
        ("/admin/sync/".to_owned(), ""),
    ] {
        let page = site.get(&list).await.body;
        let more = if list.contains('?') { "&#38;" } else { "?" };
        assert!(
            page.contains(&format!("<a href=\"{}{more}page_size=25{place}\">25</a>", list.replace('&', "&#38;"))),
            "{list}: {page}"
        );
    }
}
