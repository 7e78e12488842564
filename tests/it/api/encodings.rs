//! Packed bodies.

use async_compression::tokio::bufread::{GzipEncoder, ZstdEncoder};
use tokio::io::AsyncReadExt as _;

use super::{Service, list, members, picked, send};

pub(super) async fn gzip(body: Vec<u8>) -> Vec<u8> {
    let mut packed = Vec::new();
    GzipEncoder::new(&body[..]).read_to_end(&mut packed).await.unwrap();
    packed
}

pub(super) async fn zstd(body: Vec<u8>) -> Vec<u8> {
    let mut packed = Vec::new();
    ZstdEncoder::new(&body[..]).read_to_end(&mut packed).await.unwrap();
    packed
}

/// A list and its two packings.
async fn packed() -> [(&'static str, Vec<u8>); 2] {
    let body = list(members(1..=300)).into_bytes();
    [("gzip", gzip(body.clone()).await), ("zstd", zstd(body).await)]
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_and_zstd_are_understood() {
    let service = Service::start().await;
    for (encoding, body) in packed().await {
        for name in [encoding.to_owned(), encoding.to_uppercase(), format!(" {encoding} ")] {
            let answer = send(service.post(body.clone()).header("content-encoding", name)).await;
            assert_eq!(picked(&answer.counts(), ["total_received", "total_active"]), [300, 300], "{encoding}");
        }
    }
    let plain = send(service.post(list(members(1..=300))).header("content-encoding", "identity")).await;
    assert_eq!(plain.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_packed_in_several_pieces_is_one_body() {
    let service = Service::start().await;
    let body = list(members(1..=300)).into_bytes();
    let (one, two) = body.split_at(1_000);
    let joined = [gzip(one.to_vec()).await, gzip(two.to_vec()).await].concat();
    assert_eq!(send(service.post(joined).header("content-encoding", "gzip")).await.status, 200);
    let joined = [zstd(one.to_vec()).await, zstd(two.to_vec()).await].concat();
    assert_eq!(send(service.post(joined).header("content-encoding", "zstd")).await.status, 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_packing_is_a_400() {
    let service = Service::with(&[("GUILDSYNC__WORKER__BATCH_MEMBERS", "100")]).await;
    service.sync(members(1..=3)).await.counts();
    let plain = list(members(1..=300)).into_bytes();
    for (encoding, body) in packed().await {
        let broken = |at: usize| {
            let mut body = body.clone();
            body[at] ^= 0xff;
            body
        };
        let mut cases = vec![
            ("cut in the middle", body[..body.len() / 2].to_vec()),
            ("cut in its head", body[..3].to_vec()),
            ("not packed at all", plain.clone()),
            ("empty", Vec::new()),
            ("followed by something else", [&body[..], b"{}"].concat()),
            ("with a broken head", broken(0)),
        ];
        if encoding == "gzip" {
            cases.push(("one byte short", body[..body.len() - 1].to_vec()));
            cases.push(("with a wrong checksum", broken(body.len() - 6)));
            cases.push(("with a wrong length", broken(body.len() - 2)));
        }
        for (what, body) in cases {
            let answer = service.post(body).header("content-encoding", encoding);
            let answer = service.refused(answer, 400).await;
            assert!(!answer.text.contains("user1"), "{encoding} {what}: {}", answer.text);
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_encodings_and_several_are_a_415() {
    let service = Service::start().await;
    for encoding in ["br", "deflate", "compress", "gzip, zstd", "gzip,gzip", "identity, gzip", "*", "zst"] {
        service.refused(service.post(list(members(1..=3))).header("content-encoding", encoding), 415).await;
    }
    // Also on two lines.
    let body = zstd(gzip(list(members(1..=3)).into_bytes()).await).await;
    let twice = service.post(body).header("content-encoding", "gzip").header("content-encoding", "zstd");
    service.refused(twice, 415).await;
    let body = gzip(list(members(1..=3)).into_bytes()).await;
    let twice = service.post(body).header("content-encoding", "gzip").header("content-encoding", "br");
    service.refused(twice, 415).await;
    service.stop().await;
}
