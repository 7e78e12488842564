//! A server that is far away: a proxy that hands on what it is given a while later, each way.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Largest piece that is read at once, in bytes.
const PIECE: usize = 64 * 1024;
/// Pieces on their way at once; whoever sends more waits, as with a full window of TCP.
const UNDER_WAY: usize = 64;

/// Stands before a server of 127.0.0.1, as if a wire of that length lay between. It ends with this value, and its connections with it.
pub struct Far {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Far {
    /// In front of the server that a URL names, so far away each way.
    pub async fn from(url: &str, delay: Duration) -> Self {
        let server = place(url).parse().expect("an address with a port");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address of TCP");
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, server, delay));
        Self { address, _serving: serving }
    }

    /// The same URL by way of the wire.
    pub fn url(&self, url: &str) -> String {
        url.replacen(place(url), &self.address.to_string(), 1)
    }
}

/// Address and port in a URL.
fn place(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

async fn serve(listener: TcpListener, server: SocketAddr, delay: Duration) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((near, _)) = listener.accept().await {
            connections.spawn(async move {
                // A server that is away is a connection that is closed.
                let _ = connect(near, server, delay).await;
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(near: TcpStream, server: SocketAddr, delay: Duration) -> io::Result<()> {
    let far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_out, near_in) = near.into_split();
    let (far_out, far_in) = far.into_split();
    tokio::join!(carry(near_out, far_in, delay), carry(far_out, near_in, delay));
    Ok(())
}

/// Carries one way until its end, which arrives as late as the rest.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (wire, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async move {
        let mut piece = vec![0; PIECE];
        while let Ok(1..) = from.read(&mut piece).await.inspect(|read| piece.truncate(*read)) {
            if wire.send((Instant::now() + delay, std::mem::replace(&mut piece, vec![0; PIECE]))).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(read, write);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(200);
    /// Pieces there are at least.
    const PIECES: usize = 32;

    /// A server that answers each byte with the next one, and hangs up when its client has.
    async fn next_byte() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 1_024];
            while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                let answer: Vec<u8> = bytes[..read].iter().map(|byte| byte.wrapping_add(1)).collect();
                stream.write_all(&answer).await.unwrap();
            }
        });
        format!("http://someone@{address}/path")
    }

    #[tokio::test]
    async fn what_is_sent_arrives_whole_in_order_and_late() {
        let url = next_byte().await;
        let far = Far::from(&url, DELAY).await;
        assert!(far.url(&url).starts_with("http://someone@127.0.0.1:") && far.url(&url).ends_with("/path"));
        assert_ne!(far.url(&url), url);
        let mut stream = TcpStream::connect(place(&far.url(&url))).await.unwrap();
        let sent: Vec<u8> = (0..PIECES * PIECE).map(|number| number.to_le_bytes()[0]).collect();
        let begun = Instant::now();
        let (mut out, mut into) = stream.split();
        let mut answer = vec![0; sent.len()];
        // Both at once: the wire holds only so much.
        let (written, read) = tokio::join!(into.write_all(&sent), out.read_exact(&mut answer));
        written.unwrap();
        read.unwrap();
        assert!(begun.elapsed() >= 2 * DELAY, "{:?}", begun.elapsed());
        // One after the other they would take longer than that on one way alone.
        assert!(begun.elapsed() < DELAY * 32, "{:?}", begun.elapsed());
        assert!(answer.iter().zip(&sent).all(|(answer, sent)| *answer == sent.wrapping_add(1)));

        into.shutdown().await.unwrap();
        assert_eq!(out.read(&mut answer).await.unwrap(), 0, "the end comes through");
    }
}
