//! Why a command is not carried out. Each says what to do instead.

/// The command came in a direct message.
pub(in crate::bot) fn not_in_the_guild() -> String {
    "This command works only in the Discord server whose members are synced, not in direct messages. Nothing was done.".to_owned()
}

/// The command came from another guild.
pub(in crate::bot) fn other_guild() -> String {
    "This bot syncs the members of another Discord server, so it does nothing here. To sync this one, its operator sets GUILD_ID to this \
     server's id, with a database of its own."
        .to_owned()
}

/// Whoever called is no administrator.
pub(in crate::bot) fn not_an_administrator() -> String {
    "Only administrators of this server may do that: it takes the permission Administrator. Nothing was done.".to_owned()
}

/// The command is none of ours.
pub(in crate::bot) fn unknown_command() -> String {
    "This command belongs to another version of the bot. Nothing was done; try again in a minute, when the list of commands is up to date.".to_owned()
}

/// Too many commands are being carried out.
pub(in crate::bot) fn busy() -> String {
    "Too many commands are being carried out just now. Nothing was done; try again in a moment.".to_owned()
}
