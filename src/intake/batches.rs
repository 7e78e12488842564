//! The batches of a list, put together again in its order; finds entries that a later entry replaces.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};

use super::draft::Batch;
use super::faults::Faults;
use crate::store::{Dropped, StagedBatch};

/// Collects what batches that have been read tell of the list.
#[derive(Debug, Default)]
pub(super) struct Batches {
    pub faults: Faults,
    /// How many there are.
    pub count: i32,
    /// The ids of all batches, one batch behind the other, each sorted: 8 bytes a member, the only thing that grows with the list.
    seen: Vec<i64>,
    /// Where each batch ends in them, and its number.
    ends: Vec<(usize, i32)>,
    /// Entries that a later one of their batch replaced.
    duplicates: usize,
}

/// What a list came to.
#[derive(Debug)]
pub(super) struct Total {
    /// Entries of earlier batches that a later one replaces.
    pub dropped: Vec<Dropped>,
    /// How many entries a later one replaced.
    pub duplicates: i64,
    /// Distinct members.
    pub distinct: i64,
}

impl Batches {
    /// Adds the next batch. Gives it back to be staged, as long as the list has no fault.
    pub fn add(&mut self, batch: Batch) -> Option<StagedBatch> {
        let Batch { faults, entries, ids, staged } = batch;
        self.faults.append(faults);
        self.count += 1;
        self.duplicates += entries - ids.len();
        self.seen.extend(ids);
        self.ends.push((self.seen.len(), staged.batch));
        (self.faults.count == 0).then_some(staged)
    }

    /// Ends the list.
    pub fn total(self) -> Total {
        let dropped = self.replaced();
        let replaced: usize = dropped.iter().map(|entries| entries.ids.len()).sum();
        Total {
            dropped,
            duplicates: (self.duplicates + replaced).cast_signed() as i64,
            distinct: (self.seen.len() - replaced).cast_signed() as i64,
        }
    }

    /// Of an id that stands in several batches, the entries in all but the last.
    fn replaced(&self) -> Vec<Dropped> {
        // Of each batch its next id, the batch, where the id stands and where its batch ends: the least id first, an id's batches in their order.
        let begins = std::iter::once(0).chain(self.ends.iter().map(|(end, _)| *end));
        let batches = begins.zip(&self.ends).filter(|(begin, (end, _))| begin < end);
        let mut next: BinaryHeap<_> =
            batches.map(|(begin, (end, batch))| Reverse((self.seen[begin], *batch, begin, *end))).collect();
        let mut by_batch = BTreeMap::<i32, Vec<i64>>::new();
        let mut last = None;
        while let Some(mut first) = next.peek_mut() {
            let Reverse((id, batch, at, end)) = *first;
            if let Some((same, earlier)) = last.replace((id, batch))
                && same == id
            {
                by_batch.entry(earlier).or_default().push(same);
            }
            if at + 1 < end {
                *first = Reverse((self.seen[at + 1], batch, at + 1, end));
            } else {
                PeekMut::pop(first);
            }
        }
        by_batch.into_iter().map(|(batch, ids)| Dropped { batch, ids }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: i32, ids: &[i64], entries: usize) -> Batch {
        let staged = StagedBatch { batch: number, members: 0, payload: Vec::new() };
        Batch { faults: Faults::default(), entries, ids: ids.to_vec(), staged }
    }

    #[test]
    fn the_last_entry_counts_across_batches() {
        let mut batches = Batches::default();
        for batch in [batch(0, &[1, 5], 3), batch(1, &[1, 9], 3), batch(2, &[1], 1)] {
            assert!(batches.add(batch).is_some());
        }
        assert_eq!(batches.count, 3);
        let total = batches.total();
        assert_eq!(total.dropped, [Dropped { batch: 0, ids: vec![1] }, Dropped { batch: 1, ids: vec![1] }]);
        assert_eq!((total.duplicates, total.distinct), (4, 3));
    }

    #[test]
    fn behind_a_fault_nothing_is_staged() {
        let mut batches = Batches::default();
        let mut faulty = batch(1, &[], 0);
        faulty.faults.add(String::new, super::super::Rule::Type, "");
        assert!(batches.add(batch(0, &[1], 1)).is_some());
        assert!(batches.add(faulty).is_none());
        assert!(batches.add(batch(2, &[2], 1)).is_none());
    }
}
