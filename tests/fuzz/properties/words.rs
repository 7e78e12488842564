//! All that a refusal may say. Whatever is not among it could be text of the body, which is nobody else's to read.

/// Whether a fault may be said to be there.
pub fn is_a_place(at: &str) -> bool {
    const BODY: [&str; 5] = ["", "members", "observed_at", "dry_run", "allow_mass_departure"];
    const ENTRY: [&str; 12] = [
        "id",
        "discord_id",
        "username",
        "display_name",
        "nickname",
        "avatar",
        "avatar_hash",
        "guild_avatar",
        "guild_avatar_hash",
        "roles",
        "joined_at",
        "is_bot",
    ];
    let numbered = |text: &str| text.strip_suffix(']').is_some_and(|number| number.parse::<u64>().is_ok());
    let Some(place) = at.strip_prefix("members[") else { return BODY.contains(&at) };
    let Some((index, key)) = place.split_once('.') else { return numbered(place) };
    numbered(index) && (ENTRY.contains(&key) || key.strip_prefix("roles[").is_some_and(numbered))
}

/// Whether a fault's message is one of those that there are.
pub fn is_a_rule_in_words(message: &str) -> bool {
    const RULES: [&str; 16] = [
        "every member needs an id",
        "every member needs a username",
        "an id is 1 to 19 digits without a leading zero, at most 9223372036854775807",
        "must be a list",
        "must be a string or an integer",
        "must be a string or null",
        "must be a time like 2024-01-01T00:00:00Z",
        "must be an object",
        "must be at most 100 characters",
        "must be at most 1000 roles",
        "must be 1 to 64 characters",
        "must be true or false",
        "must not be empty",
        "must not contain a NUL character",
        "the body must be an object",
        "the body needs a list of members",
    ];
    const KINDS: [&str; 7] =
        ["null", "true or false", "an integer", "a number with a fraction or beyond 64 bits", "a string", "a list", "an object"];
    let (rule, kind) = message.split_once(", not ").map_or((message, None), |(rule, kind)| (rule, Some(kind)));
    RULES.contains(&rule) && kind.is_none_or(|kind| KINDS.contains(&kind))
}

/// Whether this is what `serde_json` says of broken JSON. None of it repeats what it read.
pub fn is_a_word_of_serde(message: &str) -> bool {
    const SAYS: [&str; 21] = [
        "EOF while parsing a list",
        "EOF while parsing an object",
        "EOF while parsing a string",
        "EOF while parsing a value",
        "expected value",
        "expected ident",
        "expected `:`",
        "expected `\"`",
        "expected `,` or `]`",
        "expected `,` or `}`",
        "invalid escape",
        "invalid number",
        "number out of range",
        "invalid unicode code point",
        "control character (\\u0000-\\u001F) found while parsing a string",
        "key must be a string",
        "lone leading surrogate in hex escape",
        "trailing comma",
        "trailing characters",
        "unexpected end of hex escape",
        "recursion limit exceeded",
    ];
    SAYS.contains(&message)
}
