//! Names in the environment that are nearly ours: a setting that is silently not in force.

use std::collections::BTreeMap;

use crate::{
    Problem,
    catalogue::KEYS,
    check::env_form,
    layers::{CONFIG_DIR_VAR, CONFIG_FILE_VAR, PATH_PREFIX},
    profile::PROFILE_VAR,
};

/// Start of every name that is ours alone.
const OURS: &str = "TENANTRY_";

/// Names that other parts of the product read.
const ELSEWHERE: &[&str] = &["TENANTRY_URL", "TENANTRY_TOKEN", "TENANTRY_CRASH_AT"];

/// Names of this length or more are taken for ours when two letters differ; shorter ones, one letter.
const LONG: usize = 16;

/// Every name that begins like ours and is not, or is a misspelt name of a setting that is not set.
pub(crate) fn problems(env: &BTreeMap<String, String>) -> Vec<Problem> {
    let known = known();
    let wrong = env.keys().filter(|name| !known.contains(name) && !name.starts_with(PATH_PREFIX));
    wrong
        .filter_map(|name| {
            let nearest = nearest(name, &known)?;
            let ours = name.starts_with(OURS) && !is_service_link(name, env);
            let misspelt = nearest.1 <= if name.len() < LONG { 1 } else { 2 }
                && !env.contains_key(nearest.0)
                // Other programs have names like it.
                && !nearest.0.starts_with("DATABASE_URL");
            let message = format!("not a setting; the nearest one is {}", nearest.0);
            (ours || (misspelt && !name.starts_with(OURS))).then(|| Problem::new(name, message))
        })
        .collect()
}

/// Kubernetes gives a container the addresses of the services beside it: for one that is called
/// `tenantry-api`, `TENANTRY_API_SERVICE_HOST` and others.
fn is_service_link(name: &str, env: &BTreeMap<String, String>) -> bool {
    let services = env.keys().filter_map(|other| other.strip_suffix("_SERVICE_HOST"));
    services.into_iter().any(|service| {
        let rest = name.strip_prefix(service);
        rest.is_some_and(|rest| rest.starts_with("_SERVICE_") || rest.starts_with("_PORT"))
    })
}

fn known() -> Vec<String> {
    let own = KEYS.iter().filter_map(|key| key.env).map(str::to_owned);
    let paths = KEYS.iter().map(|key| env_form(key.path));
    let others = ELSEWHERE.iter().copied().chain([PROFILE_VAR, CONFIG_DIR_VAR, CONFIG_FILE_VAR]);
    own.chain(paths).chain(others.map(str::to_owned)).collect()
}

/// The known name that is most like this one, and how many letters differ; two that changed places
/// are one.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<(&'a String, usize)> {
    let distance = |other: &'a String| (other, strsim::osa_distance(name, other));
    known.iter().map(distance).min_by_key(|(_, distance)| *distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<(String, String)> {
        let env = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        problems(&env).into_iter().map(|it| (it.key, it.message)).collect()
    }

    #[test]
    fn a_name_with_one_underscore_is_told_the_right_one() {
        for (wrong, right) in [
            ("TENANTRY_WORKER_CONCURRENCY", "TENANTRY__WORKER__CONCURRENCY"),
            ("TENANTRY_MASTERKEY", "TENANTRY_MASTER_KEY"),
            ("TENANTRY_PROFIL", "TENANTRY_PROFILE"),
            ("MAX_TENANTS_PER_BATCHES", "MAX_TENANTS_PER_BATCH"),
            ("API_KEY_LENGHT", "API_KEY_LENGTH"),
        ] {
            let problems = found(&[wrong]);

            assert_eq!(problems.len(), 1, "{wrong}: {problems:?}");
            assert!(problems[0].0 == wrong && problems[0].1.contains(right), "{problems:?}");
        }
    }

    #[test]
    fn the_right_names_and_those_of_others_are_no_trouble() {
        for names in [
            &["TENANTRY_MASTER_KEY", "TENANTRY_URL", "TENANTRY_TOKEN", "TENANTRY_CONFIG_DIR"][..],
            &["DATABASE_URL", "DATABASE_URI", "DATABASE_URLS", "PATH", "HOME", "API_KEY", "LANG"],
            &["MAX_TENANTS_PER_BATCH", "MAX_TENANTS_PER_BATCHES"],
            &["TENANTRY__WORKER__CONCURRENCY", "TENANTRY__TENANTS__MAX_LIMITS__MAX_USERS"],
            &["TENANTRY_API_SERVICE_HOST", "TENANTRY_API_PORT", "TENANTRY_API_PORT_8080_TCP"],
        ] {
            assert_eq!(found(names), [], "{names:?}");
        }
    }
}
