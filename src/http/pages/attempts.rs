//! How often logins may be tried.
//!
//! Enters: who tries. Leaves: yes, or how long to wait. In this process only, like every `Throttle`.

use std::time::Duration;

use tokio::sync::Semaphore;

use crate::config;
use crate::http::throttle::Throttle;

/// The window of all limits here.
const WINDOW: Duration = Duration::from_mins(15);
/// Names, and addresses, that are remembered by each limit.
const KEYS: usize = 4_096;
/// Logins with Discord that one address may begin in a window and not bring to an end. They cost us nothing, and behind a proxy that is
/// not named in the settings all visitors share one address, so it is generous.
const BEGUN: u32 = 300;
/// Logins that wait for Discord at once; each may take as long as two of its answers.
const AT_DISCORD: usize = 32;

/// The limits.
pub(in crate::http) struct Attempts {
    /// Wrong passwords of a name.
    pub(in crate::http) by_name: Throttle,
    /// Wrong passwords from an address.
    pub(in crate::http) by_address: Throttle,
    /// Logins with Discord that an address began and did not bring to an end.
    pub(in crate::http) begun: Throttle,
    /// Codes from an address that Discord would not take. Each costs a request to Discord.
    pub(in crate::http) codes: Throttle,
    /// Turns to ask Discord who somebody is.
    pub(in crate::http) at_discord: Semaphore,
}

impl Attempts {
    pub(super) fn new(login: &config::Login) -> Self {
        let throttle = |limit| Throttle::new(limit, WINDOW, KEYS);
        Self {
            by_name: throttle(login.wrong_per_name),
            by_address: throttle(login.wrong_per_address),
            begun: throttle(BEGUN),
            codes: throttle(login.wrong_per_address),
            at_discord: Semaphore::new(AT_DISCORD),
        }
    }
}

/// A wait as `Retry-After` takes it, in seconds, and as a person does.
pub(in crate::http) fn in_words(wait: Duration) -> (u64, String) {
    let seconds = wait.as_secs() + 1;
    match seconds.div_ceil(60) {
        1 => (seconds, "a minute".to_owned()),
        minutes => (seconds, format!("{minutes} minutes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_never_shorter_than_said() {
        assert_eq!(in_words(Duration::from_millis(1)), (1, "a minute".to_owned()));
        assert_eq!(in_words(Duration::from_mins(1)), (61, "2 minutes".to_owned()));
        assert_eq!(in_words(Duration::from_mins(14)), (841, "15 minutes".to_owned()));
    }
}
