//! What staff did.
//!
//! Enters: whose acts, and of which kind. Leaves: the log, newest first, each act with the way to what it was done to.

use std::sync::Arc;

use askama::Template;
use chrono::{NaiveDate, NaiveTime, SecondsFormat};
use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use crate::domain::{StaffAct, StaffEntry, Target};
use crate::http::pages::App;
use crate::http::pages::addresses::{ACCOUNTS, MEMBERS, RUNS, STAFF_LOG, STAFF_LOG_EXPORT, own_path};
use crate::http::pages::export;
use crate::http::pages::names as filters;
use crate::http::pages::pager::{Pager, Size, sizes};
use crate::http::pages::query::{Place, Query};
use crate::http::pages::refusal::Refusal;
use crate::http::pages::select::{Choice, Select};
use crate::http::pages::session::Staff;
use crate::http::pages::shell::{Section, Shell, When, html};
use crate::store::{StaffLogPage, StoreError};

/// An act as a member of staff would say it.
pub(super) fn words(act: StaffAct) -> &'static str {
    match act {
        StaffAct::LogIn => "Logged in",
        StaffAct::LogOut => "Logged out",
        StaffAct::StartSync => "Started a sync from Discord",
        StaffAct::UploadList => "Sent a list from a file",
        StaffAct::CancelRun => "Cancelled a sync",
        StaffAct::RetryRun => "Retried a sync",
        StaffAct::ApplyDepartures => "Applied departures",
        StaffAct::DismissDepartures => "Dismissed departures",
        StaffAct::UndoDepartures => "Undid departures",
        StaffAct::SyncMember => "Asked Discord about one member",
        StaffAct::GrantStaff => "Let an account look",
        StaffAct::RevokeStaff => "Stopped an account from looking",
        StaffAct::GrantSuperuser => "Let an account act",
        StaffAct::RevokeSuperuser => "Stopped an account from acting",
        StaffAct::Activate => "Activated an account",
        StaffAct::Deactivate => "Deactivated an account",
        StaffAct::SettleConflict => "Settled a claim",
        StaffAct::Export => "Exported a list",
        StaffAct::CreateStaff => "Made a staff account",
        StaffAct::SetPassword => "Changed a password",
        StaffAct::ImportUsers => "Imported accounts",
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
    /// The view that was taken away as a file.
    view: Option<String>,
}

impl Row {
    fn new(entry: StaffEntry, query: &Query) -> Self {
        let address = address(&entry);
        let view = own_path(&entry.detail).filter(|_| entry.act == StaffAct::Export).map(str::to_owned);
        Self {
            at: entry.at.into(),
            name: entry.name,
            same: entry.account.map(|account| query.with("account", &account.to_string())),
            act: words(entry.act),
            target: entry.target,
            address,
            detail: entry.detail,
            view,
        }
    }
}

#[derive(Template)]
#[template(path = "staff_log.html")]
struct StaffLogPageView<'a> {
    shell: Shell<'a>,
    acts: Select,
    account: String,
    /// Whose acts alone are shown.
    whose: Option<String>,
    /// Where everybody's are.
    everybody: String,
    from: String,
    to: String,
    export: String,
    /// Only some acts are asked for.
    is_narrowed: bool,
    /// The last day lies before the first.
    is_backwards: bool,
    rows: Vec<Row>,
    sizes: Vec<Size>,
    list: &'static str,
    page_size: String,
    pager: Pager,
}

/// What an address may ask of the log.
const KEYS: &[&str] = &["account", "act", "from", "to"];

fn number(text: &str, name: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::Query(format!("“{name}” must be a number.")))
}

/// What an address asks for, from the newest on.
fn page(query: &Query) -> Result<StaffLogPage, Refusal> {
    let account = Some(query.text("account")).filter(|text| !text.is_empty());
    let day = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    Ok(StaffLogPage {
        account: account.map(|text| number(text, "account")).transpose()?,
        act: query.choice("act", &StaffAct::ALL.iter().map(|act| (act.as_str(), *act)).collect::<Vec<_>>())?,
        since: query.date("from")?.map(day),
        // The whole last day.
        until: query.date("to")?.and_then(|last| last.succ_opt()).map(day),
        before: None,
        after: None,
        limit: export::ROWS,
    })
}

