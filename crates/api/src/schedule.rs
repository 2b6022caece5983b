//! When a batch is to be set going.

use chrono::{DateTime, TimeDelta, Utc};

use crate::problem::Problem;

/// Farthest a batch may be put off, in days: its names are reserved all the while.
const FARTHEST_DAYS: i64 = 30;

/// `text` as a moment.
///
/// # Errors
/// 422 when it is none.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, Problem> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| {
            refused(&format!(
                "must be a time as RFC 3339 writes it, with a zone, within the next {FARTHEST_DAYS} days"
            ))
        })
}

/// Whether a batch can still be put off to `run_at`. Asked only of a new submission: one that is
/// sent again must find its batch even when the time has come.
///
/// # Errors
/// 422 when it is past, or too far away.
pub(crate) fn check(run_at: Option<DateTime<Utc>>) -> Result<(), Problem> {
    let Some(run_at) = run_at else { return Ok(()) };
    let now = Utc::now();
    if run_at <= now {
        return Err(refused("must be in the future; leave it out to start at once"));
    }
    if run_at > now + TimeDelta::days(FARTHEST_DAYS) {
        return Err(refused(&format!("must be within the next {FARTHEST_DAYS} days")));
    }
    Ok(())
}

fn refused(message: &str) -> Problem {
    Problem::invalid_body("/run_at", "invalid_run_at", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_time_in_any_zone_and_nothing_else() {
        assert_eq!(parse("2030-01-31T06:00:00+02:00").unwrap().to_rfc3339()[11..13], *"04");
        for nonsense in ["", "tomorrow", "2030-01-31", "2030-01-31T06:00:00", "1893456000"] {
            let problem = format!("{:?}", parse(nonsense).unwrap_err());
            assert!(problem.contains("invalid_run_at"), "{problem}");
            // any moment given as an example would be too far away, or past
            assert!(problem.contains("with a zone, within the next 30 days"), "{problem}");
            assert!(!problem.contains("20"), "{problem}");
        }
    }

    #[test]
    fn puts_off_into_the_future_and_no_farther_than_a_month() {
        let after = |secs| check(Some(Utc::now() + TimeDelta::seconds(secs))).is_ok();

        assert!(check(None).is_ok() && after(60) && after(29 * 86_400));
        assert!(!after(-1) && !after(31 * 86_400));
    }
}
