//! A network of IP addresses, as a setting names it.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, de::Error as _};

/// A network such as `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// The network that `text` names; `None` when it names none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse().ok().or_else(one).map(Self)
    }

    /// Whether `address` is in it. An IPv4 address written as IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not a network of IP addresses"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_addresses_of_its_network_in_either_writing() {
        let network = Network::parse("10.0.0.0/8").unwrap();
        let one = Network::parse("::1").unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();

        assert!(network.contains(ip("10.1.2.3")) && network.contains(ip("::ffff:10.1.2.3")));
        assert!(!network.contains(ip("11.1.2.3")) && !network.contains(ip("::1")));
        assert!(one.contains(ip("::1")) && !one.contains(ip("::2")));
        for wrong in ["", "10.0.0.0/33", "proxy.example", "10.0.0.0/8 "] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
