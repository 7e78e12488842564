//! The guard: when a roster's departures are believed.
//!
//! A list that came in short looks exactly like a list from which many people are gone. Below a threshold the difference does
//! not matter much; above it a person decides.

use super::HeldReason;

/// The thresholds of the guard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guard {
    /// This many departures are always believed, however small the guild. Members.
    pub floor: u32,
    /// Above the floor, departures are believed up to this share of the active members. 0 to 1.
    pub share: f64,
}

/// What the guard says of a roster's departures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They are believed: mark them.
    Believed,
    /// They are not: mark nobody and keep the run as held.
    Held(HeldReason),
}

impl Guard {
    /// Judges `departures` of a roster with `listed` distinct members, where `active` rows were present before the roster (those
    /// it created or brought back not counted).
    #[must_use]
    pub fn judge(&self, listed: u64, active: u64, departures: u64) -> Verdict {
        if listed == 0 {
            return Verdict::Held(HeldReason::EmptyList);
        }
        if departures > self.limit(active) {
            return Verdict::Held(HeldReason::MassDeparture);
        }
        Verdict::Believed
    }

    /// The most departures that are believed with `active` members.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a member count is far below 2^52, and is rounded down on purpose"
    )]
    pub fn limit(&self, active: u64) -> u64 {
        // The epsilon keeps an exact share exact: 0.2 × 15 is a hair above 3 in binary, 0.29 × 100 a hair below 29.
        let share = (self.share * active as f64 + 1e-9).floor() as u64;
        share.max(u64::from(self.floor))
    }
}

/// Whether a list from Discord with `listed` distinct members is whole, where Discord itself speaks of about `expected` (its
/// `approximate_member_count`). Discord's number lags a little: some members, and a share, may be missing (design 4.1).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "member counts are far below 2^52")]
pub fn is_complete(listed: u64, expected: u64, share: f64) -> bool {
    /// Of a small guild a share is less than one member.
    const SLACK: f64 = 10.0;
    listed as f64 + 1e-9 >= share * expected as f64 - SLACK
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUARD: Guard = Guard { floor: 25, share: 0.20 };

    #[test]
    fn an_empty_list_is_never_believed() {
        assert_eq!(GUARD.judge(0, 0, 0), Verdict::Held(HeldReason::EmptyList));
        assert_eq!(GUARD.judge(0, 3, 3), Verdict::Held(HeldReason::EmptyList));
    }

    #[test]
    fn a_list_may_lack_a_share_and_ten_members() {
        assert!(is_complete(970, 1_000, 0.98));
        assert!(!is_complete(969, 1_000, 0.98));
        assert!(is_complete(1, 11, 0.98));
        assert!(is_complete(5, 0, 1.0));
    }

    #[test]
    fn the_floor_and_the_share_are_both_believed_exactly() {
        assert_eq!(GUARD.judge(1, 26, 25), Verdict::Believed);
        assert_eq!(GUARD.judge(1, 27, 26), Verdict::Held(HeldReason::MassDeparture));
        assert_eq!(GUARD.judge(800, 1_000, 200), Verdict::Believed);
        assert_eq!(GUARD.judge(799, 1_000, 201), Verdict::Held(HeldReason::MassDeparture));
        assert_eq!(Guard { floor: 0, share: 0.29 }.limit(100), 29);
    }
}
