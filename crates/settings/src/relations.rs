//! Values that are fine alone and wrong together.

use toml::Value;

use crate::{error::Problem, load::Checked};

/// Every contradiction. A value that is missing because it was wrong alone is
/// not reported again.
pub(crate) fn problems(checked: &Checked) -> Vec<Problem> {
    let mut problems: Vec<_> = dead_too_soon(checked).into_iter().collect();
    problems.extend(no_lane_for_new_tenants(checked));
    problems.extend(room_for_one_body(checked));
    problems.extend(keys_outlive_batches(checked));
    problems.extend(two_urls(checked));
    problems.extend(unavailable_features(checked));
    problems.extend(limits_too_high(checked));
    problems
}

/// One lost heartbeat must not make a worker dead.
fn dead_too_soon(checked: &Checked) -> Option<Problem> {
    let (beat, dead) = ("worker.heartbeat_ms", "worker.dead_after_ms");
    let (beat_ms, dead_ms) = (checked.number(beat)?, checked.number(dead)?);
    if dead_ms >= 2 * beat_ms {
        return None;
    }
    let (beat_place, dead_place) = (checked.place(beat), checked.place(dead));
    let problem = if checked.is_default(dead) {
        Problem::new(
            beat_place,
            format!("is {beat_ms}, more than half of {dead_place} = {dead_ms}"),
        )
    } else {
        let least = 2 * beat_ms;
        let reason = format!("twice {beat_place} = {beat_ms}");
        Problem::new(dead_place, format!("must be {least} or more ({reason}), is {dead_ms}"))
    };
    Some(problem)
}

/// A fleet migration must leave a lane to new tenants, where there is more than one.
fn no_lane_for_new_tenants(checked: &Checked) -> Option<Problem> {
    let (fleet, all) = ("worker.fleet_lanes", "worker.concurrency");
    let (fleet_lanes, lanes) = (checked.number(fleet)?, checked.number(all)?);
    if fleet_lanes <= (lanes - 1).max(1) {
        return None;
    }
    let message = format!("is {fleet_lanes}, must be less than {} = {lanes}", checked.place(all));
    Some(Problem::new(checked.place(fleet), message))
}

/// A body of the allowed size must fit among the bodies in memory.
fn room_for_one_body(checked: &Checked) -> Option<Problem> {
    let (one, all) = ("api.max_body_bytes", "api.max_bodies_bytes");
    let (one_bytes, all_bytes) = (checked.number(one)?, checked.number(all)?);
    if all_bytes >= one_bytes {
        return None;
    }
    let (one_place, all_place) = (checked.place(one), checked.place(all));
    let problem = if checked.is_default(all) {
        Problem::new(one_place, format!("is {one_bytes}, above {all_place} = {all_bytes}"))
    } else {
        let message = format!("is {all_bytes}, below {one_place} = {one_bytes}");
        Problem::new(all_place, message)
    };
    Some(problem)
}

/// An idempotency key answers with its batch, so the batch must be there as long as the key.
fn keys_outlive_batches(checked: &Checked) -> Option<Problem> {
    let (key, batch) = ("retention.idempotency_days", "retention.operations_days");
    let (key_days, batch_days) = (checked.number(key)?, checked.number(batch)?);
    if batch_days == 0 || key_days <= batch_days {
        return None;
    }
    let message = format!("is {key_days}, above {} = {batch_days}", checked.place(batch));
    Some(Problem::new(checked.place(key), message))
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
            let value = checked.number(path)?;
            let max_path = format!("tenants.max_limits.{name}");
            let message = match checked.number(&max_path) {
                Some(max) if value <= max => return None,
                Some(max) => format!("is {value}, above {} = {max}", checked.place(&max_path)),
                None => format!("has no highest value: set {max_path} too"),
            };
            Some(Problem::new(checked.place(path), message))
        })
        .collect()
}

impl Checked {
    fn number(&self, path: &str) -> Option<i64> {
        self.value(path).and_then(Value::as_integer)
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
