//! `guildsync config`: the settings in effect.

use super::Outcome;
use crate::config::{self, Environment, Flags};

pub(super) fn run(environment: &Environment, flags: &Flags) -> anyhow::Result<Outcome> {
    print!("{}", config::effective(environment, flags)?);
    Ok(Outcome::Done)
}
