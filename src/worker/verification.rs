//! Asks Discord about the departures of a fetched list before they are judged (design 4.1).

use super::Tools;
use crate::discord::{DiscordError, Presence};
use crate::domain::{HeldReason, Mode, RunId, is_complete};
use crate::store::{Departing, Findings};

/// Departures that are asked for one by one. 100 requests take Discord some 20 s.
const MOST: usize = 100;

/// What is found out about these departures.
pub(super) async fn verify(tools: &Tools, run: RunId, departing: &Departing) -> Result<Findings, DiscordError> {
    let whole = departing.expected.is_none_or(|expected| is_complete(departing.listed, expected, tools.completeness));
    if !whole {
        return Ok(Findings { doubt: Some(HeldReason::IncompleteRoster), gone: None });
    }
    // What the guard will hold anyway, and what is only a plan, is not worth the requests.
    let (Some(discord), true, Mode::Full) = (&tools.discord, departing.believed, departing.mode) else {
        return Ok(Findings::default());
    };
    let all = departing.departed.len() <= MOST;
    let mut gone = Vec::new();
    for id in departing.departed.iter().take(MOST) {
        match discord.rest.member(discord.guild, *id).await? {
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
