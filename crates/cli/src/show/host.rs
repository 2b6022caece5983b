//! Domains as their owners write them.

/// The domain with its own letters: `xn--bcher-kva.example` is `bücher.example`. A text that is not
/// a domain stays as it is.
pub(crate) fn domain(domain: &str) -> String {
    if !domain.contains("xn--") {
        return domain.to_owned();
    }
    match idna::domain_to_unicode(domain) {
        (letters, Ok(())) => letters,
        (_, Err(_)) => domain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_a_domain_with_its_own_letters() {
        assert_eq!(domain("xn--bcher-kva.example"), "bücher.example");
        assert_eq!(domain("acme.example"), "acme.example");
        assert_eq!(domain("xn--\u{7}.example"), "xn--\u{7}.example");
    }
}
