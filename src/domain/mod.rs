//! GROUND: the words of the project as types, and its rules as pure functions.
//!
//! Enters: values. Leaves: values. Nothing here does I/O, reads a clock or draws a random number, and nothing here imports
//! another room; every other room may import this one.

mod account;
mod chance;
mod change;
mod clock;
mod counts;
mod decision;
mod delta;
mod guard;
mod ids;
mod member;
mod role;
mod run;
mod staff_act;
mod visible;

pub use account::{
    Account, AccountChange, AccountNameError, ConflictKind, MAX_USERNAME, account_name, check_username, username_key,
};
pub use chance::Random;
pub use change::{Action, Change, Event, Fields};
pub use clock::{Clock, ManualClock, SetBackClock, SystemClock, TIME_RULE, parse_time, to_micros};
pub use counts::Counts;
pub use decision::{came_too_late, nothing_held};
pub use delta::{Seen, Sighting};
pub use guard::{Guard, Verdict, is_complete};
pub use ids::{DiscordId, IdError, RunId};
pub use member::{
    MAX_ROLE_LEN, MAX_ROLES, MAX_TEXT, Member, MemberRow, Roles, TextError, check_member_username, check_role, check_text,
};
pub use role::GuildRole;
pub use run::{Act, HeldReason, Mode, Progress, Run, RunError, RunState, Source};
pub use staff_act::{StaffAct, StaffEntry, Target};
pub use visible::{has_visible, hides, is_visible, turns_direction};
