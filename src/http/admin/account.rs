//! One account, and what staff change about it.
//!
//! Enters: its number; a form of who may act. Leaves: everything that is known of it; or the question whether the form is meant; or the
//! account changed, and the way back to it.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};

use super::account_view::{membership, rights};
use super::staff_log::{address, words};
use crate::domain::{Account, AccountChange, DiscordId, StaffEntry};
use crate::http::pages::App;
use crate::http::pages::acting::Acting;
use crate::http::pages::addresses::{ACCOUNTS, COMPARISON, CONFLICTS, MEMBERS, STAFF_LOG, see_other};
use crate::http::pages::names as filters;
use crate::http::pages::query::Query;
use crate::http::pages::question::Question;
use crate::http::pages::refusal::{Refusal, Told};
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html, number};
use crate::http::pages::trail::{LIST, Trail};
use crate::store::{AccountRow, Changed, Membership, StaffLogPage, UnmetClaim};

/// Acts that are shown; the log has the others.
const ACTS: i64 = 10;

/// In the address: which change has just been made.
const CHANGED: &str = "changed";

/// A change that can be made, as its button says it.
struct Button {
    word: &'static str,
    words: &'static str,
    takes: bool,
}

/// Something that the account's owner did as staff.
struct Act {
    at: When,
    words: &'static str,
    target: String,
    address: Option<String>,
}

impl From<StaffEntry> for Act {
    fn from(entry: StaffEntry) -> Self {
        Self { at: entry.at.into(), words: words(entry.act), address: address(&entry), target: entry.target }
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountView<'a> {
    shell: Shell<'a>,
    list: &'static str,
    trail: Trail,
    /// What has just been changed.
    told: Option<&'static str>,
    conflicts: &'static str,
    account: &'a Account,
    discord_username: &'a str,
    rights: Option<&'static str>,
    class: &'static str,
    member: &'static str,
    /// Where the member is, if its owner is or was one.
    member_page: Option<String>,
    logs_in_with: &'static str,
    sessions: String,
    joined: When,
    last_login: Option<When>,
    conflict: Option<UnmetClaim>,
    is_own: bool,
    may_act: bool,
    buttons: Vec<Button>,
    acts: Vec<Act>,
    log: String,
}

fn account_number(path: poem::Result<Path<String>>) -> Result<i64, Refusal> {
    let Path(id) = path.map_err(|_| Refusal::NoAccount)?;
    // One address for one account: not "+7" or "007" for "7".
    id.parse().ok().filter(|number: &i64| number.to_string() == id).ok_or(Refusal::NoAccount)
}

/// The page.
#[handler]
pub(super) async fn show(
    staff: Staff,
    app: Data<&Arc<App>>,
    id: poem::Result<Path<String>>,
    request: &Request,
) -> Result<Response, Refusal> {
    let id = account_number(id)?;
    let mut query = Query::read(request, &[CHANGED, LIST])?;
    let changed = match query.text(CHANGED) {
        "" => None,
        word => Some(AccountChange::from_word(word).ok_or_else(|| Refusal::Query(format!("“{CHANGED}” must be a change.")))?),
    };
    let trail = Trail::find(&app, request, &mut query, &[(ACCOUNTS, "Accounts"), (COMPARISON, "Comparison")]);
    let (lists, log) = (&app.state.account_lists, &app.state.staff_log);
    let row = lists.account(id).await?.ok_or(Refusal::NoAccount)?;
    let page = StaffLogPage { account: Some(id), limit: ACTS, ..StaffLogPage::default() };
    let (acts, sessions, conflicts) = tokio::try_join!(
        log.acts(&page),
        lists.open_sessions(id, app.session_limits(), app.state.clock.now()),
        lists.unmet_claims(Some(id.saturating_sub(1)), 1)
    )?;
    let viewer = &staff.0.account;
    let (class, member) = membership(row.membership);
    let page = AccountView {
        shell: Shell::new(Some(&staff.0), Section::Accounts),
        list: ACCOUNTS,
        trail,
        // Told as long as it is so.
        told: changed.filter(|change| change.of(&row.account) == row.account).map(told),
        conflicts: CONFLICTS,
        discord_username: &row.discord_username,
        rights: rights(row.account.is_staff, row.account.is_superuser),
        class,
        member,
        member_page: member_page(row.account.discord_id, row.membership),
        logs_in_with: logs_in_with(&row),
        sessions: number(sessions),
        joined: row.account.date_joined.into(),
        last_login: row.account.last_login.map(When::from),
        conflict: conflicts.into_iter().find(|conflict| conflict.account.id == id),
        is_own: viewer.id == id,
        may_act: viewer.is_superuser,
        buttons: buttons(&row.account, viewer.id == id),
        acts: acts.into_iter().map(Act::from).collect(),
        log: format!("{STAFF_LOG}?account={id}"),
        account: &row.account,
    };
    Ok(html(StatusCode::OK, page.render()?))
}

fn member_page(id: Option<DiscordId>, membership: Membership) -> Option<String> {
    id.filter(|_| matches!(membership, Membership::Present | Membership::Left)).map(|id| format!("{MEMBERS}{id}/"))
}

fn logs_in_with(row: &AccountRow) -> &'static str {
    match (row.account.discord_id.is_some(), row.has_password) {
        (true, true) => "Discord or a password",
        (true, false) => "Discord",
        (false, true) => "a password",
        (false, false) => "nothing: it has no password and no Discord id",
    }
}

