//! `GET /api/dbot/sync_runs/{id}/changes`: what a run changed, or a dry run would, member by member.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{IntoResponse as _, Request, Response, handler};
use serde::Serialize;

use super::Api;
use super::problem::Problem;
use super::waiting::{limit, query};
use crate::domain::Change;
use crate::intake::Rule;
use crate::store::ChangeCursor;

/// A page of changes.
#[derive(Serialize)]
struct Page {
    changes: Vec<Change>,
    /// What `after` is for the next page; null on the last.
    next: Option<String>,
}

#[handler]
pub(super) async fn list(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    page(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn page(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    api.admit(request)?;
    let limit = limit(request)?;
    let after = match query(request, "after")? {
        Some(text) => {
            read(&text).ok_or_else(|| Problem::fault("after", Rule::Form, "must be what the page before says of the next"))?
        }
        None => ChangeCursor::default(),
    };
    let run = api.find_run(id).await?;
    let mut found = api.state.read.changes(run.id, None, after, limit + 1).await?;
    let is_last = i64::try_from(found.len()).is_ok_and(|length| length <= limit);
    if !is_last {
        found.pop();
    }
    let next = found.last().filter(|_| !is_last).map(|(place, _)| format!("{}.{}", place.id, place.number));
    Ok(Json(Page { changes: found.into_iter().map(|(_, change)| change).collect(), next }).into_response())
}

fn read(text: &str) -> Option<ChangeCursor> {
    let (id, number) = text.split_once('.')?;
    Some(ChangeCursor { id: id.parse().ok()?, number: number.parse().ok()? })
}
