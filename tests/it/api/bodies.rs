//! Bodies that are no JSON, or JSON of another shape. None changes anything.

use std::fmt::Write as _;

use super::{Service, list, member, members, picked, send};

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_parsed_is_a_400_with_its_place() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    let good = list(members(1..=3));
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("blank", b" \n ".to_vec()),
        ("cut off", good.as_bytes()[..good.len() - 1].to_vec()),
        ("cut off in an entry", good.as_bytes()[..good.len() / 2].to_vec()),
        ("trailing text", format!("{good}x").into()),
        ("trailing object", format!("{good}{{}}").into()),
        ("trailing comma", r#"{"members":[{"id":"1","username":"a"},]}"#.into()),
        ("comment", r#"{"members":[]/* none */}"#.into()),
        ("single quotes", "{'members':[]}".into()),
        ("NaN", r#"{"members":[{"id":NaN,"username":"a"}]}"#.into()),
        ("leading zeros", r#"{"members":[{"id":007,"username":"a"}]}"#.into()),
        ("byte order mark", format!("\u{feff}{good}").into()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("invalid UTF-8", b"{\"members\":[{\"id\":\"1\",\"username\":\"a\xff\"}]}".to_vec()),
        ("invalid UTF-8 in what is ignored", b"{\"x\":\"\xc3\x28\",\"members\":[]}".to_vec()),
        ("invalid UTF-8 in a list", b"[\"\xff\"]".to_vec()),
        ("overlong UTF-8", b"{\"members\":[{\"id\":\"1\",\"username\":\"\xc0\xaf\"}]}".to_vec()),
        ("raw control character", b"{\"members\":[{\"id\":\"1\",\"username\":\"a\x01\"}]}".to_vec()),
        ("raw NUL", b"{\"members\":[{\"id\":\"1\",\"username\":\"a\x00\"}]}".to_vec()),
        ("leading surrogate alone", r#"{"members":[{"id":"1","username":"a\ud800"}]}"#.into()),
        ("trailing surrogate alone", r#"{"members":[{"id":"1","username":"\udc00a"}]}"#.into()),
        ("surrogates the wrong way round", r#"{"members":[{"id":"1","username":"\udc00\ud800"}]}"#.into()),
        ("surrogate in what is ignored", r#"{"x":"\ud800","members":[]}"#.into()),
        ("lists 10,000 deep", deep("[", "]").into()),
        ("objects 10,000 deep", deep(r#"{"a":"#, "}").into()),
        ("10,000 deep where it is ignored", format!(r#"{{"x":{},"members":[]}}"#, deep("[", "]")).into()),
        ("10,000 deep in an entry", format!(r#"{{"members":[{{"id":{}}}]}}"#, deep("[", "]")).into()),
        ("10,000 open brackets", "[".repeat(10_000).into()),
    ];
    for (what, body) in bodies {
        let answer = service.refused_body(body, 400).await;
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("line ") && detail.contains("column "), "{what}: {detail}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_is_the_right_one() {
    let service = Service::start().await;
    let answer = service.refused_body("{\n  \"members\": [\n    x\n  ]\n}", 400).await;
    insta::assert_snapshot!("not_json", super::shown(&answer.json()));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_twice_in_one_object_is_a_400_at_every_level() {
    let service = Service::start().await;
    for body in [
        r#"{"members":[],"members":[]}"#,
        r#"{"members":null,"members":[]}"#,
        r#"{"members":[],"observed_at":null,"observed_at":null}"#,
        r#"{"members":[],"x":1,"x":1}"#,
        r#"{"members":[],"x":{"a":[{"b":1,"b":2}]}}"#,
        r#"{"members":[{"id":"1","id":"1","username":"a"}]}"#,
        r#"{"members":[{"id":"1","username":"a","\u0075sername":"b"}]}"#,
        r#"{"members":[{"id":"1","username":"a","x":1,"x":2}]}"#,
        r#"{"members":[{"id":"1","username":"a","x":{"y":{"z":1,"z":1}}}]}"#,
        r#"{"members":[{"id":{"a":1,"a":1},"username":"a"}]}"#,
        r#"{"members":[{"id":"1","username":"a","roles":[{"a":1,"a":1}]}]}"#,
        r#"{"members":[{"id":"1","username":"a","roles":[[{"a":1,"a":1}]]}]}"#,
        r#"{"members":{"a":1,"a":1}}"#,
        r#"{"members":[[{"a":1,"a":1}]]}"#,
        r#"[{"a":1,"a":1}]"#,
    ] {
        let answer = service.refused_body(body, 400).await;
        assert!(answer.text.contains("twice"), "{body}: {}", answer.text);
    }
    // Two entries may have the same keys, of course.
    assert_eq!(service.sync(vec![member(1), member(2)]).await.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_of_another_shape_is_a_422() {
    let service = Service::start().await;
    for body in ["null", "1", "\"members\"", "true", "[]", r#"[{"id":"1","username":"a"}]"#, "1.5", "-1"] {
        assert_eq!(service.refused_body(body, 422).await.faults(), [" type"], "{body}");
    }
    for body in ["{}", r#"{"Members":[]}"#, r#"{"x":{"members":[]}}"#] {
        assert_eq!(service.refused_body(body, 422).await.faults(), ["members required"], "{body}");
    }
    for value in ["null", "{}", "\"[]\"", "0", "true", "1.5", r#"{"0":{"id":"1","username":"a"}}"#] {
        let answer = service.refused_body(format!(r#"{{"members":{value}}}"#), 422).await;
        assert_eq!(answer.faults(), ["members type"], "{value}");
    }
    for entry in ["null", "1", "\"1\"", "[]", "true", "1.5", "[[1]]"] {
        let body = format!(r#"{{"members":[{{"id":"1","username":"a"}},{entry}]}}"#);
        assert_eq!(service.refused_body(body, 422).await.faults(), ["members[1] type"], "{entry}");
    }
    service.stop().await;
}

/// A member with these bytes in them, after enough sound ones that some have been staged by then.
fn after_sound_ones(entry: &[u8]) -> Vec<u8> {
    let sound = list(members(1..=250));
    [sound.strip_suffix("]}").unwrap().as_bytes(), b",", entry, b"]}"].concat()
}

/// Each of what follows is met when batches have been staged already. On both stores nothing of them is left.
#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_in_the_middle_leaves_nothing_staged() {
    let named = |name: &[u8]| [br#"{"id":"300","username":""#, name, br#""}"#].concat();
    let with = |more: &str| format!(r#"{{"id":"300","username":"a",{more}}}"#).into_bytes();
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let entries: Vec<(&str, Vec<u8>)> = vec![
        ("a raw NUL between values", b"\0".to_vec()),
        ("a raw NUL in a key", b"{\"id\0\":\"300\",\"username\":\"a\"}".to_vec()),
        ("a raw NUL in what is ignored", with("\"x\":\"\0\"")),
        ("a surrogate alone in a role", with(r#""roles":["\ud800"]"#)),
        ("a surrogate alone in a key", with(r#""\udfff":1"#)),
        ("a surrogate before another escape", named(br"\ud800\n")),
        ("two leading surrogates", named(br"\ud83e\ud83e")),
        ("a surrogate in UTF-8", named(b"\xed\xa0\x80")),
        ("an overlong NUL", named(b"\xc0\x80")),
        ("a character that is cut off", named(b"\xe2\x82")),
        ("Latin-1", named(b"J\xfcrgen")),
        ("UTF-8 beyond Unicode", named(b"\xf4\x90\x80\x80")),
        ("a byte that only continues", named(b"\x80")),
        ("broken UTF-8 in a key", [&with("\"x\":1")[..28], b"\xff\":1}"].concat()),
        ("an id beyond a double", br#"{"id":1E400,"username":"a"}"#.to_vec()),
        ("an id far below zero", br#"{"id":-1e400,"username":"a"}"#.to_vec()),
        ("an id in hexadecimal", br#"{"id":0x10,"username":"a"}"#.to_vec()),
        ("an id with a plus", br#"{"id":+1,"username":"a"}"#.to_vec()),
        ("roles 10,000 deep", with(&format!(r#""roles":{}"#, deep("[", "]")))),
        ("a name 10,000 deep", with(&format!(r#""nickname":{}"#, deep(r#"{"a":"#, "}")))),
        ("objects 10,000 deep where they are ignored", with(&format!(r#""x":{}"#, deep(r#"{"a":"#, "}")))),
        ("lists and objects 10,000 deep", with(&format!(r#""x":{}"#, deep(r#"[{"a":"#, "}]")))),
        ("a key twice by an escape", br#"{"id":"300","\u0069d":"301","username":"a"}"#.to_vec()),
        ("a key twice by an escape in what is ignored", with(r#""x":{"y":[{"z":1,"\u007a":2}]}"#)),
        ("an empty key twice", with(r#""":1,"":1"#)),
    ];
    for service in Service::on_both(&[("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")]).await {
        service.sync(members(1..=3)).await.counts();
        for (what, entry) in &entries {
            let answer = service.refused_body(after_sound_ones(entry), 400).await;
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("line 1, column "), "{what}: {detail}");
        }
        service.refused_body([list(members(1..=250)), list(members(1..=250))].join("\n"), 400).await;
        service.refused_body(format!("{}\0", list(members(1..=250))), 400).await;
        let again = service.sync(members(1..=3)).await.counts();
        assert_eq!(picked(&again, ["updated", "unchanged", "total_active"]), [3, 3, 3]);
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_text_in_the_other_keys_of_the_body_is_a_400() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    for body in [
        br#"{"observed_at":"\ud800","members":[]}"#.to_vec(),
        br#"{"\ud800":1,"members":[]}"#.to_vec(),
        br#"{"members":[],"\u006dembers":[]}"#.to_vec(),
        br#"{"dry_run":true,"members":[],"dry_run":false}"#.to_vec(),
        br#"{"members":[],"x":1e400}"#.to_vec(),
        b"{\"members\":[],\"\xff\":1}".to_vec(),
        b"{\"members\":\0[]}".to_vec(),
        b"\0{\"members\":[]}".to_vec(),
        b"\xff\xfe{\0}\0".to_vec(),
        format!(r#"{{"observed_at":{deep},"members":[]}}"#).into_bytes(),
        format!(r#"{{"members":{deep}}}"#).into_bytes(),
        format!(r#"{{"members":[],"dry_run":{deep}}}"#).into_bytes(),
    ] {
        service.refused_body(body, 400).await;
    }
    service.stop().await;
}

/// Places are counted from 1, also where a line has nothing before what is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn no_place_is_before_the_first_column() {
    let service = Service::start().await;
    for (body, place) in [("", "line 1, column 1"), ("{\n", "line 2, column 1"), ("x", "line 1, column 1")] {
        let answer = service.refused_body(body, 400).await;
        assert!(answer.json()["detail"].as_str().unwrap().contains(place), "{body:?}: {}", answer.text);
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_nothing_are_refused() {
    let service = Service::start().await;
    service.sync(members(1..=3)).await.counts();
    let blank = vec![b' '; 100_000_000];
    let answer = service.refused_body(blank, 413).await;
    assert!(answer.text.contains("4 MiB"), "{}", answer.text);
    service.stop().await;
}

/// What is ignored may be odd, as long as it is JSON.
#[tokio::test(flavor = "multi_thread")]
async fn odd_values_are_ignored_with_their_keys() {
    let service = Service::start().await;
    let mut odd = String::new();
    for (number, value) in
        ["123456789012345678901234567890", "-1e300", "18446744073709551616", "-0", r#""\u0000""#, r#""\ud83e\udd80""#, "1E-400"]
            .iter()
            .enumerate()
    {
        write!(odd, r#","x{number}":{value}"#).unwrap();
    }
    let deep = "[".repeat(100) + &"]".repeat(100);
    let body = format!(
        r#"{{"members":[{{"id":"1","username":"a","usern\u0000ame":"b","ID":"2"{odd},"deep":{deep}}}],"\u0000":0{odd},"deep":{deep}}}"#
    );
    assert_eq!(picked(&send(service.post(body)).await.counts(), ["created", "total_received"]), [1, 1]);
    assert_eq!(service.of_member("1", "username").await, "a");
    service.stop().await;
}
