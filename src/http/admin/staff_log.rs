//! What staff did.
//!
//! Enters: whose acts, and of which kind. Leaves: the log, newest first, each act with the way to what it was done to.

use std::sync::Arc;

use askama::Template;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use crate::domain::{StaffAct, StaffEntry, Target};
use crate::http::pages::App;
use crate::http::pages::addresses::{ACCOUNTS, MEMBERS, RUNS};
use crate::http::pages::filters;
use crate::http::pages::query::Query;
use crate::http::pages::refusal::Refusal;
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html};
use crate::store::StaffLogPage;

/// Every act, in the order of the filter.
const ACTS: [StaffAct; 17] = [
    StaffAct::LogIn,
    StaffAct::StartSync,
    StaffAct::UploadList,
    StaffAct::CancelRun,
    StaffAct::RetryRun,
    StaffAct::ApplyDepartures,
    StaffAct::DismissDepartures,
    StaffAct::UndoDepartures,
    StaffAct::SyncMember,
    StaffAct::GrantStaff,
    StaffAct::RevokeStaff,
    StaffAct::GrantSuperuser,
    StaffAct::RevokeSuperuser,
    StaffAct::Activate,
    StaffAct::Deactivate,
    StaffAct::SettleConflict,
    StaffAct::Export,
];

/// An act as a member of staff would say it.
pub(super) fn words(act: StaffAct) -> &'static str {
    match act {
        StaffAct::LogIn => "Logged in",
        StaffAct::StartSync => "Started a sync from Discord",
        StaffAct::UploadList => "Sent a list from a file",
        StaffAct::CancelRun => "Cancelled a sync",
        StaffAct::RetryRun => "Retried a sync",
        StaffAct::ApplyDepartures => "Applied departures",
        StaffAct::DismissDepartures => "Dismissed departures",
        StaffAct::UndoDepartures => "Undid departures",
        StaffAct::SyncMember => "Synced one member",
        StaffAct::GrantStaff => "Let an account look",
        StaffAct::RevokeStaff => "Stopped an account from looking",
        StaffAct::GrantSuperuser => "Let an account act",
        StaffAct::RevokeSuperuser => "Stopped an account from acting",
        StaffAct::Activate => "Activated an account",
        StaffAct::Deactivate => "Deactivated an account",
        StaffAct::SettleConflict => "Settled a conflict",
        StaffAct::Export => "Exported a list",
    }
}

/// Where that is what an act was done to.
pub(super) fn address(entry: &StaffEntry) -> Option<String> {
    match Target::of(entry.act) {
        _ if entry.target.is_empty() => None,
        Target::Run => Some(format!("{RUNS}{}/", entry.target)),
        Target::Member => Some(format!("{MEMBERS}{}/", entry.target)),
        Target::Account => Some(format!("{ACCOUNTS}{}/", entry.target)),
        Target::None => None,
    }
}

/// An entry as the template shows it.
struct Row {
    at: When,
    name: String,
    /// Where the other acts of the same account are; it has none once the account is gone.
    same: Option<String>,
    act: &'static str,
    target: String,
    address: Option<String>,
    detail: String,
}

impl Row {
    fn new(entry: StaffEntry, query: &Query) -> Self {
        let address = address(&entry);
        Self {
            at: entry.at.into(),
            name: entry.name,
            same: entry.account.map(|account| query.with("account", &account.to_string())),
            act: words(entry.act),
            target: entry.target,
            address,
            detail: entry.detail,
        }
    }
}

/// A kind of act that can be chosen.
struct Choice {
    word: &'static str,
    words: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "staff_log.html")]
struct StaffLogPageView<'a> {
    shell: Shell<'a>,
    choices: Vec<Choice>,
    account: String,
    /// Only some acts are asked for.
    is_narrowed: bool,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

/// The log.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, &["account", "act"])?;
    let number = |text: &str, name| text.parse().map_err(|_| Refusal::Query(format!("“{name}” must be a number.")));
    let act = query.choice("act", &ACTS.map(|act| (act.as_str(), act)))?;
    let account = Some(query.text("account")).filter(|text| !text.is_empty());
    let account = account.map(|text| number(text, "account")).transpose()?;
    let before = query.after()?.map(|text| number(text, "after")).transpose()?;
    let size = query.page_size()?;
    // One row more than is shown says whether there is a next page.
    let mut acts = app.state.staff_log.acts(&StaffLogPage { account, act, before, limit: size + 1 }).await?;
    let shown = usize::try_from(size).unwrap_or(usize::MAX);
    let has_more = acts.len() > shown;
    acts.truncate(shown);
    let page = StaffLogPageView {
        shell: Shell::new(Some(&staff.0), Section::StaffLog),
        choices: ACTS
            .map(|one| Choice { word: one.as_str(), words: words(one), is_chosen: act == Some(one) })
            .into_iter()
            .collect(),
        account: query.text("account").to_owned(),
        is_narrowed: query.is_narrowed(&["account", "act"]),
        first: (!query.is_first()).then(|| query.first()),
        next: acts.last().filter(|_| has_more).map(|last| query.next(&last.id.to_string())),
        rows: acts.into_iter().map(|entry| Row::new(entry, &query)).collect(),
    };
    Ok(html(StatusCode::OK, page.render()?))
}
