//! Discord ids that imports claim for accounts and that could not be given to them.
//!
//! Enters: a decision of who may act. Leaves: what each account claims, who has that now, and the choices; or the question
//! whether a decision is meant; or the claim settled.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use crate::domain::{ConflictKind, DiscordId, StaffAct};
use crate::http::pages::App;
use crate::http::pages::acting::Acting;
use crate::http::pages::addresses::{ACCOUNTS, CONFLICTS, see_other};
use crate::http::pages::forms::Form;
use crate::http::pages::names as filters;
use crate::http::pages::pager::Pager;
use crate::http::pages::query::{Place, Query};
use crate::http::pages::question::Question;
use crate::http::pages::refusal::{Refusal, Told};
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html};
use crate::store::{Decided, NewStaffEntry, Settlement, UnmetClaim};

/// A claim as the template shows it.
struct Row {
    id: i64,
    address: String,
    name: String,
    claimed: String,
    /// What the account has now.
    has: Option<String>,
    /// It is staff, so that whoever has the id could log in as such.
    is_staff: bool,
    why: &'static str,
    noted: When,
    /// The account that has the id now: where it is, its number and name, and whether it could still be used without.
    holder: Option<(String, i64, String, bool)>,
    /// Whether the claim can be met.
    is_id: bool,
}

impl From<UnmetClaim> for Row {
    fn from(conflict: UnmetClaim) -> Self {
        Self {
            is_id: conflict.claimed_id().is_some(),
            id: conflict.account.id,
            address: format!("{ACCOUNTS}{}/", conflict.account.id),
            name: conflict.account.shown_name().into_owned(),
            has: conflict.account.discord_id.map(|id| id.to_string()),
            is_staff: conflict.account.is_staff,
            why: match (conflict.kind, &conflict.holder) {
                (ConflictKind::NotAnId, _) => "That is no Discord id.",
                (ConflictKind::ClaimedTwice, Some(_)) => "Another account has it.",
                (ConflictKind::ClaimedTwice, None) => "More than one account claimed it.",
            },
            claimed: conflict.claimed,
            noted: conflict.noted_at.into(),
            holder: conflict
                .holder
                .map(|holder| (format!("{ACCOUNTS}{}/", holder.id), holder.id, holder.username, holder.has_password)),
        }
    }
}

#[derive(Template)]
#[template(path = "conflicts.html")]
struct ConflictsPage<'a> {
    shell: Shell<'a>,
    /// Whose claim has just been settled: the name, and the id that the account has now.
    settled: Option<(String, Option<DiscordId>)>,
    accounts: &'static str,
    form_word: &'a str,
    may_act: bool,
    rows: Vec<Row>,
    pager: Pager,
}

/// In the address: the account whose claim has just been settled.
const SETTLED: &str = "settled";

/// What is told of a claim that was settled, as long as there is none anew.
async fn settled(app: &App, query: &Query) -> Result<Option<(String, Option<DiscordId>)>, Refusal> {
    let text = query.text(SETTLED);
    if text.is_empty() {
        return Ok(None);
    }
    let number: i64 = text.parse().map_err(|_| Refusal::Query(format!("“{SETTLED}” must be the number of an account.")))?;
    let lists = &app.state.account_lists;
    let (row, open) = tokio::try_join!(lists.account(number), lists.unmet_claims(Some(number.saturating_sub(1)), 1))?;
    let is_open = open.iter().any(|claim| claim.account.id == number);
    Ok(row.filter(|_| !is_open).map(|row| (row.account.shown_name().into_owned(), row.account.discord_id)))
}

/// The list.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read_both_ways(request, &[SETTLED])?;
    let (lists, size) = (&app.state.account_lists, query.page_size()?);
    let mut rows = match query.place(|number| number.parse().ok())? {
        Place::Start => lists.unmet_claims(None, size + 1).await?,
        Place::After(account) => lists.unmet_claims(Some(account), size + 1).await?,
        Place::Before(account) => lists.unmet_claims_before(account, size + 1).await?,
    };
    let pager = Pager::cut(&query, &mut rows, size, |claim| claim.account.id.to_string());
    if let Some(first) = pager.back_at_first(&query) {
        return Ok(first);
    }
    let page = ConflictsPage {
        settled: settled(&app, &query).await?,
        accounts: ACCOUNTS,
        form_word: &staff.0.form_word,
        may_act: staff.0.account.is_superuser,
        pager,
        rows: rows.into_iter().map(Row::from).collect(),
        shell: Shell::new(Some(&staff.0), Section::Accounts),
    };
    Ok(html(StatusCode::OK, page.render()?))
}

