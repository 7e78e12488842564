//! What all pages stand on.
//!
//! Enters: a browser's request, and what a page found out. Leaves: an answer. `session` says who is asking, `forms` judges what is
//! posted, `refusal` shows what went wrong, `shell` is the frame around every page, `cookies` says what they are
//! called, `attempts` bounds logins, `addresses` says where everything is.
//!
//! The pages themselves stand in `admin` and `account`, which import this; it must not import them.

pub(in crate::http) mod acting;
pub(in crate::http) mod addresses;
pub(in crate::http) mod assets;
pub(in crate::http) mod attempts;
pub(in crate::http) mod avatar;
pub(in crate::http) mod board;
pub(in crate::http) mod chips;
pub(in crate::http) mod cookies;
pub(in crate::http) mod export;
pub(in crate::http) mod file_form;
pub(in crate::http) mod first_list;
pub(in crate::http) mod forms;
pub(in crate::http) mod login_word;
pub(in crate::http) mod names;
pub(in crate::http) mod not_now;
pub(in crate::http) mod not_taken;
pub(in crate::http) mod pager;
pub(in crate::http) mod query;
pub(in crate::http) mod question;
pub(in crate::http) mod refusal;
pub(in crate::http) mod role_counts;
pub(in crate::http) mod search_hint;
pub(in crate::http) mod select;
pub(in crate::http) mod session;
pub(in crate::http) mod shares;
pub(in crate::http) mod shell;
pub(in crate::http) mod tally;
pub(in crate::http) mod trail;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::password::PasswordCheck;
use super::visitor::TrustedProxies;
use crate::config;
use crate::discord::{OAuth, Rest};
use crate::domain::{Clock, DiscordId, Random};
use crate::intake::{Follow, Intake};
use crate::queue::Depth;
use crate::store::{
    AccountDesk, AccountLists, Accounts, Fleet, MemberLists, Overview, Read, Runs, SessionLimits, Sessions, StaffLog,
};
use attempts::Attempts;
use board::ProgressBoard;
use cookies::Cookies;
use role_counts::RoleCounts;
use tally::Tally;

/// What the pages need.
#[derive(Clone)]
pub struct PagesState {
    /// Members and runs.
    pub read: Arc<dyn Read>,
    /// Lists of runs, and what one is doing.
    pub runs: Arc<dyn Runs>,
    /// How many may watch runs at once.
    pub live_viewers: u32,
    /// The lists of members.
    pub member_lists: Arc<dyn MemberLists>,
    /// Who may log in.
    pub accounts: Arc<dyn Accounts>,
    /// Accounts, to look through.
    pub account_lists: Arc<dyn AccountLists>,
    /// Accounts, to change.
    pub account_desk: Arc<dyn AccountDesk>,
    /// Who is logged in.
    pub sessions: Arc<dyn Sessions>,
    /// What staff did.
    pub staff_log: Arc<dyn StaffLog>,
    /// What the overview tells.
    pub overview: Arc<dyn Overview>,
    /// Processes and what waits for them.
    pub fleet: Arc<dyn Fleet>,
    /// How full the queue is.
    pub queue: Arc<dyn Depth>,
    /// How often the schedule asks Discord for all members; `None` if it does not.
    pub full_sync: Option<Duration>,
    /// Takes lists and wishes in; `None` while the program does not know its guild.
    pub intake: Option<Intake>,
    /// Bots have a key to send lists with.
    pub has_bot_key: bool,
    /// Follows runs.
    pub follow: Follow,
    /// Asks Discord; `None` without a token.
    pub rest: Option<Rest>,
    /// Cancelled when the server is about to stop: what streams or waits ends then.
    pub hurry: CancellationToken,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Session tokens are made of it.
    pub random: Random,
    /// How long sessions last, how many failures are too many, and whether only members may log in with Discord.
    pub login: config::Login,
    /// The application at Discord; `None` while nobody can log in with Discord.
    pub discord: Option<OAuth>,
    /// Who may say where requests come from.
    pub proxies: TrustedProxies,
    /// The address people reach the pages under, without a slash at its end. With `https:` cookies are this host's alone.
    pub public_url: String,
}

/// The state of the pages, shared by all requests.
pub(in crate::http) struct App {
    pub(in crate::http) state: PagesState,
    pub(in crate::http) passwords: PasswordCheck,
    pub(in crate::http) attempts: Attempts,
    pub(in crate::http) board: ProgressBoard,
    pub(in crate::http) cookies: Cookies,
    tally: Tally,
    role_counts: RoleCounts,
}

impl App {
    pub(in crate::http) fn new(state: PagesState) -> Self {
        Self {
            passwords: PasswordCheck::default(),
            attempts: Attempts::new(&state.login),
            tally: Tally::default(),
            role_counts: RoleCounts::default(),
            board: ProgressBoard::new(state.live_viewers),
            cookies: Cookies::of_site(&state.public_url),
            state,
        }
    }

    /// The guild, once the program knows it; pictures of members stand under its id.
    pub(in crate::http) fn guild(&self) -> Option<DiscordId> {
        self.state.intake.as_ref().map(Intake::guild)
    }

    pub(in crate::http) fn session_limits(&self) -> SessionLimits {
        let minutes = |minutes: u32| chrono::TimeDelta::minutes(i64::from(minutes));
        SessionLimits { idle: minutes(self.state.login.session_idle_mins), max: minutes(self.state.login.session_max_mins) }
    }
}
