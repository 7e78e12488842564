//! Which peers may say on whose behalf they ask.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Config, ConfigError};

impl Config {
    /// The networks of the reverse proxies before this program.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first that is no network, or that is all there is.
    pub fn trusted_proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let fault = |fault, remedy| ConfigError::Value { setting: "http.trusted_proxies", fault, remedy };
        let read = |text: &String| {
            let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| {
                fault(format!("has {text:?}, which is no network"), "write addresses like 127.0.0.1 or networks like 10.0.0.0/8")
            })?;
            if network.prefix_len() > 0 {
                Ok(network)
            } else {
                Err(fault(format!("has {text:?}, which is everybody"), "name the networks of your own proxies only"))
            }
        };
        self.http.trusted_proxies.iter().map(read).collect()
    }
}
