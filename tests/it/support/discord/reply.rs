//! What the fake answers, down to answers that are none.

use std::io;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, stream};
use poem::http::StatusCode;
use poem::{Body, Response};
use serde_json::{Value, json};

/// An answer, whole.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    /// What went well.
    pub fn json(body: &Value) -> Self {
        Self::text(body.to_string())
    }

    /// The same, of JSON that is already text.
    pub fn text(body: String) -> Self {
        Self { status: 200, content_type: "application/json", headers: Vec::new(), body }
    }

    /// `204 No Content`.
    pub fn none() -> Self {
        Self { status: 204, ..Self::text(String::new()) }
    }

    /// One of Discord's errors.
    pub fn error(status: u16, code: u32, message: &str) -> Self {
        Self { status, ..Self::json(&json!({ "message": message, "code": code })) }
    }

    /// A body or a query that breaks a rule: `what` is the field, `why` the rule.
    pub fn invalid(what: &str, why: &str) -> Self {
        let errors = json!({ what: { "_errors": [{ "code": "BASE_TYPE_BAD", "message": why }] } });
        let body = json!({ "message": "Invalid Form Body", "code": 50035, "errors": errors });
        Self { status: 400, ..Self::json(&body) }
    }

    /// A page of the network in front of Discord, which knows no JSON.
    pub fn edge(status: u16) -> Self {
        let body =
            format!("<!doctype html><html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>");
        Self { status, content_type: "text/html; charset=UTF-8", headers: vec![("server", "cloudflare".into())], body }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Reply {
    Whole(Answer),
    /// Half of the body, then the end of the connection.
    Cut(Answer),
    /// The end of the connection.
    Closed,
    /// Never anything.
    Hang,
}

impl Reply {
    /// The status that reaches the client, if one does.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(answer) | Self::Cut(answer) => Some(answer.status),
            Self::Closed | Self::Hang => None,
        }
    }

    pub async fn send(self) -> Response {
        match self {
            Self::Whole(answer) => {
                let body = Body::from(answer.body.clone());
                response(&answer, body)
            }
            Self::Cut(answer) => {
                let half = Bytes::copy_from_slice(&answer.body.as_bytes()[..answer.body.len() / 2]);
                // The half is on its way once the server has had to wait.
                let parts = stream::iter([Ok(half)]).chain(tokio::task::yield_now().map(|()| Err(broken())).into_stream());
                response(&answer.clone().header("content-length", answer.body.len().to_string()), Body::from_bytes_stream(parts))
            }
            // The connection's task ends, and with it the connection. No hook is called, so nothing is printed.
            Self::Closed => std::panic::resume_unwind(Box::new("the connection ends here")),
            Self::Hang => std::future::pending().await,
        }
    }
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn response(answer: &Answer, body: Body) -> Response {
    let status = StatusCode::from_u16(answer.status).expect("a status of HTTP");
    let mut builder = Response::builder().status(status).content_type(answer.content_type);
    for (name, value) in &answer.headers {
        builder = builder.header(*name, value);
    }
    builder.body(body)
}
