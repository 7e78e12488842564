//! `GET /api/dbot/sync_runs/{id}`: one run.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{IntoResponse as _, Request, Response, handler};

use super::problem::Problem;
use super::{Api, answer};

#[handler]
pub(super) async fn show(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    // What cannot even be read as a text is no run's id.
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    find(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn find(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    api.admit(request)?;
    Ok(answer::run(&api.find_run(id).await?, StatusCode::OK))
}
