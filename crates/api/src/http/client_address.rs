//! Where a request comes from: the connection's other end, or what a trusted proxy says.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use settings::Network;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address. Each proxy adds the address it was called from at the end of
/// `X-Forwarded-For` (without it, of `Forwarded`), so the last address that is not a trusted
/// proxy's is the client's: what stands before it the client may have made up.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
    let mut nearest = peer.to_canonical();
    if !is_trusted(&nearest) {
        return nearest;
    }
    let named = match addresses(headers, &X_FORWARDED_FOR, address) {
        none if none.is_empty() => addresses(headers, &FORWARDED, forwarded_for),
        named => named,
    };
    for address in named.into_iter().rev() {
        // One that cannot be read was passed on by the proxy that is nearest to it.
        let Some(address) = address else { return nearest };
        nearest = address;
        if !is_trusted(&nearest) {
            break;
        }
    }
    nearest
}

/// The entries of a list that may be spread over several headers, in order.
fn addresses(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    let values = headers.get_all(name).iter();
    values
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(|entry| read(entry.trim()))
        .collect()
}

/// An address, with or without a port; an IPv6 address may stand in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

/// The address of `for=` in one element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use settings::{Profile, Settings};

    use super::*;

    fn client(peer: &str, headers: &[(HeaderName, &str)]) -> String {
        let env = [("TENANTRY__API__TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let trusted = Settings::from_env_map(Profile::Default, env).unwrap().api.trusted_proxies;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        client_address(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn a_stranger_says_nothing_about_where_it_is() {
        let claims = [(X_FORWARDED_FOR, "1.2.3.4"), (FORWARDED, "for=1.2.3.4")];

        assert_eq!(client("9.9.9.9", &claims), "9.9.9.9");
    }

    #[test]
    fn the_last_address_that_is_not_a_proxys_is_the_clients() {
        let through = |list| client("10.0.0.1", &[(X_FORWARDED_FOR, list)]);

        assert_eq!(through("5.6.7.8"), "5.6.7.8");
        assert_eq!(through("1.2.3.4, 5.6.7.8, 10.0.0.2"), "5.6.7.8");
        assert_eq!(through("5.6.7.8:4711"), "5.6.7.8");
        assert_eq!(through("[2001:db8::1]:4711"), "2001:db8::1");
        assert_eq!(through("10.0.0.3, 10.0.0.2"), "10.0.0.3");
        assert_eq!(client("fd00::1", &[(X_FORWARDED_FOR, "2001:db8::2")]), "2001:db8::2");
        let two = [(X_FORWARDED_FOR, "5.6.7.8"), (X_FORWARDED_FOR, "10.0.0.2")];
        assert_eq!(client("::ffff:10.0.0.1", &two), "5.6.7.8");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_proxy_that_passed_it_on() {
        let through = |list| client("10.0.0.1", &[(X_FORWARDED_FOR, list)]);

        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(through("unknown"), "10.0.0.1");
        assert_eq!(through("1.2.3.4, _hidden, 10.0.0.2"), "10.0.0.2");
    }

    #[test]
    fn reads_forwarded_where_there_is_no_x_forwarded_for() {
        let through = |list| client("10.0.0.1", &[(FORWARDED, list)]);

        assert_eq!(through("for=1.2.3.4, for=5.6.7.8;proto=https"), "5.6.7.8");
        assert_eq!(through("proto=https; For=\"[2001:db8::1]:80\""), "2001:db8::1");
        assert_eq!(through("by=5.6.7.8"), "10.0.0.1");
    }
}
