//! Where the gateway is. Asked by ourselves, because serenity, whenever it cannot read the answer, would dial Discord's own gateway with our token.

use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::Desk;

/// Largest answer that is read; Discord's has 35 bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Why the gateway's address is not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoGateway {
    /// No answer that could be used.
    #[error("asking for the gateway's address failed: {0}")]
    NoAnswer(String),
    /// The address leads elsewhere.
    #[error(
        "the gateway is said to be at {0}, which is not the host of discord.api_url (DISCORD_API_URL); the token is not sent there"
    )]
    Elsewhere(String),
    /// The address is no address of a gateway.
    #[error("the gateway's address is none that could be used, or would send the token unencrypted")]
    Unusable,
}

#[derive(Deserialize)]
struct Answer {
    url: String,
}

/// Asks Discord where its gateway is, which takes no token; answers an address to which serenity can add its query.
pub(super) async fn discover(desk: &Desk) -> Result<String, NoGateway> {
    let api = &desk.options.api_url;
    let request = desk.client.get(format!("{api}/api/v10/gateway"));
    // An error of reqwest names the address, which is none of the secrets.
    let no_answer = |error: reqwest::Error| NoGateway::NoAnswer(error.without_url().to_string());
    let mut response = request.send().await.map_err(no_answer)?;
    if response.status() != StatusCode::OK {
        return Err(NoGateway::NoAnswer(format!("status {}", response.status().as_u16())));
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(no_answer)? {
        if body.len() + part.len() > MAX_ANSWER {
            return Err(NoGateway::NoAnswer("the answer is too long".to_owned()));
        }
        body.extend_from_slice(&part);
    }
    let answer: Answer =
        serde_json::from_slice(&body).map_err(|_| NoGateway::NoAnswer("the answer names no address".to_owned()))?;
    checked(api, &answer.url)
}

/// The gateway's address, if the token may be sent there: to the host of the API, or, of Discord itself, to any of Discord's; and encrypted, if the
/// API is.
fn checked(api: &str, gateway: &str) -> Result<String, NoGateway> {
    let (Ok(api), Ok(mut url)) = (Url::parse(api), Url::parse(gateway)) else { return Err(NoGateway::Unusable) };
    let secure = match url.scheme() {
        "wss" => true,
        "ws" => api.scheme() == "http",
        _ => false,
    };
    let host = url.host_str().unwrap_or_default().to_owned();
    if !secure || host.is_empty() {
        return Err(NoGateway::Unusable);
    }
    let discord = api.scheme() == "https" && api.host_str() == Some("discord.com");
    let of_discord = ["discord.gg", "discord.com"].iter().any(|name| host == *name || host.ends_with(&format!(".{name}")));
    if api.host_str() != Some(host.as_str()) && !(discord && of_discord) {
        return Err(NoGateway::Elsewhere(host));
    }
    // Serenity adds its own.
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discords_own_gateway_is_any_host_of_discord() {
        for gateway in ["wss://gateway.discord.gg", "wss://gateway-us-east1-b.discord.gg/?v=9", "wss://discord.com:443/"] {
            let url = checked("https://discord.com", gateway).unwrap();
            assert!(url.starts_with("wss://") && !url.contains('?'), "{url}");
        }
        let elsewhere = |host: &str| Err(NoGateway::Elsewhere(host.to_owned()));
        assert_eq!(checked("https://discord.com", "wss://discord.gg.example.org"), elsewhere("discord.gg.example.org"));
        assert_eq!(checked("https://discord.com", "wss://evildiscord.gg"), elsewhere("evildiscord.gg"));
        assert_eq!(checked("https://discord.com", "ws://gateway.discord.gg"), Err(NoGateway::Unusable));
    }

    #[test]
    fn another_apis_gateway_is_on_its_host_alone() {
        assert_eq!(checked("http://127.0.0.1:9000", "ws://127.0.0.1:9001"), Ok("ws://127.0.0.1:9001/".to_owned()));
        assert_eq!(checked("http://127.0.0.1:9000/discord", "wss://127.0.0.1/a?b#c"), Ok("wss://127.0.0.1/a".to_owned()));
        let elsewhere = |host: &str| Err(NoGateway::Elsewhere(host.to_owned()));
        assert_eq!(checked("http://127.0.0.1:9000", "wss://gateway.discord.gg"), elsewhere("gateway.discord.gg"));
        assert_eq!(checked("http://discord.com", "wss://gateway.discord.gg"), elsewhere("gateway.discord.gg"));
        assert_eq!(checked("http://127.0.0.1:9000", "ws://localhost:9001"), elsewhere("localhost"));
        assert_eq!(checked("https://proxy.example.org", "ws://proxy.example.org"), Err(NoGateway::Unusable));
        for unusable in ["", "127.0.0.1:9001", "http://127.0.0.1:9001", "ws:"] {
            assert_eq!(checked("http://127.0.0.1:9000", unusable), Err(NoGateway::Unusable), "{unusable:?}");
        }
    }
}
