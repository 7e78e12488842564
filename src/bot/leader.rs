//! Which of several bot processes with one token has the gateway: the one with the duty `bot`. It identifies; the others stand by.

use tokio_util::sync::CancellationToken;

use super::duty::Duty;
use super::gateway::{Gateway, Refused};
use super::{Desk, Ended, Standing};

/// The duty's name in `leases`.
const DUTY: &str = "bot";

/// Stands by for the duty and has the gateway while this process has it, until `stop` or until Discord refuses the token, or every session.
pub(super) async fn lead(desk: &std::sync::Arc<Desk>, stop: &CancellationToken) -> Ended {
    let duty = Duty::new(DUTY, desk);
    let mut gateway = Gateway::new(desk.clone());
    while !stop.is_cancelled() {
        desk.standing.send_replace(Standing::Standby);
        let since = tokio::select! {
            since = duty.gained() => since,
            () = stop.cancelled() => return Ended::Stopped,
        };
        tracing::info!("this process has the bot's connection to Discord");
        // Another process may have had it, and have noted what this one knows nothing of.
        desk.troubles.forget();
        let closing = stop.child_token();
        let open = gateway.run(&closing);
        tokio::pin!(open);
        let ended = tokio::select! {
            ended = &mut open => ended,
            () = duty.lost(since) => {
                tracing::warn!("this process has lost the bot's connection to Discord to another one, or its database; it closes the session");
                closing.cancel();
                open.await
            }
        };
        duty.let_go().await;
        match ended {
            Ok(()) => {}
            Err(Refused::Token) => return Ended::WrongToken,
            Err(Refused::Sessions(message)) => return Ended::Refused(message),
        }
    }
    Ended::Stopped
}
