//! What staff do: who may, with which form, and the note in the log.
//!
//! Enters: a form that a member of staff sent. Leaves: an [`Acting`], by which an act is noted; or a refusal, and nothing was done. What
//! changes the ledger is noted in the same transaction, so that no act is without its note; what only shows is noted before, and what asks
//! Discord once it has answered, or has not.

use poem::{Body, Request};

use super::App;
use super::forms::Form;
use super::refusal::Refusal;
use super::session::{Staff, Viewer};
use crate::domain::{Account, RunId, StaffAct};
use crate::store::{NewStaffEntry, StaffNote, StoreError};

/// A member of staff who may act and whose form it is. An address that changes something takes its form through this.
pub(in crate::http) struct Acting {
    pub(in crate::http) viewer: Viewer,
    pub(in crate::http) form: Form,
}

impl Acting {
    /// Reads the form of an act.
    pub(in crate::http) async fn read(app: &App, staff: Staff, request: &Request, body: Body) -> Result<Self, Refusal> {
        let viewer = Self::may_act(staff)?;
        let form = Form::read(request.headers(), body, &app.state.public_url).await?;
        let is_theirs = app.token(request.headers()).is_some_and(|token| token.owns_form(form.field("form_word")));
        if is_theirs { Ok(Self { viewer, form }) } else { Err(Refusal::StaleForm) }
    }

    /// Whoever may act.
    pub(in crate::http) fn may_act(Staff(viewer): Staff) -> Result<Viewer, Refusal> {
        if viewer.account.is_superuser { Ok(viewer) } else { Err(Refusal::MayNotAct) }
    }

    /// Notes what was done.
    pub(in crate::http) async fn note(&self, app: &App, act: StaffAct, target: &str, detail: &str) -> Result<(), Refusal> {
        Ok(app.note(&self.viewer.account, act, target, detail).await?)
    }

    /// The note of an act that files a run, made with the run. `target`: the run it is about, if that is not the filed one.
    pub(in crate::http) fn note_of_run(&self, act: StaffAct, target: Option<RunId>, detail: String) -> StaffNote {
        note_of_run(&self.viewer, act, target, detail)
    }

    /// Who asks, as runs say it.
    pub(in crate::http) fn who(&self) -> String {
        self.viewer.account.username.clone()
    }
}

/// Goes with a request that asks for an answer's head alone: the router passes it on as a GET.
#[derive(Clone, Copy)]
pub(in crate::http) struct HeadOnly;

/// As [`Acting::note_of_run`], where there is no form to speak of.
pub(in crate::http) fn note_of_run(viewer: &Viewer, act: StaffAct, target: Option<RunId>, detail: String) -> StaffNote {
    StaffNote { account: viewer.account.id, name: viewer.account.username.clone(), act, target, detail }
}

impl App {
    /// Notes an act of staff.
    pub(in crate::http) async fn note(&self, who: &Account, act: StaffAct, target: &str, detail: &str) -> Result<(), StoreError> {
        let entry = NewStaffEntry { account: Some(who.id), name: &who.username, act, target, detail };
        self.state.staff_log.note_act(entry, self.state.clock.now()).await
    }

    /// Notes that somebody takes a list away, whose view is at `address`. Whoever asks for its head alone takes nothing.
    pub(in crate::http) async fn note_export(&self, who: &Account, request: &Request, address: &str) -> Result<(), StoreError> {
        if request.data::<HeadOnly>().is_some() { Ok(()) } else { self.note(who, StaffAct::Export, "", address).await }
    }
}
