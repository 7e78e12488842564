//! Passwords: what is stored in their place, and whether one fits it.
//!
//! Enters: a password, and randomness for its salt. Leaves: an argon2id hash in PHC form, or yes or no. Must not import another
//! room; `cli` makes hashes with it and `http` checks them.
//!
//! Both directions cost tens of milliseconds and 19 MiB on purpose. Call them where blocking is allowed.

use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use secrecy::{ExposeSecret as _, SecretString};

/// Bytes of salt in a hash.
pub const SALT_LEN: usize = 16;

/// A password that cannot be hashed, or a stored hash that cannot be read. Never quotes either.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The hash could not be computed.
    #[error("the password could not be hashed ({0}); nothing was changed, try again")]
    Hash(String),
    /// What is stored is no argon2 hash.
    #[error("the stored password hash cannot be read ({0}); set the password anew with `guildsync staff passwd`")]
    Stored(String),
}

/// Makes the hash that is stored in place of `password`. `salt` is random, and of this password alone.
///
/// # Errors
/// [`PasswordError::Hash`] if the system has no memory for it.
pub fn hash(password: &SecretString, salt: [u8; SALT_LEN]) -> Result<SecretString, PasswordError> {
    let hash = Argon2::default()
        .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(SecretString::from(hash.to_string()))
}

/// Whether `password` is the one that `hash` was made of.
///
/// # Errors
/// [`PasswordError::Stored`] if `hash` is none.
pub fn verify(password: &SecretString, hash: &SecretString) -> Result<bool, PasswordError> {
    match Argon2::default().verify_password(password.expose_secret().as_bytes(), hash.expose_secret()) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Stored(error.to_string())),
    }
}

/// A hash that no password fits, and that costs as much to check as a real one: with it an unknown name takes as long as a
/// known one.
#[must_use]
pub fn unmatchable() -> SecretString {
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    let (memory, passes, lanes) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST);
    SecretString::from(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let stored = hash(&"correct horse".into(), [7; SALT_LEN]).unwrap();
        assert!(stored.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(&"correct horse".into(), &stored).unwrap());
        assert!(!verify(&"correct hors".into(), &stored).unwrap());
        assert!(!verify(&"".into(), &stored).unwrap());
        let other_salt = hash(&"correct horse".into(), [8; SALT_LEN]).unwrap();
        assert_ne!(stored.expose_secret(), other_salt.expose_secret());
    }

    #[test]
    fn the_unmatchable_hash_is_read_and_costs_what_a_real_one_costs() {
        let never = unmatchable();
        assert!(!verify(&"".into(), &never).unwrap());
        let costs = |hash: &SecretString| hash.expose_secret().split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(costs(&never), costs(&hash(&"x".into(), [1; SALT_LEN]).unwrap()));
    }

    #[test]
    fn what_is_no_hash_is_told_and_not_quoted() {
        let error = verify(&"x".into(), &"plain text".into()).unwrap_err().to_string();
        assert!(error.contains("staff passwd") && !error.contains("plain text"), "{error}");
    }
}
