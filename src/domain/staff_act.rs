//! What staff do, as it stands in the log of their acts.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::run::words;

words! {
    /// An act of staff. What it was done to is a run, a member or an account, as [`Target::of`] says.
    StaffAct {
        /// Logged in.
        LogIn = "log_in",
        /// Logged out.
        LogOut = "log_out",
        /// Asked for a list from Discord.
        StartSync = "start_sync",
        /// Sent a list from a file.
        UploadList = "upload_list",
        /// Ended a run that was under way.
        CancelRun = "cancel_run",
        /// Filed a failed run anew.
        RetryRun = "retry_run",
        /// Had held departures marked.
        ApplyDepartures = "apply_departures",
        /// Let held departures be.
        DismissDepartures = "dismiss_departures",
        /// Took departures back.
        UndoDepartures = "undo_departures",
        /// Asked Discord about one member.
        SyncMember = "sync_member",
        /// Let an account look at the pages of staff.
        GrantStaff = "grant_staff",
        /// No longer lets an account look at them.
        RevokeStaff = "revoke_staff",
        /// Let an account act.
        GrantSuperuser = "grant_superuser",
        /// No longer lets an account act.
        RevokeSuperuser = "revoke_superuser",
        /// Let an account be used again.
        Activate = "activate",
        /// Shut an account out.
        Deactivate = "deactivate",
        /// Settled which account a Discord id belongs to.
        SettleConflict = "settle_conflict",
        /// Took a list away as a file.
        Export = "export",
        /// Made a staff account.
        CreateStaff = "create_staff",
        /// Gave a staff account another password.
        SetPassword = "set_password",
        /// Made or updated accounts from a file.
        ImportUsers = "import_users",
    }
}

/// What the target of an act names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The id of a run.
    Run,
    /// The Discord id of a member.
    Member,
    /// The number of an account.
    Account,
    /// Nothing.
    None,
}

impl Target {
    /// What the target of such an act is.
    #[must_use]
    pub fn of(act: StaffAct) -> Self {
        match act {
            StaffAct::StartSync
            | StaffAct::UploadList
            | StaffAct::CancelRun
            | StaffAct::RetryRun
            | StaffAct::ApplyDepartures
            | StaffAct::DismissDepartures
            | StaffAct::UndoDepartures => Self::Run,
            StaffAct::SyncMember => Self::Member,
            StaffAct::GrantStaff
            | StaffAct::RevokeStaff
            | StaffAct::GrantSuperuser
            | StaffAct::RevokeSuperuser
            | StaffAct::Activate
            | StaffAct::Deactivate
            | StaffAct::SettleConflict
            | StaffAct::CreateStaff => Self::Account,
            StaffAct::LogIn | StaffAct::LogOut | StaffAct::Export | StaffAct::SetPassword | StaffAct::ImportUsers => Self::None,
        }
    }
}

/// An act of staff in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffEntry {
    /// Orders the log; later acts have greater ones.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// Whose account; `None` once it is gone, and of acts on the command line.
    pub account: Option<i64>,
    /// What the account was called then.
    pub name: String,
    /// What was done.
    pub act: StaffAct,
    /// What it was done to, or empty.
    pub target: String,
    /// More about it in words, or empty.
    pub detail: String,
}
