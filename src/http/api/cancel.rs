//! `POST /api/dbot/sync_runs/{id}/cancel`: ends a run that has not ended.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{IntoResponse as _, Request, Response, handler};

use super::problem::Problem;
use super::waiting::requested_by;
use super::{Api, answer};
use crate::domain::RunId;

#[handler]
pub(super) async fn cancel(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    end(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn end(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    let intake = api.admit(request)?;
    let run: RunId = id.parse().map_err(|_| Problem::no_run())?;
    let requested_by = requested_by(request.headers()).map_err(|fault| Problem::faulty(vec![fault], 1))?;
    match intake.cancel(run, requested_by).await? {
        None => Err(Problem::no_run()),
        Some(false) => {
            Err(Problem::conflict("The run has ended", "A run that has ended cannot be cancelled; nothing was changed."))
        }
        Some(true) => Ok(answer::run(&api.find_run(id).await?, StatusCode::OK)),
    }
}
