//! Times and domains as people and programs read them.

use std::time::Duration;

use chrono::{DateTime, Local, SecondsFormat, Utc};

use super::or_dash;

/// A moment in the reader's own time zone, to the second, with that zone's distance from UTC:
/// `2026-11-26 07:33:47+01:00`, in UTC itself `2026-11-26 06:33:47Z`.
pub(crate) fn short_time(at: Option<DateTime<Utc>>) -> String {
    or_dash(at.map(|at| {
        let local = at.with_timezone(&Local).fixed_offset();
        local.to_rfc3339_opts(SecondsFormat::Secs, true).replacen('T', " ", 1)
    }))
}

/// A time as people say it: `85 ms`, `4.2 s`, `3 min 20 s`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 60.0 => format!("{s:.1} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), (s % 60.0).floor()),
    }
}

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
    fn says_times_as_people_do() {
        for (ms, said) in
            [(85, "85 ms"), (4_210, "4.2 s"), (200_000, "3 min 20 s"), (119_700, "1 min 59 s")]
        {
            assert_eq!(duration(Duration::from_millis(ms)), said);
        }
    }

    #[test]
    fn a_moment_has_its_time_zone() {
        let said = short_time(Some(DateTime::UNIX_EPOCH));

        assert_eq!(said.parse::<DateTime<Utc>>().unwrap(), DateTime::UNIX_EPOCH, "{said}");
        assert_eq!(short_time(None), "–");
    }

    #[test]
    fn writes_a_domain_with_its_own_letters() {
        assert_eq!(domain("xn--bcher-kva.example"), "bücher.example");
        assert_eq!(domain("acme.example"), "acme.example");
        assert_eq!(domain("xn--\u{7}.example"), "xn--\u{7}.example");
    }
}
