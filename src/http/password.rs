//! Checks passwords without letting logins eat the machine.
//!
//! Enters: a password and the stored hash, if there is one. Leaves: yes or no. Two checks run at once, off the threads that serve; a
//! few more wait their turn, for a while; the rest are told to come back.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::password::{PasswordError, unmatchable, verify};

/// Checks that run at once; each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Checks that run or wait.
const ADMITTED: usize = 32;
/// How long a check waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a password could not be checked now.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    /// Too many logins at once.
    #[error("too many people are logging in at this moment; nothing was changed, try again in a few seconds")]
    Crowded,
    /// The check itself went wrong.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The check was broken off, because the program is stopping.
    #[error("the password check was broken off; nothing was changed, try again")]
    BrokenOff,
}

/// Checks passwords, a few at a time. Clones share the bound.
#[derive(Debug, Clone)]
pub struct PasswordCheck {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
    patience: Duration,
}

impl Default for PasswordCheck {
    fn default() -> Self {
        let [admitted, running] = [ADMITTED, AT_ONCE].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { admitted, running, patience: PATIENCE }
    }
}

impl PasswordCheck {
    /// Whether `password` fits `hash`. Without a hash the answer is no, after the same work.
    ///
    /// # Errors
    /// [`Busy`] if it could not be found out.
    pub async fn fits(&self, password: SecretString, hash: Option<SecretString>) -> Result<bool, Busy> {
        let _admitted = self.admitted.try_acquire().map_err(|_| Busy::Crowded)?;
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.running).acquire_owned());
        let turn = turn.await.map_err(|_| Busy::Crowded)?.map_err(|_| Busy::BrokenOff)?;
        let check = move || {
            // Moved in: a visitor who hangs up does not end the work, so the turn must last as long as it does.
            let _turn = turn;
            verify(&password, &hash.unwrap_or_else(unmatchable))
        };
        Ok(tokio::task::spawn_blocking(check).await.map_err(|_| Busy::BrokenOff)??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::{SALT_LEN, hash};

    #[tokio::test]
    async fn the_right_password_fits_and_nothing_else_does() {
        let check = PasswordCheck::default();
        let stored = hash(&"right".into(), [1; SALT_LEN]).unwrap();
        assert!(check.fits("right".into(), Some(stored.clone())).await.unwrap());
        assert!(!check.fits("wrong".into(), Some(stored)).await.unwrap());
        assert!(!check.fits("right".into(), None).await.unwrap());
        assert!(matches!(check.fits("right".into(), Some("no hash".into())).await, Err(Busy::Password(_))));
    }

    #[tokio::test]
    async fn who_waits_too_long_or_comes_too_late_is_told_to_come_back() {
        let check = PasswordCheck { patience: Duration::from_millis(1), ..PasswordCheck::default() };
        let _held = Arc::clone(&check.running).acquire_many_owned(2).await.unwrap();
        assert!(matches!(check.fits("x".into(), None).await, Err(Busy::Crowded)));

        let check = PasswordCheck { patience: Duration::MAX, ..check };
        let _crowd = Arc::clone(&check.admitted).acquire_many_owned(32).await.unwrap();
        assert!(matches!(check.fits("x".into(), None).await, Err(Busy::Crowded)), "at once");
    }
}
