//! The member list, page by page.

use std::borrow::Cow;
use std::collections::HashSet;

use reqwest::Method;
use serde_json::Value;
use serde_json::value::RawValue;

use super::member::{read_id, read_member};
use super::rest::malformed;
use super::{DiscordError, OddMember, Rest};
use crate::domain::{DiscordId, Member};

/// Members of one page: the most that Discord gives.
const PAGE: usize = 1_000;

/// One page of the member list.
///
/// `members`, `odd` and `duplicates` together are `received`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterPage {
    /// In the order of the page; of one that stands there twice the last entry.
    pub members: Vec<Member>,
    /// Present members that cannot be kept.
    pub odd: Vec<OddMember>,
    /// Entries of the page.
    pub received: usize,
    /// Entries at or before the id that was asked for, or that stand there again.
    pub duplicates: usize,
    /// The highest id that could be read: the cursor of the next page. A page that is not the last goes past the cursor it was asked
    /// with, else it is an error; so following it comes to an end.
    pub last: Option<DiscordId>,
    /// Fewer entries than asked for: nothing follows.
    pub is_last: bool,
}

impl Rest {
    /// The members with ids above `after`, or the first ones, up to a thousand, in the order of their ids.
    ///
    /// # Errors
    /// [`DiscordError`]; [`DiscordError::BadAnswer`] also for a full page that does not go past `after`.
    pub async fn members_after(&self, guild: DiscordId, after: Option<DiscordId>) -> Result<RosterPage, DiscordError> {
        let ask = self.ask("to list the members", Method::GET, &["guilds", &guild.to_string(), "members"]);
        let limit = PAGE.to_string();
        let ask = match after {
            Some(after) => ask.query(&[("limit", &limit), ("after", &after.to_string())]),
            None => ask.query(&[("limit", &limit)]),
        };
        self.send(&ask, |body| read_page(body, guild, after, PAGE)).await
    }
}

/// Reads a page of at most `asked` entries. What is wrong with one entry costs no other.
fn read_page(body: &[u8], guild: DiscordId, after: Option<DiscordId>, asked: usize) -> Result<RosterPage, String> {
    let text = String::from_utf8_lossy(body);
    let entries: Vec<&RawValue> = serde_json::from_str(&text).map_err(|error| malformed(&error))?;
    let mended = matches!(text, Cow::Owned(_));

    let (mut members, mut odd, mut duplicates) = (Vec::with_capacity(entries.len()), Vec::new(), 0);
    let (mut seen, mut last) = (HashSet::with_capacity(entries.len()), None);
    // From the end, since the last entry of a member counts.
    for entry in entries.iter().rev() {
        let read = read_entry(entry.get(), guild, mended);
        let id = match &read {
            Ok(member) => Some(member.id),
            Err(odd) => odd.id,
        };
        last = last.max(id);
        if id.is_some_and(|id| Some(id) <= after || !seen.insert(id)) {
            duplicates += 1;
            continue;
        }
        match read {
            Ok(member) => members.push(member),
            Err(fault) => odd.push(fault),
        }
    }
    members.reverse();
    odd.reverse();
    let received = entries.len();
    let is_last = received < asked;
    if !is_last && last <= after {
        return Err(format!("its page of {received} members does not go past the one it was to begin after"));
    }
    Ok(RosterPage { members, odd, received, duplicates, last, is_last })
}