/// Takes a decision.
#[handler]
pub(super) async fn settle(staff: Staff, app: Data<&Arc<App>>, request: &Request, body: Body) -> Result<Response, Refusal> {
    let acting = Acting::read(&app, staff, request, body).await?;
    let account: i64 = acting.form.field("account").parse().map_err(|_| unreadable())?;
    let decided = decided(&acting.form)?;
    let open = app.state.account_lists.unmet_claims(Some(account.saturating_sub(1)), 1).await?;
    let open = open.into_iter().find(|conflict| conflict.account.id == account).ok_or_else(gone)?;
    if let Decided::Give { claimed, from } = decided
        && (open.claimed_id() != Some(claimed) || open.holder.as_ref().map(|holder| holder.id) != from)
    {
        return Err(moved());
    }
    if !acting.has_agreed() {
        return acting.ask(&question(open, decided));
    }
    let detail = match decided {
        Decided::Keep => format!("{} does not get {}", open.account.username, open.claimed),
        Decided::Give { claimed, .. } => {
            let from = open.holder.map_or_else(String::new, |holder| format!(", which {} had", holder.username));
            format!("{} gets {claimed}{from}", open.account.username)
        }
    };
    let (by, target) = (&acting.viewer.account, account.to_string());
    let note = NewStaffEntry {
        account: Some(by.id),
        name: &by.username,
        act: StaffAct::SettleConflict,
        target: &target,
        detail: &detail,
    };
    match app.state.account_desk.settle_conflict(account, decided, note, app.state.clock.now()).await? {
        Settlement::Done { .. } => Ok(see_other(&format!("{CONFLICTS}?{SETTLED}={account}"))),
        Settlement::Gone => Err(gone()),
        Settlement::Moved => Err(moved()),
    }
}

/// What is asked before a claim is settled.
fn question(claim: UnmetClaim, decided: Decided) -> Question {
    let mut fields = vec![("account", claim.account.id.to_string()), ("claimed", claim.claimed.clone())];
    let mut facts = vec![("Account", claim.account.username), ("Claims", claim.claimed)];
    let (title, mut text, button) = match decided {
        Decided::Keep => {
            fields.push(("decision", "keep".to_owned()));
            let text = "Every account keeps what it has. An import that claims it again is noted again.".to_owned();
            ("Drop this claim?", text, "Drop it")
        }
        Decided::Give { .. } => {
            fields.push(("decision", "give".to_owned()));
            let text = "The account gets it, and the member is linked to it at once.".to_owned();
            ("Give this Discord id to this account?", text, "Give it")
        }
    };
    if let (Decided::Give { .. }, Some(holder)) = (&decided, claim.holder) {
        text.push_str(" It is taken from the one that has it.");
        if !holder.has_password {
            text.push_str(" Nobody can log in with that one any more: it has no password.");
        }
        fields.push(("from", holder.id.to_string()));
        facts.push(("Taken from", holder.username));
    }
    if matches!(decided, Decided::Give { .. }) && claim.account.is_staff {
        text.push_str(" The account is staff: whoever has the id can log in as such.");
    }
    let (section, title, back) = (Section::Accounts, title.to_owned(), CONFLICTS.to_owned());
    Question { section, title, facts, text, fields, button, back }
}

/// What the form says.
fn decided(form: &Form) -> Result<Decided, Refusal> {
    match form.field("decision") {
        "keep" => Ok(Decided::Keep),
        "give" => {
            let claimed = form.field("claimed").parse().map_err(|_| unreadable())?;
            let from = Some(form.field("from")).filter(|from| !from.is_empty());
            let from = from.map(|from| from.parse().map_err(|_| unreadable())).transpose()?;
            Ok(Decided::Give { claimed, from })
        }
        _ => Err(unreadable()),
    }
}

fn unreadable() -> Refusal {
    let text = "The form does not say what to decide of which account. Nothing was changed; open the page anew and try again.";
    refused(StatusCode::BAD_REQUEST, "This decision cannot be read", text)
}

fn gone() -> Refusal {
    let text = "This account claims nothing any more: somebody settled it, an import did, or its owner logged in with Discord. Nothing \
                was changed now.";
    refused(StatusCode::CONFLICT, "This is settled already", text)
}

fn moved() -> Refusal {
    let text = "The account claims something else by now, or another account has the id than the one you saw. Nothing was changed; look \
                at it again.";
    refused(StatusCode::CONFLICT, "This has changed meanwhile", text)
}

fn refused(status: StatusCode, title: &'static str, text: &str) -> Refusal {
    Told::new(status, title, text, (CONFLICTS.to_owned(), "See the claims")).into()
}
