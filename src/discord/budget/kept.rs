//! A map that forgets what was not used for longest.

use std::collections::HashMap;

use tokio::time::Instant;

/// Most routes, and most windows, that are remembered: each reply to a command has its own.
const MOST_KEPT: usize = 1_024;

/// The values used last, at most [`MOST_KEPT`].
#[derive(Debug)]
pub(super) struct Kept<T>(HashMap<String, (Instant, T)>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Kept<T> {
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.get(key).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &str, now: Instant) -> Option<&mut T> {
        self.0.get_mut(key).map(|(used, value)| {
            *used = now;
            value
        })
    }

    /// The value of a key, made if there is none; then the one that was not used for longest goes, if there are too many.
    pub fn entry(&mut self, key: &str, now: Instant, new: impl FnOnce() -> T) -> &mut T {
        if !self.0.contains_key(key) && self.0.len() >= MOST_KEPT {
            let oldest = self.0.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.0.remove(&key));
        }
        let (used, value) = self.0.entry(key.to_owned()).or_insert_with(|| (now, new()));
        *used = now;
        value
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut kept = Kept::<u64>::default();
        for number in 0..1_024 {
            *kept.entry(&number.to_string(), at(number), || 0) = number;
        }
        assert_eq!(kept.get_mut("0", at(2_000)), Some(&mut 0));
        assert_eq!(*kept.entry("2", at(2_001), || 7), 2);
        kept.entry("more", at(2_002), || 0);
        kept.entry("still more", at(2_003), || 0);
        assert_eq!(kept.0.len(), MOST_KEPT);
        let there = |key: &str| kept.get(key).is_some();
        assert!(there("0") && there("2") && there("4") && there("more") && !there("1") && !there("3"));
    }
}
