//! `POST /api/dbot/member_left/{discord_id}`: a member has left.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{IntoResponse as _, Request, Response, handler};

use super::Api;
use super::problem::Problem;
use super::waiting::{Waited, member_id, requested_by};
use crate::domain::{DiscordId, Run};

#[handler]
pub(super) async fn take(api: Data<&Arc<Api>>, request: &Request, id: poem::Result<Path<String>>) -> Response {
    let id = id.map_or_else(|_| String::new(), |Path(id)| id);
    leave(&api, request, &id).await.unwrap_or_else(Problem::into_response)
}

async fn leave(api: &Api, request: &Request, id: &str) -> Result<Response, Problem> {
    let intake = api.admit(request)?;
    let id = member_id(id)?;
    let requested_by = requested_by(request.headers()).map_err(|fault| Problem::faulty(vec![fault], 1))?;
    let run = intake.file_leave(id, requested_by).await?;
    match api.wait_for_small(run, request.headers()).await? {
        Waited::Later(answer) => Ok(answer),
        Waited::Ended(run) => tell(api, id, &run).await,
    }
}

async fn tell(api: &Api, id: DiscordId, run: &Run) -> Result<Response, Problem> {
    let counts = &run.counts;
    let departed = counts.created + counts.marked_left > 0;
    if counts.deferred > 0 && api.state.read.member(id).await?.is_none_or(|row| row.date_left.is_none()) {
        return Err(Problem::conflict(
            "Newer evidence",
            "A newer list or event says otherwise of this member, so nothing was changed.",
        ));
    }
    let status = if departed { "departed" } else { "already_departed" };
    Ok(Json(serde_json::json!({ "status": status, "created": counts.created > 0 })).into_response())
}
