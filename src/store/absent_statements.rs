//! The statement of the accounts that were never seen in the guild, where the two databases agree.
//!
//! A search's indexes find up to [`FEW`] accounts, which are looked at one by one. Of more, going along the order fills the page soon. Which of the
//! two it is, the statement finds out by itself: the other half of it is not begun.

use super::member_dialect::{Dialect, Statement, all, has_account, has_id, or_id};
use super::member_lists::AbsentView;
use super::search::Word;

/// Accounts that a search may find to be looked at one by one.
const FEW: i64 = 5_000;

/// Asks for accounts whose Discord id was never seen in the guild.
pub(super) fn absent<D: Dialect>(view: &AbsentView) -> Statement {
    let mut arguments = Vec::new();
    let mut conditions = vec![
        "u.discord_id IS NOT NULL".to_owned(),
        // Most have a member that is linked to them, which a small index knows.
        "NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.user_id = u.id LIMIT 1 OFFSET 0)".to_owned(),
        "NOT EXISTS (SELECT 1 FROM guild_members m WHERE m.discord_id = u.discord_id LIMIT 1 OFFSET 0)".to_owned(),
    ];
    let (comparison, way) = if view.is_backwards { ("<", " DESC") } else { (">", "") };
    conditions.extend(view.after.map(|after| format!("u.id {comparison} {after}")));
    let page = |conditions: &[String]| {
        format!("SELECT * FROM (SELECT u.* FROM users u{} ORDER BY u.id{way} LIMIT {}) p", all(conditions), view.limit)
    };
    let sql = if let Some(search) = &view.search {
        let mut sources = D::accounts(search, &mut arguments);
        for word in search.numbers() {
            let ids = has_id(word, "n.discord_id").into_iter();
            let others: Vec<String> = ids.chain(accounts_fit(&search.beside(&[word]), &mut arguments)).collect();
            sources.push(format!("SELECT n.id FROM users n{}", all(&others)));
        }
        let sources = sources.join("\n UNION ALL ");
        let among = |ids: &str, when: &str| {
            let more = [format!("u.id IN ({ids})"), when.to_owned()];
            page(&conditions.iter().cloned().chain(more).collect::<Vec<_>>())
        };
        format!(
            "WITH found AS MATERIALIZED (SELECT id FROM ({sources}) s LIMIT {}),
                 size AS MATERIALIZED (SELECT count(*) > {FEW} AS is_cut FROM found)
             SELECT * FROM ({} UNION ALL {}) u ORDER BY u.id{way}",
            FEW + 1,
            among("SELECT id FROM found", "NOT (SELECT is_cut FROM size)"),
            among(&sources, "(SELECT is_cut FROM size)"),
        )
    } else {
        page(&conditions)
    };
    Statement { sql, arguments, is_shared: false }
}

/// Whether the account `n` fits each of these words, by its name or its Discord id.
pub(super) fn accounts_fit(words: &[&Word], arguments: &mut Vec<String>) -> Vec<String> {
    words.iter().map(|word| or_id(has_account(word, "n.username_key", arguments), word, "n.discord_id")).collect()
}
