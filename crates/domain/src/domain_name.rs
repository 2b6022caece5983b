//! Where a tenant answers: a host name, parsed and never matched by a pattern.
//!
//! IDNA does the reading (UTS-46 with STD3 rules, <https://www.unicode.org/reports/tr46/>), then
//! DNS's own limits and our two rules apply: at least two labels, and no IP address. What is kept
//! is the A-label form in lower case, so two ways to write one domain are one value.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::text::text_newtype;

/// Longest input looked at, in bytes. Above every writing of a 253-octet name, and what bounds the
/// time a hostile one can cost.
const MAX_INPUT_BYTES: usize = 1024;

/// Longest domain and longest label, in octets (RFC 1035, 2.3.4; 253 is 255 without the root).
const MAX_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// The text cannot be a tenant's domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// There is nothing in it.
    #[error("domain is empty")]
    Empty,
    /// The whole is longer than 253 characters in its ASCII form.
    #[error("domain is longer than {MAX_BYTES} characters")]
    TooLong,
    /// Two dots in a row, or a dot in front.
    #[error("domain has an empty label")]
    EmptyLabel,
    /// A label is longer than 63 characters in its ASCII form.
    #[error("domain has a label longer than {MAX_LABEL_BYTES} characters")]
    LabelTooLong,
    /// A label begins or ends with a hyphen.
    #[error("domain has a label that begins or ends with a hyphen")]
    HyphenAtEnd,
    /// It is one name without a dot, as `localhost`.
    #[error("domain needs at least two labels, like example.com")]
    OneLabel,
    /// It is an IP address, or would be read as one.
    #[error("domain is an IP address; a name is needed")]
    IpAddress,
    /// A character or a sequence that no domain may have.
    #[error("domain has characters that a domain name may not have")]
    BadCharacters,
}

/// Where a tenant answers: a host name of two labels or more, lower case, in A-label form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Domain {
    /// The domain in `text`, normalised: IDNA to A-labels, lower case, without one trailing dot and
    /// without white space around it.
    /// Linear in the length of `text`, and done at once when that is over 1024 bytes.
    ///
    /// # Errors
    /// When `text` is not a domain name of at least two labels, or is an IP address.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let text = text.trim();
        if text.len() > MAX_INPUT_BYTES {
            return Err(DomainError::TooLong);
        }
        if looks_like_ipv6(text) {
            return Err(DomainError::IpAddress);
        }
        let ascii = to_ascii(text)?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        check_lengths(name)?;
        if name.split('.').any(|label| label.starts_with('-') || label.ends_with('-')) {
            return Err(DomainError::HyphenAtEnd);
        }
        if ends_in_a_number(name) {
            return Err(DomainError::IpAddress);
        }
        if !name.contains('.') {
            return Err(DomainError::OneLabel);
        }
        Ok(Self(name.to_owned()))
    }

    /// The domain as people write it: `xn--bcher-kva.example` becomes `bücher.example`. To show,
    /// never to compare or store.
    #[must_use]
    pub fn to_unicode(&self) -> String {
        let (unicode, read) =
            Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow);
        if read.is_ok() { unicode.into_owned() } else { self.0.clone() }
    }
}

text_newtype!(Domain, DomainError);

/// Lengths and hyphens are checked after this, on the ASCII form, so that the error can name them.
fn to_ascii(text: &str) -> Result<String, DomainError> {
    Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Ignore)
        .map(|ascii| ascii.to_ascii_lowercase())
        .map_err(|_| DomainError::BadCharacters)
}

fn check_lengths(name: &str) -> Result<(), DomainError> {
    if name.is_empty() {
        return Err(DomainError::Empty);
    }
    if name.len() > MAX_BYTES {
        return Err(DomainError::TooLong);
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(DomainError::EmptyLabel);
        }
        if label.len() > MAX_LABEL_BYTES {
            return Err(DomainError::LabelTooLong);
        }
    }
    Ok(())
}

