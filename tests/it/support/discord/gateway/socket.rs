//! One connection, from its handshake to its end.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::Frame;
use crate::support::DEADLINE;
use crate::support::discord::Shared;

/// Serves it. Whatever breaks it is its end, and no fault of ours.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, of_our_version).await else { return };
    let (line, mut frames) = mpsc::unbounded_channel();
    let Some(connection) = shared.with(|world| world.gateway.connect(line)) else { return };

    let mut closing = false;
    let goodbye = loop {
        tokio::select! {
            frame = frames.recv() => {
                let sent = match frame {
                    Some(Frame::Text(text)) => socket.send(Message::Text(text)).await,
                    Some(Frame::Close(code)) => {
                        let frame = CloseFrame { code: code.into(), reason: "the fake says so".into() };
                        closing = socket.close(Some(frame)).await.is_ok();
                        break None;
                    }
                    Some(Frame::Drop) | None => break None,
                };
                if sent.is_err() {
                    break None;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => shared.with(|world| world.hear(connection, &text)),
                Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break None,
            },
        }
    };
    shared.with(|world| world.gateway.disconnect(connection, goodbye));
    if closing {
        // The other end hangs up first, as the protocol has it, or its read would fail before it has seen why.
        let hang_up = async { while let Some(Ok(_)) = socket.next().await {} };
        drop(tokio::time::timeout(DEADLINE, hang_up).await);
    }
}

/// Refuses who asks for another version of the gateway, or for an encoding that is not ours.
#[expect(clippy::result_large_err, reason = "the signature is the library's")]
fn of_our_version(request: &Request, response: Response) -> Result<Response, ErrorResponse> {
    let query = request.uri().query().unwrap_or_default();
    let param = |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    if param("v").as_deref() == Some("10")
        && param("encoding").is_none_or(|encoding| encoding == "json")
        && param("compress").is_none()
    {
        return Ok(response);
    }
    let mut refusal = ErrorResponse::new(Some("only ?v=10&encoding=json, uncompressed".into()));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}
