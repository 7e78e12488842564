//! Batches whose entries are not read yet: cut by who reads the body, read by anyone, several at a time.

use super::checks::Entry;
use super::entry::read_entry;
use super::faults::{Faults, Refusal, Rule};
use super::json::Since;
use super::place::Place;
use super::source::Source;
use crate::domain::{DiscordId, Member};
use crate::store::{StagedBatch, encode_payload};

/// A batch of unusually large entries is cut early: this many bytes of the body. Usual ones have a tenth of it.
const MAX_WEIGHT: u64 = 8 * 1024 * 1024;

/// A batch as it stands in the body.
#[derive(Debug, Default)]
pub(super) struct Draft {
    number: i32,
    /// Which entry of the list its first one is.
    first: u64,
    /// Entries that are not read yet, one behind the other.
    text: Vec<u8>,
    entries: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// An entry that is not read yet: where it begins in the body, and where it ends in the text.
    Text { begin: Place, end: usize },
    /// One that was read where it stood; `None` if it is no object.
    Read(Option<Box<Entry<'static>>>),
}

/// A batch that has been read.
#[derive(Debug)]
pub(super) struct Batch {
    pub faults: Faults,
    /// Entries, also those that a later one of the batch replaces.
    pub entries: usize,
    /// Sorted, each once.
    pub ids: Vec<i64>,
    /// Without members if there are faults.
    pub staged: StagedBatch,
}

impl Draft {
    /// Reads and checks the entries. Of those with one id the last is kept.
    pub fn read(self, guild: DiscordId) -> Result<Batch, Refusal> {
        let everyone = guild.to_string();
        let since = Since::default();
        let mut faults = Faults::default();
        let mut members = Vec::with_capacity(self.entries.len());
        let entries = self.entries.len();
        let mut from = 0;
        for (index, piece) in (self.first..).zip(self.entries) {
            let entry = match piece {
                Piece::Text { begin, end } => read_entry(&self.text[std::mem::replace(&mut from, end)..end], begin, &since)?,
                Piece::Read(entry) => entry.map(|entry| *entry),
            };
            match entry {
                Some(entry) => members.extend(entry.check(index, &everyone, &mut faults)),
                None => faults.add(|| format!("members[{index}]"), Rule::Type, "must be an object"),
            }
        }
        // All that is kept of it has been copied; several batches are held at once.
        drop(self.text);
        if faults.count > 0 {
            // After a fault the rest is only checked.
            members.clear();
        }
        keep_last(&mut members);
        let ids: Vec<i64> = members.iter().map(|member| member.id.get()).collect();
        let payload = encode_payload(&members)?;
        let staged = StagedBatch { batch: self.number, members: ids.len().cast_signed() as i64, payload };
        Ok(Batch { faults, entries, ids, staged })
    }
}

/// Sorts by id, and keeps of equal ids the one that came last.
fn keep_last(members: &mut Vec<Member>) {
    // Stable, so that it stands last of them.
    members.sort_by_key(|member| member.id);
    members.dedup_by(|later, earlier| {
        let same = later.id == earlier.id;
        if same {
            std::mem::swap(later, earlier);
        }
        same
    });
}

/// Cuts a list into drafts.
#[derive(Debug)]
pub(super) struct Drafts {
    /// Most entries of a draft.
    size: usize,
    draft: Draft,
    /// Where the last entry ended in the body, and where the draft begins.
    position: u64,
    begun: u64,
    full: Option<Draft>,
}

impl Drafts {
    pub fn new(size: usize) -> Self {
        Self { size, draft: Draft::default(), position: 0, begun: 0, full: None }
    }

    fn is_full(&self) -> bool {
        self.draft.entries.len() >= self.size || self.position - self.begun >= MAX_WEIGHT
    }

    /// Begins the next draft.
    fn turn(&mut self) {
        let next = Draft {
            number: self.draft.number + 1,
            first: self.draft.first + self.draft.entries.len() as u64,
            text: Vec::with_capacity(self.draft.text.len()),
            entries: Vec::with_capacity(self.draft.entries.len()),
        };
        self.full = Some(std::mem::replace(&mut self.draft, next));
        self.begun = self.position;
    }

    /// Adds an entry that was read where it stood.
    pub fn add_read(&mut self, entry: Option<Entry<'static>>, position: u64) {
        if self.is_full() {
            self.turn();
        }
        self.draft.entries.push(Piece::Read(entry.map(Box::new)));
        self.position = position;
    }

