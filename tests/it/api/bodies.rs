//! Bodies that are no JSON, or JSON of another shape. None changes anything.

use super::{Service, list, member, members};

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