/// What the account is called whose acts alone are asked for.
async fn whose(app: &App, account: Option<i64>, acts: &[StaffEntry]) -> Result<Option<String>, Refusal> {
    let Some(account) = account else { return Ok(None) };
    if let Some(act) = acts.first() {
        return Ok(Some(act.name.clone()));
    }
    let known = app.state.account_lists.account(account).await?;
    Ok(Some(known.map_or_else(|| format!("account {account}"), |row| row.account.username)))
}

/// The log as rows of CSV, from the newest to the oldest.
struct Entries {
    /// The next page; `None` when there is none.
    page: Option<StaffLogPage>,
}

impl export::Pages for Entries {
    const COLUMNS: &'static [&'static str] = &["at", "account", "name", "act", "target", "detail"];

    async fn next(&mut self, app: &App) -> Result<Vec<Vec<String>>, StoreError> {
        let Some(page) = &mut self.page else { return Ok(Vec::new()) };
        let acts = app.state.staff_log.acts(page).await?;
        match acts.last() {
            Some(last) => page.before = Some(last.id),
            None => self.page = None,
        }
        let cells = |entry: StaffEntry| {
            let account = entry.account.map(|account| account.to_string()).unwrap_or_default();
            let at = entry.at.to_rfc3339_opts(SecondsFormat::Micros, true);
            vec![at, account, entry.name, entry.act.as_str().to_owned(), entry.target, entry.detail]
        };
        Ok(acts.into_iter().map(cells).collect())
    }
}

/// The log as CSV.
#[handler]
pub(super) async fn export_csv(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read(request, KEYS)?;
    let page = page(&query)?;
    app.note_export(&staff.0.account, request, &query.at(STAFF_LOG)).await?;
    export::answer(&app, "staff_log", Entries { page: Some(page) }).await
}

/// The log.
#[handler]
pub(super) async fn show(staff: Staff, app: Data<&Arc<App>>, request: &Request) -> Result<Response, Refusal> {
    let query = Query::read_both_ways(request, KEYS)?;
    let size = query.page_size()?;
    // Newer acts stand before older ones.
    let (before, after) = match query.place(|key| key.parse().ok())? {
        Place::Start => (None, None),
        Place::After(id) => (Some(id), None),
        Place::Before(id) => (None, Some(id)),
    };
    // One row more than is shown says whether there is another page.
    let asked = StaffLogPage { before, after, limit: size + 1, ..page(&query)? };
    let mut acts = app.state.staff_log.acts(&asked).await?;
    let whose = whose(&app, asked.account, &acts).await?;
    let pager = Pager::cut(&query, &mut acts, size, |act| act.id.to_string());
    if let Some(first) = pager.back_at_first(&query) {
        return Ok(first);
    }
    let page = StaffLogPageView {
        shell: Shell::new(Some(&staff.0), Section::StaffLog),
        acts: Select::filter(
            "act",
            "Act",
            StaffAct::ALL.iter().map(|one| Choice::new(one.as_str(), words(*one), asked.act == Some(*one))),
        ),
        account: query.text("account").to_owned(),
        whose,
        everybody: query.with("account", ""),
        from: query.text("from").to_owned(),
        to: query.text("to").to_owned(),
        export: query.at(STAFF_LOG_EXPORT),
        is_narrowed: query.is_narrowed(KEYS),
        is_backwards: query.date("from")?.zip(query.date("to")?).is_some_and(|(from, to)| to < from),
        sizes: sizes(&query, size),
        list: STAFF_LOG,
        page_size: query.text("page_size").to_owned(),
        pager,
        rows: acts.into_iter().map(|entry| Row::new(entry, &query)).collect(),
    };
    Ok(html(StatusCode::OK, page.render()?))
}
