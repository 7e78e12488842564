//! Cuts a stream of members into batches and finds entries that a later entry replaces.

use crate::domain::Member;
use crate::store::{Dropped, StagedBatch, StoreError, encode_payload};

/// A batch of unusually large members is cut early: this many bytes of text. Usual ones have a tenth of it.
const MAX_WEIGHT: usize = 8 * 1024 * 1024;

fn weight(member: &Member) -> usize {
    let texts = [&member.username, &member.display_name, &member.nickname, &member.avatar_hash, member.guild_avatar()];
    texts.into_iter().map(str::len).sum::<usize>() + member.roles.as_json().len()
}

/// Collects members and gives them back in encoded batches, each sorted by id and without duplicates of its own.
pub(super) struct Cutter {
    size: usize,
    pending: Vec<Member>,
    /// Bytes of text in `pending`.
    weight: usize,
    /// Every id with the batch it stands in: 16 bytes a member, the only thing that grows with the list.
    seen: Vec<(i64, i32)>,
    count: i32,
    duplicates: i64,
}

/// What a list came to.
#[derive(Debug)]
pub(super) struct Batches {
    /// The last batch, which has not been given back yet; none for an empty list.
    pub last: Option<StagedBatch>,
    /// How many batches there are, the last included.
    pub count: i32,
    /// Entries of earlier batches that a later one replaces.
    pub dropped: Vec<Dropped>,
    /// How many entries a later one replaced.
    pub duplicates: i64,
    /// Distinct members.
    pub distinct: i64,
}

impl Cutter {
    pub fn new(size: usize) -> Self {
        Self { size, pending: Vec::new(), weight: 0, seen: Vec::new(), count: 0, duplicates: 0 }
    }

    /// Takes a member; gives back a batch when one more would be too many for it.
    pub fn push(&mut self, member: Member) -> Result<Option<StagedBatch>, StoreError> {
        let full = if self.pending.len() >= self.size || self.weight >= MAX_WEIGHT { Some(self.cut()?) } else { None };
        self.weight += weight(&member);
        self.pending.push(member);
        Ok(full)
    }

    fn cut(&mut self) -> Result<StagedBatch, StoreError> {
        let mut members = std::mem::replace(&mut self.pending, Vec::with_capacity(self.size));
        self.weight = 0;
        let entries = members.len();
        // Stable, so that of equal ids the one that came last stands last, and is kept.
        members.sort_by_key(|member| member.id);
        members.dedup_by(|later, earlier| {
            let same = later.id == earlier.id;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        self.duplicates += (entries - members.len()).cast_signed() as i64;
        self.seen.extend(members.iter().map(|member| (member.id.get(), self.count)));
        let batch =
            StagedBatch { batch: self.count, members: members.len().cast_signed() as i64, payload: encode_payload(&members)? };
        self.count += 1;
        Ok(batch)
    }

    /// Ends the list.
    pub fn finish(mut self) -> Result<Batches, StoreError> {
        let last = if self.pending.is_empty() { None } else { Some(self.cut()?) };
        let dropped = self.replaced();
        let replaced: usize = dropped.iter().map(|entries| entries.ids.len()).sum();
        Ok(Batches {
            last,
            count: self.count,
            dropped,
            duplicates: self.duplicates + replaced.cast_signed() as i64,
            distinct: (self.seen.len() - replaced).cast_signed() as i64,
        })
    }

    /// Of an id that stands in several batches, the entries in all but the last.
    fn replaced(&mut self) -> Vec<Dropped> {
        self.seen.sort_unstable();
        let mut by_batch = std::collections::BTreeMap::<i32, Vec<i64>>::new();
        for pair in self.seen.windows(2) {
            if pair[0].0 == pair[1].0 {
                by_batch.entry(pair[0].1).or_default().push(pair[0].0);
            }
        }
        by_batch.into_iter().map(|(batch, ids)| Dropped { batch, ids }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DiscordId, Roles};
    use crate::store::decode_payload;

    fn member(id: i64, username: &str) -> Member {
        Member {
            id: DiscordId::try_from(id).unwrap(),
            username: username.into(),
            display_name: String::new(),
            nickname: String::new(),
            avatar_hash: String::new(),
            guild_avatar_hash: None,
            roles: Roles::default(),
            joined_at: None,
            is_bot: false,
        }
    }

    fn names(batch: &StagedBatch) -> Vec<(i64, String)> {
        decode_payload(&batch.payload).unwrap().into_iter().map(|m| (m.id.get(), m.username)).collect()
    }

    #[test]
    fn the_last_entry_counts_within_and_across_batches() {
        let mut cutter = Cutter::new(3);
        let mut given = Vec::new();
        for (id, name) in [(5, "a"), (1, "b"), (5, "c"), (1, "d"), (9, "e"), (9, "f"), (1, "g")] {
            given.extend(cutter.push(member(id, name)).unwrap());
        }
        let end = cutter.finish().unwrap();
        assert_eq!(
            given.iter().map(names).collect::<Vec<_>>(),
            [vec![(1, "b".into()), (5, "c".into())], vec![(1, "d".into()), (9, "f".into())],]
        );
        assert_eq!(names(end.last.as_ref().unwrap()), [(1, "g".into())]);
        assert_eq!(end.dropped, [Dropped { batch: 0, ids: vec![1] }, Dropped { batch: 1, ids: vec![1] }]);
        assert_eq!((end.count, end.duplicates, end.distinct), (3, 4, 3));
    }

    #[test]
    fn a_batch_of_heavy_members_is_cut_early() {
        let roles: Roles = (0..1_000).map(|role| format!("{role:064}")).collect();
        let mut cutter = Cutter::new(50_000);
        let mut sizes = Vec::new();
        for id in 1..=300 {
            let heavy = Member { roles: roles.clone(), ..member(id, "heavy") };
            sizes.extend(cutter.push(heavy).unwrap().map(|batch| batch.members));
        }
        let end = cutter.finish().unwrap();
        sizes.push(end.last.unwrap().members);
        // 67 kB of roles each.
        assert_eq!((sizes.len(), sizes.iter().sum::<i64>()), (3, 300), "{sizes:?}");
    }

    #[test]
    fn an_empty_list_has_no_batch() {
        let end = Cutter::new(3).finish().unwrap();
        assert!(end.last.is_none());
        assert_eq!((end.count, end.duplicates, end.distinct), (0, 0, 0));
    }
}