    /// Adds the next entry of the body if it can be taken unread.
    pub fn take_from(&mut self, source: &Source<'_>) -> bool {
        let begin = if self.is_full() {
            // Whether there is one more is not known before it is taken.
            let mut text = Vec::new();
            let Some(begin) = source.take_entry(&mut text) else { return false };
            self.turn();
            self.draft.text.extend(text);
            begin
        } else {
            let Some(begin) = source.take_entry(&mut self.draft.text) else { return false };
            begin
        };
        self.draft.entries.push(Piece::Text { begin, end: self.draft.text.len() });
        self.position = source.position();
        true
    }

    /// The draft in which the entry that was added last found no room.
    pub fn full(&mut self) -> Option<Draft> {
        self.full.take()
    }

    /// Ends the list; `None` if it is empty.
    pub fn last(self) -> Option<Draft> {
        (!self.draft.entries.is_empty()).then_some(self.draft)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::intake::IntakeLimits;
    use crate::intake::stream::cut_chunks;
    use crate::store::decode_payload;

    fn drafts(body: &str, batch_members: usize) -> Vec<Draft> {
        let (idle, total) = (Duration::ZERO, Duration::ZERO);
        let limits = IntakeLimits { max_body: u64::MAX, max_members: 1_000, batch_members, idle, total, uploads: 1 };
        let chunks = body.as_bytes().chunks(100).map(|chunk| Ok(chunk.to_vec()));
        let mut drafts = Vec::new();
        let end = cut_chunks(chunks, &limits, false, &mut |draft| {
            drafts.push(draft);
            true
        });
        end.frame.unwrap();
        drafts.extend(end.last);
        drafts
    }

    fn read(draft: Draft) -> Result<Batch, Refusal> {
        draft.read(DiscordId::try_from(42_i64).unwrap())
    }

    #[test]
    fn the_last_entry_of_an_id_is_kept() {
        let body =
            r#"{"members":[{"id":5,"username":"a"},{"id":1,"username":"b"},{"id":5,"username":"c"},{"id":1,"username":"d"}]}"#;
        let batches: Vec<Batch> = drafts(body, 3).into_iter().map(|draft| read(draft).unwrap()).collect();
        let names = |batch: &Batch| -> Vec<(i64, String)> {
            decode_payload(&batch.staged.payload).unwrap().into_iter().map(|m| (m.id.get(), m.username)).collect()
        };
        assert_eq!(names(&batches[0]), [(1, "b".into()), (5, "c".into())]);
        assert_eq!(names(&batches[1]), [(1, "d".into())]);
        let told: Vec<_> = batches.iter().map(|batch| (batch.entries, batch.ids.clone(), batch.staged.batch)).collect();
        assert_eq!(told, [(3, vec![1, 5], 0), (1, vec![1], 1)]);
    }

    #[test]
    fn a_batch_of_heavy_entries_is_cut_early() {
        let roles = "\"0123456789012345678901234567890123456789012345678901234567890123\",".repeat(999);
        let entries: Vec<String> =
            (1..=300).map(|id| format!(r#"{{"id":{id},"username":"heavy","roles":[{roles}"1"]}}"#)).collect();
        let drafts = drafts(&format!(r#"{{"members":[{}]}}"#, entries.join(",")), 50_000);
        // 67 kB each.
        let sizes: Vec<usize> = drafts.iter().map(|draft| draft.entries.len()).collect();
        assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (3, 300), "{sizes:?}");
    }

    #[test]
    fn entries_that_are_read_where_they_stand_keep_their_place_in_the_list() {
        let deep = format!("{}{}", "[".repeat(50), "]".repeat(50));
        let body = format!(r#"{{"members":[null,{{}},{{"x":{deep}}},1,{{}},[],{{}}]}}"#);
        let mut faults = Faults::default();
        for draft in drafts(&body, 3) {
            faults.append(read(draft).unwrap().faults);
        }
        let mut told: Vec<String> = faults.first.into_iter().map(|fault| fault.at).collect();
        told.dedup_by(|next, one| next.split('.').next() == one.split('.').next());
        let expected = ["[0]", "[1].id", "[2].id", "[3]", "[4].id", "[5]", "[6].id"].map(|at| format!("members{at}"));
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_told_with_its_place_in_the_body() {
        let body = "{\"members\":[{},\n{},{\"id\":1,\n \"id\":2}]}";
        let refusal = drafts(body, 10).into_iter().map(read).find_map(Result::err).unwrap();
        assert_eq!(
            refusal.to_string(),
            "the body is not readable JSON: the key \"id\" stands twice in one object, at line 3, column 6"
        );
    }

    #[test]
    fn an_empty_list_has_no_batch() {
        assert!(drafts(r#"{"members":[]}"#, 3).is_empty());
    }
}
