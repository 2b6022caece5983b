//! Values that are fine alone and wrong together.

use toml::Value;

use crate::{error::Problem, load::Checked};

/// Every contradiction. A value that is missing because it was wrong alone is
/// not reported again.
pub(crate) fn problems(checked: &Checked) -> Vec<Problem> {
    let rules =
        [dead_too_soon, no_lane_for_new_tenants, room_for_one_body, keys_outlive_batches, two_urls];
    let mut problems: Vec<_> = rules.iter().filter_map(|rule| rule(checked)).collect();
    problems.extend(unavailable_features(checked));
    problems.extend(limits_too_high(checked));
    problems
}

/// One lost heartbeat must not make a worker dead.
fn dead_too_soon(checked: &Checked) -> Option<Problem> {
    let (beat_ms, beat) = checked.number("worker.heartbeat_ms")?;
    let (dead_ms, dead) = checked.number("worker.dead_after_ms")?;
    if dead_ms >= 2 * beat_ms {
        return None;
    }
    Some(if checked.is_default("worker.dead_after_ms") {
        Problem::new(beat, format!("is {beat_ms}, more than half of {dead} = {dead_ms}"))
    } else {
        let (least, reason) = (2 * beat_ms, format!("twice {beat} = {beat_ms}"));
        Problem::new(dead, format!("must be {least} or more ({reason}), is {dead_ms}"))
    })
}

/// A fleet migration must leave a lane to new tenants, where there is more than one.
fn no_lane_for_new_tenants(checked: &Checked) -> Option<Problem> {
    let (fleet_lanes, fleet) = checked.number("worker.fleet_lanes")?;
    let (lanes, all) = checked.number("worker.concurrency")?;
    let message = format!("is {fleet_lanes}, must be less than {all} = {lanes}");
    (fleet_lanes > (lanes - 1).max(1)).then(|| Problem::new(fleet, message))
}

/// A body of the allowed size must fit among the bodies in memory.
fn room_for_one_body(checked: &Checked) -> Option<Problem> {
    let (one_bytes, one) = checked.number("api.max_body_bytes")?;
    let (all_bytes, all) = checked.number("api.max_bodies_bytes")?;
    if all_bytes >= one_bytes {
        return None;
    }
    Some(if checked.is_default("api.max_bodies_bytes") {
        Problem::new(one, format!("is {one_bytes}, above {all} = {all_bytes}"))
    } else {
        Problem::new(all, format!("is {all_bytes}, below {one} = {one_bytes}"))
    })
}

/// An idempotency key answers with its batch, so the batch must be there as long as the key.
fn keys_outlive_batches(checked: &Checked) -> Option<Problem> {
    let (key_days, key) = checked.number("retention.idempotency_days")?;
    let (batch_days, batch) = checked.number("retention.operations_days")?;
    let message = format!("is {key_days}, above {batch} = {batch_days}");
    (batch_days != 0 && key_days > batch_days).then(|| Problem::new(key, message))
}

fn two_urls(checked: &Checked) -> Option<Problem> {
    let (url, file) = ("database.url", "database.url_file");
    checked.value(url)?;
    checked.value(file)?;
    let message = format!("is set beside {}: set one of the two", checked.place(url));
    Some(Problem::new(checked.place(file), message))
}

fn unavailable_features(checked: &Checked) -> Vec<Problem> {
    let defaults = checked.texts("tenants.default_features");
    let (Some(defaults), Some(available)) = (defaults, checked.texts("tenants.available_features"))
    else {
        return Vec::new();
    };
    let place = checked.place("tenants.default_features");
    let missing = defaults.iter().filter(|feature| !available.contains(feature));
    missing
        .map(|feature| {
            let list = checked.place("tenants.available_features");
            let known = available.join(", ");
            let message = format!("`{feature}` is not an available feature; {list} has: {known}");
            Problem::new(&place, message)
        })
        .collect()
}

fn limits_too_high(checked: &Checked) -> Vec<Problem> {
    let defaults = checked.under("tenants.default_limits.");
    defaults
        .filter_map(|(path, name)| {
            let (value, place) = checked.number(path)?;
            let max_path = format!("tenants.max_limits.{name}");
            let message = match checked.number(&max_path) {
                Some((max, _)) if value <= max => return None,
                Some((max, max_place)) => format!("is {value}, above {max_place} = {max}"),
                None => format!("has no highest value: set {max_path} too"),
            };
            Some(Problem::new(place, message))
        })
        .collect()
}

impl Checked {
    /// The path's number, and the name its author wrote it under.
    fn number(&self, path: &str) -> Option<(i64, String)> {
        Some((self.value(path)?.as_integer()?, self.place(path)))
    }

    fn texts(&self, path: &str) -> Option<Vec<&str>> {
        Some(self.value(path)?.as_array()?.iter().filter_map(Value::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Profile, Settings};

    #[test]
    fn a_fleet_leaves_a_lane_to_new_tenants() {
        let settings = |env: &[(&str, &str)]| {
            let env = env
                .iter()
                .map(|(key, value)| (format!("TENANTRY__WORKER__{key}"), (*value).to_owned()));
            Settings::from_env_map(Profile::Default, env)
        };
        let lanes = |env| settings(env).unwrap().worker.fleet_lanes();

        assert_eq!(lanes(&[]), 2);
        assert_eq!(lanes(&[("CONCURRENCY", "1")]), 1);
        assert_eq!(lanes(&[("CONCURRENCY", "1"), ("FLEET_LANES", "1")]), 1);
        assert_eq!(lanes(&[("CONCURRENCY", "16"), ("FLEET_LANES", "15")]), 15);
        let refused = settings(&[("FLEET_LANES", "4")]).unwrap_err().to_string();
        assert!(
            refused.contains("TENANTRY__WORKER__FLEET_LANES: is 4, must be less than"),
            "{refused}"
        );
    }
}
