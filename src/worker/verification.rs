//! Asks Discord about the departures of a fetched list before they are judged (design 4.1).

use chrono::{DateTime, Utc};

use super::Tools;
use crate::discord::{DiscordError, Presence};
use crate::domain::{HeldReason, Mode, RunId, is_complete};
use crate::store::{Departing, Findings};

/// Departures that are asked for one by one. 100 requests take Discord some 20 s.
const MOST: usize = 100;

/// Why nothing was found out.
pub(super) enum Unverified {
    /// Discord does not say.
    Discord(DiscordError),
    /// This worker cannot ask. Its departures are known since then.
    NoToken(DateTime<Utc>),
    /// This process is to end.
    Stopping,
}

impl From<DiscordError> for Unverified {
    fn from(error: DiscordError) -> Self {
        Self::Discord(error)
    }
}

/// What is found out about these departures.
pub(super) async fn verify(tools: &Tools, run: RunId, departing: &Departing) -> Result<Findings, Unverified> {
    let whole = departing.expected.is_none_or(|expected| is_complete(departing.listed, expected, tools.completeness));
    if !whole {
        return Ok(Findings { doubt: Some(HeldReason::IncompleteRoster), gone: None });
    }
    if departing.departed.is_empty() || departing.mode != Mode::Full {
        return Ok(Findings::default());
    }
    if !departing.believed {
        // Held, even if a departure less makes them few enough meanwhile: nobody has asked.
        return Ok(Findings { doubt: Some(HeldReason::MassDeparture), gone: None });
    }
    let Some(discord) = &tools.discord else { return Err(Unverified::NoToken(departing.listed_at)) };
    let all = departing.departed.len() <= MOST;
    let mut gone = Vec::new();
    for id in departing.departed.iter().take(MOST) {
        let asking = discord.rest.member(discord.guild, *id);
        match tools.stop.run_until_cancelled(asking).await.ok_or(Unverified::Stopping)?? {
            Presence::Gone => gone.push(id.get()),
            Presence::Present(_) | Presence::PresentButOdd(_) if all => {
                tracing::warn!(%run, "a member whom Discord's list missed is present; the departure is deferred");
            }
            Presence::Present(_) | Presence::PresentButOdd(_) => {
                return Ok(Findings { doubt: Some(HeldReason::Verification), gone: None });
            }
        }
    }
    Ok(Findings { doubt: None, gone: all.then_some(gone) })
}