/// The changes that would change something; nobody takes anything from themselves.
fn buttons(account: &Account, is_own: bool) -> Vec<Button> {
    let all = [
        (AccountChange::GrantStaff, "Let it look…"),
        (AccountChange::GrantSuperuser, "Let it act…"),
        (AccountChange::RevokeSuperuser, "Stop it from acting…"),
        (
            AccountChange::RevokeStaff,
            if account.is_superuser { "Stop it from acting and looking…" } else { "Stop it from looking…" },
        ),
        (AccountChange::Activate, "Activate it…"),
        (AccountChange::Deactivate, "Deactivate it…"),
    ];
    let useful = all.into_iter().filter(|(change, _)| change.of(account) != *account && !(is_own && change.takes()));
    useful.map(|(change, words)| Button { word: change.as_str(), words, takes: change.takes() }).collect()
}

/// What is told of a change that was made.
fn told(change: AccountChange) -> &'static str {
    match change {
        AccountChange::GrantStaff => "Done: this account may look now.",
        AccountChange::GrantSuperuser => "Done: this account may act now.",
        AccountChange::RevokeSuperuser => "Done: this account may no longer act.",
        AccountChange::RevokeStaff => "Done: this account may no longer look.",
        AccountChange::Activate => "Done: this account can be used again.",
        AccountChange::Deactivate => "Done: this account is deactivated, and nobody is logged in with it any more.",
    }
}

/// Takes the form of a change.
#[handler]
pub(super) async fn alter(
    staff: Staff,
    app: Data<&Arc<App>>,
    id: poem::Result<Path<String>>,
    request: &Request,
    body: Body,
) -> Result<Response, Refusal> {
    let acting = Acting::read(&app, staff, request, body).await?;
    let id = account_number(id)?;
    let change = AccountChange::from_word(acting.form.field("change")).ok_or_else(|| unknown_change(id))?;
    let row = app.state.account_lists.account(id).await?.ok_or(Refusal::NoAccount)?;
    let by = acting.viewer.account.id;
    if by == id && change.takes() {
        return Err(own_account(id));
    }
    if change.of(&row.account) != row.account {
        if !acting.has_agreed() {
            let mut question = question(&row.account, change);
            let list = acting.form.field(LIST);
            question.fields.extend((!list.is_empty()).then(|| (LIST, list.to_owned())));
            return acting.ask(&question);
        }
        match app.state.account_desk.change_account(id, change, by, app.state.clock.now()).await? {
            Changed::Done => {}
            Changed::Unknown => return Err(Refusal::NoAccount),
            Changed::MayNotAct => return Err(Refusal::MayNotAct),
            Changed::OwnAccount => return Err(own_account(id)),
        }
    }
    Ok(see_other(&Trail::after(&acting.form, format!("{ACCOUNTS}{id}/?{CHANGED}={}", change.as_str()))))
}

/// What is asked before a change.
fn question(account: &Account, change: AccountChange) -> Question {
    let (title, text, button) = match change {
        AccountChange::GrantStaff => {
            ("Let this account look?", "It sees these pages: every member, account and sync, and what staff did.", "Let it look")
        }
        AccountChange::GrantSuperuser => (
            "Let this account act?",
            "It sees these pages and can do whatever can be done in them, also say what other accounts may do, yours among them.",
            "Let it act",
        ),
        AccountChange::RevokeSuperuser => ("Stop this account from acting?", "It can still look.", "Stop it from acting"),
        AccountChange::RevokeStaff => {
            ("Shut this account out of these pages?", "It can neither look nor act here any more.", "Shut it out of them")
        }
        AccountChange::Activate => {
            ("Activate this account?", "Its owner can log in again, and may then do what the account may do.", "Activate it")
        }
        AccountChange::Deactivate => (
            "Deactivate this account?",
            "Whoever is logged in with it no longer is, and nobody can log in with it until it is activated again.",
            "Deactivate it",
        ),
    };
    Question {
        section: Section::Accounts,
        title: title.to_owned(),
        facts: vec![("Account", account.username.clone())],
        text: text.to_owned(),
        fields: vec![("change", change.as_str().to_owned())],
        button,
        back: format!("{ACCOUNTS}{}/", account.id),
    }
}

fn own_account(id: i64) -> Refusal {
    let text = "Nothing was changed. Nobody can take a right from themselves or shut themselves out, so that there is always someone \
                who may act. Ask somebody else who may act to do it.";
    refused(id, StatusCode::CONFLICT, "This is your own account", text)
}

fn unknown_change(id: i64) -> Refusal {
    let text = "The form asks for a change that these pages do not know. Nothing was changed; open the page anew and try again.";
    refused(id, StatusCode::BAD_REQUEST, "There is no such change", text)
}

fn refused(id: i64, status: StatusCode, title: &'static str, text: &str) -> Refusal {
    Told::new(status, title, text, (format!("{ACCOUNTS}{id}/"), "Back to the account")).into()
}