fn read_entry(json: &str, guild: DiscordId, mended: bool) -> Result<Member, OddMember> {
    let unreadable = |fault: &str| OddMember { id: read_id(json), fault: fault.to_owned() };
    if mended && json.contains(char::REPLACEMENT_CHARACTER) {
        return Err(unreadable("holds bytes that are no UTF-8"));
    }
    let value: Value = serde_json::from_str(json).map_err(|_| unreadable("holds a value that no database can keep"))?;
    read_member(&value, guild)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUILD: i64 = 41;

    fn page(body: &[u8], after: Option<i64>, asked: usize) -> Result<RosterPage, String> {
        let after = after.map(|after| after.try_into().unwrap());
        read_page(body, GUILD.try_into().unwrap(), after, asked)
    }

    fn entry(id: i64, name: &str) -> String {
        format!(r#"{{"user":{{"id":"{id}","username":"{name}"}},"roles":[]}}"#)
    }

    fn list(entries: &[String]) -> Vec<u8> {
        format!("[{}]", entries.join(",")).into_bytes()
    }

    /// Ids and names; ids of the odd; duplicates; the cursor.
    type Told = (Vec<(i64, String)>, Vec<Option<i64>>, usize, Option<i64>);

    fn told(page: RosterPage) -> Told {
        assert_eq!(page.received, page.members.len() + page.odd.len() + page.duplicates);
        let members = page.members.into_iter().map(|member| (member.id.get(), member.username)).collect();
        let odd = page.odd.into_iter().map(|odd| odd.id.map(DiscordId::get)).collect();
        (members, odd, page.duplicates, page.last.map(DiscordId::get))
    }

    #[test]
    fn the_cursor_is_the_highest_number_and_not_the_last_text() {
        let body = list(&[entry(9, "a"), entry(1_000, "b"), entry(200, "c")]);
        let members = vec![(9, "a".into()), (1_000, "b".into()), (200, "c".into())];
        assert_eq!(told(page(&body, Some(8), 1_000).unwrap()), (members, vec![], 0, Some(1_000)));
    }

    #[test]
    fn a_page_is_the_last_one_if_it_is_not_full() {
        let body = list(&[entry(1, "a"), entry(2, "b")]);
        assert!(!page(&body, None, 2).unwrap().is_last);
        assert!(page(&body, None, 3).unwrap().is_last);
        assert!(page(b"[]", Some(7), 3).unwrap().is_last);
        assert_eq!(told(page(b"[]", Some(7), 3).unwrap()), (vec![], vec![], 0, None));
    }

    #[test]
    fn whoever_stands_there_again_is_counted_once_by_the_last_entry() {
        let body = list(&[entry(5, "old"), entry(6, "a"), entry(3, "earlier"), entry(5, "new"), r#"{"user":{"id":"6"}}"#.into()]);
        assert_eq!(told(page(&body, Some(3), 9).unwrap()), (vec![(5, "new".into())], vec![Some(6)], 3, Some(6)));
    }

    #[test]
    fn one_odd_member_costs_no_other() {
        let deep = format!(r#"{{"user":{{"id":"6","username":"f"}},"x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
        let mut entries = vec![entry(1, "a"), "null".into(), entry(3, ""), entry(4, r"\ud83d"), deep, entry(7, "g")];
        let mut body = list(&entries);
        let expected = (vec![(1, "a".into()), (7, "g".into())], vec![None, Some(3), Some(4), Some(6)], 0, Some(7));
        assert_eq!(told(page(&body, None, 9).unwrap()), expected);

        // A text that is no Unicode; one that holds the sign for such is none of those.
        entries.push(entry(8, "h"));
        body = list(&entries);
        let place = body.iter().rposition(|byte| *byte == b'h').unwrap();
        body[place] = 0xff;
        let (members, odd, ..) = told(page(&body, None, 9).unwrap());
        assert_eq!((members.len(), odd.last()), (2, Some(&Some(8))));
        let sign = list(&[entry(9, "\u{fffd}")]);
        assert_eq!(told(page(&sign, None, 9).unwrap()).0, [(9, "\u{fffd}".into())]);
    }

    #[test]
    fn a_page_that_would_be_asked_for_again_and_again_is_none() {
        let body = list(&[entry(1, "a"), entry(2, "b")]);
        assert!(page(&body, Some(2), 2).is_err());
        assert!(page(&body, Some(2), 3).is_ok());
        assert!(page(b"[null,null]", None, 2).is_err());
        assert_eq!(page(&body, Some(1), 2).unwrap().duplicates, 1);
    }

    #[test]
    fn what_is_no_list_is_no_page() {
        for body in [&b""[..], b"{}", b"<html>", b"[{]", b"[] []", b"[1,"] {
            let fault = page(body, None, 9).unwrap_err();
            assert!(fault.contains("column"), "{fault}");
        }
    }
}
