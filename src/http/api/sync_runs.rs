//! `GET /api/dbot/sync_runs/{id}`: one run.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{IntoResponse as _, Request, Response, handler};

use super::problem::Problem;
use super::{Api, answer};
use crate::domain::RunId;

#[handler]
pub(super) async fn show(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    // What cannot even be read as a text is no run's id.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    find(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn find(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    api.admit(request)?;
    let unknown = || Problem::not_found("There is no such run; runs are kept for a time (retention.runs_days).");
    let id: RunId = id.parse().map_err(|_| unknown())?;
    let run = api.state.read.run(id).await?.ok_or_else(unknown)?;
    Ok(answer::run(&run, StatusCode::OK))
}
