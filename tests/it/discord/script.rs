//! A server that answers with bytes a test has written: for answers that no Discord would give.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// What becomes of a connection once its bytes are written.
#[derive(Debug, Clone, Copy)]
pub enum Then {
    Close,
    /// More of the same byte, for ever.
    Flood(u8),
    /// Nothing more, ever.
    Hang,
}

/// A running server; it ends with this value.
pub struct Script {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Script {
    /// Answers every request, each on a connection of its own, with the same bytes.
    pub async fn start(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (bytes, hearing) = (Arc::<[u8]>::from(bytes.into()), Arc::clone(&heard));
        let serving = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (bytes, hearing) = (Arc::clone(&bytes), Arc::clone(&hearing));
                // A connection that breaks is none of ours to judge.
                tokio::spawn(async move { serve(stream, &bytes, then, &hearing).await });
            }
        };
        Self { url, heard, _serving: AbortOnDropHandle::new(tokio::spawn(serving)) }
    }

    /// An answer with a body of JSON, and the end of the connection.
    pub async fn json(status: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        Self::start(format!("{head}\r\nconnection: close\r\n\r\n{body}"), Then::Close).await
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Heads and bodies of the requests so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(stream: TcpStream, bytes: &[u8], then: Then, hearing: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let start = request.len();
        if stream.read_line(&mut request).await? <= 2 {
            break;
        }
        if let Some((name, value)) = request[start..].split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    request.push_str(&String::from_utf8(body).unwrap());
    hearing.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    stream.write_all(bytes).await?;
    match then {
        Then::Close => stream.shutdown().await,
        Then::Hang => std::future::pending().await,
        Then::Flood(byte) => {
            let many = vec![byte; 64 * 1024];
            loop {
                stream.write_all(&many).await?;
            }
        }
    }
}
