//! Lists from files.

use guildsync::domain::{Mode, RunState, Source};
use reqwest::header::CONTENT_TYPE;

use super::{Answer, BOUNDARY, Desk, list, multipart};

async fn nothing_was_done(desk: &Desk) {
    assert_eq!(desk.number("SELECT count(*) FROM sync_runs").await, 0);
    assert_eq!(desk.number("SELECT count(*) FROM sync_batches").await, 0);
    assert_eq!(desk.log().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_from_a_file_is_applied_and_noted() {
    let desk = Desk::start().await;
    let run = desk.upload(&[], list(1..=40)).await.run();
    let done = desk.ended(run).await;
    assert_eq!(
        (done.state, done.source, done.mode, done.requested_by.as_str()),
        (RunState::Succeeded, Source::File, Mode::Full, "root")
    );
    assert_eq!(done.counts.created, 40);

    let dry = desk.upload(&["dry_run"], list(1..=5)).await.run();
    let done = desk.ended(dry).await;
    assert_eq!((done.state, done.mode, done.counts.departures_held), (RunState::Succeeded, Mode::DryRun, 35));
    let page = desk.get(&format!("/admin/sync/{dry}/")).await.body;
    assert!(page.contains("What it would change") && page.contains("Departure held") && page.contains("user40"), "{page}");

    let believed = desk.upload(&["allow_mass_departure"], list(1..=5)).await.run();
    let done = desk.ended(believed).await;
    assert_eq!((done.state, done.counts.marked_left), (RunState::Succeeded, 35));
    let log = [
        format!("root upload_list {believed} members.json, all departures believed"),
        format!("root upload_list {dry} members.json, dry run"),
        format!("root upload_list {run} members.json"),
    ];
    assert_eq!(desk.log().await, log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_file_is_unpacked() {
    let desk = Desk::start().await;
    let zstd = zstd::encode_all(list(1..=7).as_bytes(), 1).unwrap();
    assert_eq!(desk.ended(desk.upload(&[], zstd).await.run()).await.counts.created, 7);
    let mut gzip = gzip_of(list(1..=9).as_bytes()).await;
    assert_eq!(desk.ended(desk.upload(&[], &gzip).await.run()).await.counts.created, 2);
    gzip.truncate(gzip.len() / 2);
    let broken = desk.upload(&[], gzip).await;
    assert_eq!(broken.status, 400, "{}", broken.body);
}

async fn gzip_of(bytes: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncWriteExt as _;
    let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_is_told_with_its_places_and_changes_nothing() {
    let desk = Desk::start().await;
    let odd = desk.upload(&[], "<html>").await;
    odd.refuses(400, "This is not a member list");
    odd.refuses(400, "What was sent cannot be read as a member list in JSON. It goes wrong in line 1, column");
    desk.upload(&[], "").await.refuses(400, "This is not a member list");
    let faulty = r#"{"members":[{"id":"007","username":"bond"},{"id":"2"},{"id":"3","username":""}]}"#;
    let answer = desk.upload(&[], faulty).await;
    answer.refuses(422, "This list breaks rules");
    answer.refuses(422, "3 values of the list break a rule.");
    for place in ["members[0].id", "members[1].username", "members[2].username"] {
        assert!(answer.body.contains(place), "{place} in {}", answer.body);
    }
    desk.upload(&[], r#"{"members":[{"id":"2"}]}"#).await.refuses(422, "One value of the list breaks a rule.");
    let many: Vec<_> = (0..50).map(|_| serde_json::json!({"id": "0", "username": "x"})).collect();
    let answer = desk.upload(&[], serde_json::json!({ "members": many }).to_string()).await;
    answer.refuses(422, "And 30 more");
    // No file was chosen.
    let parts = [("form_word", None, desk.word.as_bytes()), ("file", Some(""), &b""[..])];
    for parts in [&parts[..], &parts[..1]] {
        Answer::of(desk.file_form(multipart(parts))).await.refuses(422, "No file was chosen");
    }
    nothing_was_done(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_beyond_the_limit_is_refused_while_it_comes() {
    let desk = Desk::with(&[("GUILDSYNC__API__MAX_BODY", "1048576")]).await;
    let head = multipart(&[("form_word", None, desk.word.as_bytes()), ("file", Some("huge.json"), b"")]);
    let head = head[..head.len() - format!("\r\n--{BOUNDARY}--\r\n").len()].to_vec();
    // Made as it is sent: thirty times the limit, never whole anywhere.
    let member = |number: u64| format!("{}{{\"id\":\"{}\",\"username\":\"x\"}}", if number == 0 { "" } else { "," }, number + 1);
    let chunks =
        (0..1_000).map(move |chunk| (0..1_000).map(|number| member(chunk * 1_000 + number)).collect::<String>().into_bytes());
    let body = std::iter::once(head.clone())
        .chain(std::iter::once(b"{\"members\":[".to_vec()))
        .chain(chunks)
        .map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(futures::stream::iter(body));
    Answer::of(desk.file_form(body)).await.refuses(413, "This list is too large");

    // One that says so itself need not be sent.
    let body = [head, vec![b' '; 3 << 20]].concat();
    Answer::of(desk.file_form(body)).await.refuses(413, "larger than the 1,048,576 bytes");
    nothing_was_done(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_breaks_off_changes_nothing() {
    let desk = Desk::start().await;
    let whole = multipart(&[("form_word", None, desk.word.as_bytes()), ("file", Some("m.json"), list(1..=100).as_bytes())]);
    let cut = whole[..whole.len() / 2].to_vec();
    Answer::of(desk.file_form(cut)).await.refuses(400, "The list broke off");
    // The list ends where it should, but the form does not.
    let cut = whole[..whole.len() - 20].to_vec();
    Answer::of(desk.file_form(cut)).await.refuses(400, "The list broke off");
    nothing_was_done(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_ours_is_refused_before_its_file() {
    let mut desk = Desk::start().await;
    let file = list(1..=3);
    let part = ("file", Some("m.json"), file.as_bytes());
    let other = "0".repeat(64);
    for parts in
        [vec![part], vec![("form_word", None, other.as_bytes()), part], vec![part, ("form_word", None, desk.word.as_bytes())]]
    {
        Answer::of(desk.file_form(multipart(&parts))).await.refuses(403, "This form is out of date");
    }
    let ours = multipart(&[("form_word", None, desk.word.as_bytes()), part]);
    let foreign = desk.file_form(ours.clone()).header("sec-fetch-site", "cross-site");
    Answer::of(foreign).await.refuses(403, "This form did not come from here");
    Answer::of(desk.file_form(ours).header("origin", "https://evil.example")).await.refuses(403, "did not come from here");
    // A head that never ends is not waited for.
    let mut endless = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"").into_bytes();
    endless.resize(1 << 20, b'x');
    Answer::of(desk.file_form(endless)).await.refuses(413, "This form is too large");
    let large = "x".repeat(2_000);
    let parts = [("form_word", None, desk.word.as_bytes()), ("dry_run", None, large.as_bytes()), part];
    Answer::of(desk.file_form(multipart(&parts))).await.refuses(413, "This form is too large");
    let url = desk.url("/admin/sync/file/");
    let plain = desk.client.post(url).header("cookie", &desk.cookie).header(CONTENT_TYPE, "application/json").body(file.clone());
    Answer::of(plain).await.refuses(415, "This is not a form");
    desk.log_in("anna").await;
    desk.upload(&[], &file).await.refuses(403, "This account may look, not act");
    nothing_was_done(&desk).await;
}
