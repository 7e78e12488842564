//! Where a request really comes from. The one place that decides it.
//!
//! Enters: the peer of a connection, and what proxies wrote down of the way. Leaves: an address, and the key that tries are counted under.
//!
//! Behind a proxy every visitor has the proxy's address, and one who guesses passwords would lock everybody out. `X-Forwarded-For` says
//! more, but anybody can send it, so it is read from its end, and only for as long as whoever wrote an entry is trusted: the rightmost
//! entry that is not of a trusted proxy is the visitor. What stands left of it is hearsay.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use poem::http::HeaderMap;
use poem::{Addr, Request};

/// Each proxy adds the address that it was asked from at the end.
const FORWARDED: &str = "x-forwarded-for";

/// The networks whose word on others is taken.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl From<Vec<IpNet>> for TrustedProxies {
    fn from(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }
}

impl TrustedProxies {
    /// Where a request comes from, for the log.
    pub(in crate::http) fn visitor(&self, request: &Request) -> String {
        self.address(request).map(|address| address.to_string()).unwrap_or_default()
    }

    /// What tries of a visitor are counted under. Of an IPv6 address the first half: whoever has one has the rest of that network too.
    pub(in crate::http) fn key(&self, request: &Request) -> String {
        self.address(request).map_or_else(|| request.remote_addr().to_string(), network)
    }

    fn address(&self, request: &Request) -> Option<IpAddr> {
        let peer: &Addr = request.remote_addr();
        peer.as_socket_addr().map(|peer| self.behind(peer.ip(), request.headers()))
    }

    /// Who stands behind `peer`. An entry that is no address ends the way at whoever wrote it.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut nearest = peer.to_canonical();
        let sent = headers.get_all(FORWARDED).iter().rev();
        // Bytes, as a visitor may have sent some that are no text, and what the proxy put behind them counts all the same.
        for entry in sent.flat_map(|value| value.as_bytes().rsplit(|&byte| byte == b',')) {
            let entry = std::str::from_utf8(entry).unwrap_or_default();
            let written = if self.trusts(nearest) { address(entry.trim()) } else { None };
            match written {
                Some(address) => nearest = address,
                None => break,
            }
        }
        nearest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V6(address) => format!("{:x}/64", address.to_bits() >> 64),
        IpAddr::V4(address) => address.to_string(),
    }
}

/// An entry as proxies write it, some with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is found behind `peer`, with these headers, where the networks of a proxy are trusted.
    fn found(peer: &str, forwarded: &[&str]) -> String {
        let trusted = TrustedProxies(["10.0.0.0/8", "2001:db8:ff::/48"].map(|network| network.parse().unwrap()).to_vec());
        let headers = forwarded.iter().map(|value| (FORWARDED.parse().unwrap(), value.parse().unwrap())).collect();
        trusted.behind(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn visitors_behind_one_proxy_are_told_apart() {
        assert_eq!(found("10.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(found("10.0.0.1", &["192.0.2.8"]), "192.0.2.8");
        assert_eq!(found("::ffff:10.0.0.1", &["192.0.2.7:4711"]), "192.0.2.7");
        assert_eq!(found("2001:db8:ff::1", &["2001:db8:1::7"]), "2001:db8:1::7");
        assert_eq!(found("2001:db8:ff::1", &["[2001:db8:1::7]:4711"]), "2001:db8:1::7");
        assert_eq!(found("10.0.0.1", &["[2001:db8:1::7]"]), "2001:db8:1::7");
        assert_eq!(found("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn what_a_visitor_wrote_is_not_believed() {
        assert_eq!(found("192.0.2.7", &["198.51.100.1"]), "192.0.2.7", "the peer is no proxy of ours");
        assert_eq!(found("10.0.0.1", &["198.51.100.1, 192.0.2.7"]), "192.0.2.7", "the proxy wrote the last entry only");
        assert_eq!(found("10.0.0.1", &["10.0.0.9, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(found("10.0.0.1", &["198.51.100.1", "192.0.2.7"]), "192.0.2.7", "a header of its own");
    }

    #[test]
    fn a_way_over_several_proxies_is_followed_to_its_start() {
        assert_eq!(found("10.0.0.1", &["198.51.100.1, 192.0.2.7, 10.0.0.3,10.0.0.2"]), "192.0.2.7");
        assert_eq!(found("10.0.0.1", &["198.51.100.1, 192.0.2.7", "10.0.0.2"]), "192.0.2.7");
        assert_eq!(found("10.0.0.1", &["10.0.0.4, 10.0.0.3"]), "10.0.0.4", "somebody among the proxies");
    }

    #[test]
    fn what_is_no_address_ends_the_way() {
        for broken in ["", "unknown", "192.0.2", "192.0.2.7, ", "192.0.2.7, unknown", "192.0.2.7;", "ä"] {
            assert_eq!(found("10.0.0.1", &[broken]), "10.0.0.1", "{broken:?}");
            assert_eq!(found("10.0.0.1", &[&format!("{broken}, 10.0.0.2")]), "10.0.0.2", "{broken:?}");
        }
        assert_eq!(found("10.0.0.1", &["unknown, 192.0.2.7"]), "192.0.2.7", "left of the visitor nothing counts");
    }

    #[test]
    fn visitors_are_counted_by_network() {
        let of = |address: &str| network(address.parse().unwrap());
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
