//! What a refusal looks like: RFC 9457 `application/problem+json`.

use std::time::Duration;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde::Serialize;

use crate::domain::RunId;
use crate::intake::{Fault, Refusal, Rule};
use crate::store::StoreError;

/// A refusal. Boxed, so that the way without one stays light.
#[derive(Debug)]
pub(super) struct Problem(Box<Content>);

#[derive(Debug, Serialize)]
struct Content {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    faults: Option<Vec<Fault>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<RunId>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What the log says of a refusal.
#[derive(Clone)]
pub(super) struct Told {
    pub text: &'static str,
    pub faults: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// When to come back while the database is away or too many lists come in.
const SOON: Duration = Duration::from_secs(5);

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Content {
            kind: "about:blank",
            title,
            status,
            detail: detail.into(),
            faults: None,
            fault_count: None,
            run_id: None,
            retry_after: None,
        }))
    }

    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found", detail)
    }

    pub fn method_not_allowed(allowed: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", format!("This address takes {allowed}."))
    }

    pub fn not_configured(missing: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The API is not configured",
            format!("Set {missing} and start the service again."),
        )
    }

    pub fn wrong_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Wrong key", "The header X-API-Key is missing or does not match DBOT_AUTH_KEY.")
    }

    pub fn too_many_wrong_keys(wait: Duration) -> Self {
        let mut problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong keys",
            "Too many requests with a wrong X-API-Key came from this address. A request with the right key is answered at any time.",
        );
        problem.0.retry_after = Some(wait);
        problem
    }

    pub fn wrong_guild() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Wrong guild", "The header X-Guild-Id is missing or does not match GUILD_ID.")
    }

    pub fn unsupported_media(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported body", detail)
    }

    pub fn faulty(faults: Vec<Fault>, count: u64) -> Self {
        let detail = format!("{count} value(s) break a rule; nothing was changed. The first {} are listed.", faults.len());
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid values", detail);
        problem.0.faults = Some(faults);
        problem.0.fault_count = Some(count);
        problem
    }

    /// 409: what was asked for cannot be, as things stand.
    pub fn conflict(title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, title, detail)
    }

    pub fn fault(at: impl Into<String>, rule: Rule, message: impl Into<String>) -> Self {
        Self::faulty(vec![Fault { at: at.into(), rule, message: message.into() }], 1)
    }

    /// There is no run at this address.
    pub fn no_run() -> Self {
        Self::not_found("There is no such run; runs are kept for a time (retention.runs_days).")
    }

    pub fn run_failed(run: RunId, detail: String) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The sync failed", detail);
        problem.0.run_id = Some(run);
        problem
    }

    fn unavailable(detail: String) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "Not available just now", detail);
        problem.0.retry_after = Some(SOON);
        problem
    }

    fn internal(detail: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            return Self::unavailable(
                "The database cannot be reached; nothing was changed. Send the request again in a moment.".into(),
            );
        }
        tracing::error!(%error, "the database answered with an error");
        Self::internal("The database answered with an error; nothing was changed. The service's log says more.".into())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Malformed { .. } => Self::new(StatusCode::BAD_REQUEST, "Not JSON", sentence(&detail)),
            Refusal::BrokenEncoding(_) | Refusal::BrokenOff => {
                Self::new(StatusCode::BAD_REQUEST, "Unreadable body", sentence(&detail))
            }
            Refusal::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", sentence(&detail)),
            Refusal::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "Too slow", sentence(&detail)),
            Refusal::Faulty { faults, count } => Self::faulty(faults, count),
            Refusal::Busy => Self::unavailable(sentence(&detail)),
            Refusal::Store(error) => error.into(),
            Refusal::Internal(_) => {
                tracing::error!(error = detail, "a list could not be taken in");
                Self::internal(sentence(&detail))
            }
        }
    }
}

/// An error's text as a sentence of its own.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content = *self.0;
        let body = serde_json::to_vec(&content).unwrap_or_default();
        let mut response = Response::builder().status(content.status).content_type("application/problem+json").body(body);
        if let Some(wait) = content.retry_after {
            // Rounded up: who obeys must not come too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if content.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("X-API-Key"));
        }
        response.set_data(Told { text: content.title, faults: content.fault_count.unwrap_or_default() });
        response
    }
}
