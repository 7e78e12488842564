//! `POST /api/dbot/sync_guild_members`: a full member list in, counts out.

use std::sync::Arc;

use poem::http::{HeaderMap, header};
use poem::web::Data;
use poem::{Body, IntoResponse as _, Request, Response, handler};

use super::problem::Problem;
use super::waiting::{Waited, requested_by};
use super::{Api, answer, body};
use crate::domain::Source;
use crate::http::inflate::Reader;
use crate::http::unread::Unread;
use crate::intake::{Fault, Intake, MAX_FAULTS, MAX_KEY, Refusal, Rule, Wish};

#[handler]
pub(super) async fn take(api: Data<&Arc<Api>>, request: &Request, list: Body) -> Response {
    // A client that asks before it sends (RFC 9110, 10.1.1) need not be heard out.
    let list = Unread::new(list, !request.headers().contains_key(header::EXPECT));
    sync(&api, request, list).await.unwrap_or_else(Problem::into_response)
}

async fn sync(api: &Api, request: &Request, list: Unread) -> Result<Response, Problem> {
    let intake = api.admit(request)?;
    let headers = request.headers();
    let encoding = body::check_form(headers)?;
    let list = body::open(list, encoding);
    let wish = match wish(headers) {
        Ok(wish) => wish,
        Err(faults) => return Err(refuse(intake, list, faults).await),
    };
    let run = intake.file_roster(list, wish).await?;
    match api.wait_for(run, headers).await? {
        Waited::Ended(run) => Ok(answer::counts(&run)),
        Waited::Later(answer) => Ok(answer),
    }
}

/// What the headers say of the list.
fn wish(headers: &HeaderMap) -> Result<Wish, Vec<Fault>> {
    match (requested_by(headers), idempotency_key(headers)) {
        (Ok(requested_by), Ok(idempotency_key)) => {
            Ok(Wish { asked: requested_by.into(), idempotency_key, ..Wish::new(Source::Push) })
        }
        (by, key) => Err(by.err().into_iter().chain(key.err()).collect()),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Fault> {
    let mut lines = headers.get_all("idempotency-key").iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let key =
        line.to_str().ok().filter(|key| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    match key {
        Some(key) if lines.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let message = format!("must be one key of 1 to {MAX_KEY} visible ASCII characters without spaces");
            Err(Fault { at: "Idempotency-Key".into(), rule: Rule::Form, message })
        }
    }
}

/// Why a list is refused that came with faulty headers: what is wrong with reading it comes first, and its own faults belong to the answer.
async fn refuse(intake: &Intake, list: Reader, mut faults: Vec<Fault>) -> Problem {
    let of_headers = faults.len() as u64;
    match intake.check_roster(list).await {
        Ok(()) => Problem::faulty(faults, of_headers),
        Err(Refusal::Faulty { faults: of_list, count }) => {
            faults.extend(of_list);
            faults.truncate(MAX_FAULTS);
            Problem::faulty(faults, count + of_headers)
        }
        Err(refusal) => refusal.into(),
    }
}