/// `::1`, `[::1]`, `[fe80::1%eth0]`, …: IDNA would refuse these too, but not say why.
fn looks_like_ipv6(text: &str) -> bool {
    let bare = text.strip_prefix('[').map_or(text, |rest| rest.strip_suffix(']').unwrap_or(rest));
    let address = bare.split_once('%').map_or(bare, |(address, _)| address);
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Whether a browser would read the name as an IPv4 address: it does so by the last label alone
/// (<https://url.spec.whatwg.org/#ends-in-a-number-checker>). No top-level domain is a number.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_hex =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    is_hex || last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        Domain::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}")).as_str().to_owned()
    }

    #[test]
    fn takes_ordinary_domains_as_they_are() {
        for name in [
            "demo.example.com",
            "example.co.uk",
            "x.xn--p1ai",
            "a.b",
            "1.example.com",
            "3com.example",
            "r3---sn-apo3qvuoxuxbt-j5pe.example.com",
        ] {
            assert_eq!(parsed(name), name);
        }
    }

    #[test]
    fn normalises_every_writing_to_one() {
        assert_eq!(parsed("Demo.EXAMPLE.com"), "demo.example.com");
        assert_eq!(parsed("example.com."), "example.com");
        assert_eq!(parsed("bücher.example"), "xn--bcher-kva.example");
        assert_eq!(parsed("BÜCHER.example"), "xn--bcher-kva.example");
        assert_eq!(parsed("bu\u{308}cher.example"), "xn--bcher-kva.example");
        assert_eq!(parsed("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
        assert_eq!(parsed("example。com。"), "example.com");
        assert_eq!(parsed("пример.рф"), "xn--e1afmkfd.xn--p1ai");
    }

    #[test]
    fn shows_the_unicode_form() {
        assert_eq!(Domain::parse("xn--bcher-kva.example").unwrap().to_unicode(), "bücher.example");
        assert_eq!(Domain::parse("example.com").unwrap().to_unicode(), "example.com");
    }

    #[test]
    fn refuses_hyphens_at_a_labels_ends() {
        for name in ["a-.com", "-a.com", "a.-com", "a.com-", "-.com", "a.b-.c"] {
            assert_eq!(Domain::parse(name), Err(DomainError::HyphenAtEnd), "{name:?}");
        }
    }

    #[test]
    fn refuses_white_space_and_control_characters() {
        for name in [
            "exa\nmple.com",
            "example\r.com",
            "exa mple.com",
            "example. com",
            "example.com\0",
            "example\u{7f}.com",
            "example\u{85}.com",
            "example\u{2028}.com",
            "example.com\u{202e}",
        ] {
            assert_eq!(Domain::parse(name), Err(DomainError::BadCharacters), "{name:?}");
        }
        assert_eq!(Domain::parse(" example.com\r\n").unwrap().as_str(), "example.com");
    }

    #[test]
    fn refuses_what_sql_urls_or_shells_could_trip_over() {
        for name in [
            "a_b.example.com",
            "a'b.example.com",
            "a\"b.example.com",
            "a;drop.example.com",
            "https://example.com",
            "example.com/x",
            "example.com:443",
            "user@example.com",
            "*.example.com",
            "a\\b.example.com",
            "%65xample.com",
            "xn--.com",
            "xn--a.com",
            "\u{fffd}.com",
        ] {
            assert_eq!(Domain::parse(name), Err(DomainError::BadCharacters), "{name:?}");
        }
    }

    #[test]
    fn refuses_ip_literals() {
        for name in [
            "1.2.3.4",
            "1.2.3.4.",
            "[::1]",
            "::1",
            "[::1",
            "[fe80::1%eth0]",
            "2001:db8::1",
            "::ffff:1.2.3.4",
            "１.２.３.４",
            "example.123",
            "example.0x7f",
            "0x7f000001",
            "2130706433",
            "example.0x",
        ] {
            assert_eq!(Domain::parse(name), Err(DomainError::IpAddress), "{name:?}");
        }
    }

    #[test]
    fn refuses_names_without_enough_labels() {
        for name in ["localhost", "localhost.", "com", "COM.", "bücher"] {
            assert_eq!(Domain::parse(name), Err(DomainError::OneLabel), "{name:?}");
        }
        for name in ["", ".", "\u{ad}"] {
            assert_eq!(Domain::parse(name), Err(DomainError::Empty), "{name:?}");
        }
        for name in [".com", "a..com", "example.com..", ".."] {
            assert_eq!(Domain::parse(name), Err(DomainError::EmptyLabel), "{name:?}");
        }
    }

    #[test]
    fn holds_the_limits_of_dns_at_their_edges() {
        let long = |len: usize| "a".repeat(len);
        let with_total =
            |last: usize| format!("{}.{}.{}.{}", long(63), long(63), long(63), long(last));

        assert_eq!(parsed(&format!("{}.com", long(63))).len(), 67);
        assert_eq!(Domain::parse(&format!("{}.com", long(64))), Err(DomainError::LabelTooLong));
        assert_eq!(parsed(&with_total(61)).len(), 253);
        assert_eq!(parsed(&format!("{}.", with_total(61))).len(), 253);
        assert_eq!(Domain::parse(&with_total(62)), Err(DomainError::TooLong));
    }

    #[test]
    fn measures_labels_in_their_ascii_form() {
        // 40 letters of two bytes each: 80 bytes as written, and fine as an A-label or not at all.
        let fits = format!("{}.example", "é".repeat(40));
        let bursts = format!("{}.example", "é".repeat(63));

        assert!(parsed(&fits).split('.').next().is_some_and(|label| label.len() <= 63));
        assert_eq!(Domain::parse(&bursts), Err(DomainError::LabelTooLong));
    }

    #[test]
    fn gives_up_on_long_input_before_reading_it() {
        for hostile in ["a", "a.", "-", "é", "xn--", ".", "\u{5d0}"] {
            let text = hostile.repeat((1 << 20) / hostile.len());
            assert_eq!(Domain::parse(&text), Err(DomainError::TooLong), "{hostile:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_a_plain_domain_and_its_own_normal_form(
            text in "(?s:.){0,40}|[a-zA-Z0-9.\\-é株ß。\u{200d}]{0,80}|(\\PC{1,12}\\.){1,4}\\PC{1,6}"
        ) {
            if let Ok(domain) = Domain::parse(&text) {
                let name = domain.as_str();
                prop_assert!(name.len() <= 253 && name.contains('.'));
                for label in name.split('.') {
                    prop_assert!((1..=63).contains(&label.len()));
                    prop_assert!(!label.starts_with('-') && !label.ends_with('-'));
                    prop_assert!(label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')));
                }
                prop_assert!(name.parse::<std::net::IpAddr>().is_err());
                prop_assert_eq!(&Domain::parse(name).unwrap(), &domain);
                prop_assert_eq!(&Domain::parse(&domain.to_unicode()).unwrap(), &domain);
            }
        }

        #[test]
        fn letter_case_never_makes_a_second_domain(
            name in "[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z]([a-z0-9]{0,8})){1,3}"
        ) {
            prop_assume!(Domain::parse(&name).is_ok());
            prop_assert_eq!(Domain::parse(&name.to_uppercase()), Domain::parse(&name));
        }
    }
}
