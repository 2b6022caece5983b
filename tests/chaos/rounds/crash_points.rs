//! The named points at which a worker can be made to abort, by what brings a worker there.

/// The steps of a plan that makes a tenant visible, in their order.
pub(super) const STEPS: &[&str] = &[
    "create_role",
    "create_schema",
    "apply_migrations",
    "grant_access",
    "write_own_row",
    "verify",
    "issue_key",
    "activate",
];

/// The last of the steps above has no part in all-or-nothing batches.
const BUILD_STEPS: usize = 7;

/// Any item of a batch in which each stands for itself brings a worker here.
pub(super) fn of_an_item() -> Vec<String> {
    let steps = STEPS.iter().flat_map(|step| [format!("before:{step}"), format!("after:{step}")]);
    let rest = ["after:claim", "before_commit:provision", "after_commit:provision"];
    let settle = ["before:settle", "after:settle"];
    steps.chain(rest.iter().chain(&settle).map(|point| (*point).to_owned())).collect()
}

/// An item that cannot be made does.
pub(super) const OF_A_FAILURE: &[&str] = &["before_end:failed", "after_end:failed"];

/// An item that is begun when its batch is cancelled does.
pub(super) const OF_A_CANCEL: &[&str] = &["before_end:cancelled", "after_end:cancelled"];

/// Any item of an all-or-nothing batch does.
pub(super) const OF_BUILDING: &[&str] = &["before_commit:build", "after_commit:build"];

/// The last built item of an all-or-nothing batch does.
pub(super) const OF_ACTIVATING: &[&str] =
    &["before_commit:activate_batch", "after_commit:activate_batch"];

/// The failure of an item of an all-or-nothing batch does.
pub(super) const OF_TURNING_BACK: &[&str] = &["before_commit:turn_back", "after_commit:turn_back"];

/// A built item that is to be undone does.
pub(super) fn of_undoing() -> Vec<String> {
    let steps = STEPS[..BUILD_STEPS].iter();
    let steps =
        steps.flat_map(|step| [format!("before_undo:{step}"), format!("after_undo:{step}")]);
    let rest = ["before_undo_commit:build", "after_undo_commit:build"];
    let end = ["before_end:rolled_back", "after_end:rolled_back"];
    steps.chain(rest.iter().chain(&end).map(|point| (*point).to_owned())).collect()
}

/// An item that migrates a tenant does.
pub(super) const OF_A_MIGRATION: &[&str] = &[
    "before:migrate_schema",
    "after:migrate_schema",
    "before_commit:migrate",
    "after_commit:migrate",
];

/// An item that suspends a tenant does.
pub(super) const OF_A_SUSPENSION: &[&str] =
    &["before:set_door", "after:set_door", "before_commit:suspend", "after_commit:suspend"];

/// An item that resumes a tenant does, beside the step of a suspension.
pub(super) const OF_A_RESUMPTION: &[&str] =
    &["before:mark_active", "after:mark_active", "before_commit:resume", "after_commit:resume"];

/// An item that changes a tenant does.
pub(super) const OF_AN_UPDATE: &[&str] =
    &["before:change_tenant", "after:change_tenant", "before_commit:update", "after_commit:update"];

/// An item that rotates a tenant's API keys does.
pub(super) const OF_A_ROTATION: &[&str] = &[
    "before:rotate_tenant_keys",
    "after:rotate_tenant_keys",
    "before_commit:rotate_keys",
    "after_commit:rotate_keys",
];

/// An item that revokes a tenant's API keys does.
pub(super) const OF_A_REVOCATION: &[&str] = &[
    "before:revoke_tenant_keys",
    "after:revoke_tenant_keys",
    "before_commit:revoke_keys",
    "after_commit:revoke_keys",
];

/// An item that deletes a tenant does, beside the step of a suspension.
pub(super) const OF_A_DELETION: &[&str] = &["before_commit:delete", "after_commit:delete"];

/// An item that undeletes a tenant does.
pub(super) const OF_AN_UNDELETION: &[&str] =
    &["before:take_back", "after:take_back", "before_commit:undelete", "after_commit:undelete"];

/// An item that drops a large tenant does: a small one has no portions.
pub(super) const OF_A_PURGE: &[&str] = &[
    "before:begin_purge",
    "after:begin_purge",
    "before_commit:begin",
    "after_commit:begin",
    "before:drop_portions",
    "after:drop_portions",
    "before:drop_tenant",
    "after:drop_tenant",
    "before:erase",
    "after:erase",
    "before_commit:drop",
    "after_commit:drop",
];

/// An item that migrates a tenant up does where the set is cut into segments: one in a transaction, one
/// outside of any.
pub(super) const OF_SEGMENTS_UP: &[&str] = &[
    "before:run_segment",
    "after:run_segment",
    "before_commit:up_0",
    "after_commit:up_0",
    "before:run_outside",
    "after:run_outside",
    "after_work:up_1",
    "after_checkpoint:up_1",
    "before:record_segment",
    "after:record_segment",
    "before_commit:up_1_recorded",
    "after_commit:up_1_recorded",
    "before:finish_migration",
    "after:finish_migration",
    "before_commit:finish",
    "after_commit:finish",
];

/// The same on the way down, with the same steps in another order.
pub(super) const OF_SEGMENTS_DOWN: &[&str] = &[
    "after_work:down_0",
    "after_checkpoint:down_0",
    "before_commit:down_0_recorded",
    "after_commit:down_0_recorded",
    "before_commit:down_1",
    "after_commit:down_1",
];

/// Kinds of points that a worker comes to where a tenant is in another database:
/// `crates/engine/tests/two_stages` has them.
#[cfg(test)]
const ELSEWHERE: &[&str] = &["after_raise"];

/// Steps of imports and releases, which no round asks for: each is one transaction beside a look, and
/// `crates/operations/tests/import` has what is left after each of its steps.
#[cfg(test)]
const OF_AN_IMPORT: &[&str] = &["compare_schema", "release_schema"];

/// A worker that fills the pool of spares does.
pub(super) const OF_BUILDING_SPARES: &[&str] =
    &["before:build_spares", "before_commit:build_spares", "after_commit:build_spares"];

/// A worker with spares and items does.
pub(super) const OF_TAKING_SPARES: &[&str] = &["before:take_spare", "after:take_spare"];

/// A worker with spares that it is to have none of does.
pub(super) const OF_DROPPING_SPARES: &[&str] = &["before:drop_spare", "before_commit:drop_spare"];

/// All of them.
#[cfg(test)]
fn all() -> Vec<String> {
    let fixed = [
        OF_A_FAILURE,
        OF_A_CANCEL,
        OF_BUILDING,
        OF_ACTIVATING,
        OF_TURNING_BACK,
        OF_A_MIGRATION,
        OF_A_SUSPENSION,
        OF_A_RESUMPTION,
        OF_A_DELETION,
        OF_AN_UNDELETION,
        OF_A_PURGE,
        OF_AN_UPDATE,
        OF_A_ROTATION,
        OF_A_REVOCATION,
        OF_SEGMENTS_UP,
        OF_SEGMENTS_DOWN,
        OF_BUILDING_SPARES,
        OF_TAKING_SPARES,
        OF_DROPPING_SPARES,
    ]
    .concat();
    let fixed = fixed.into_iter().map(ToOwned::to_owned);
    of_an_item().into_iter().chain(of_undoing()).chain(fixed).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// What stands between `from` and the next quote, everywhere below `dir`.
    fn named(dir: &str, from: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(dir);
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(path).unwrap();
                names.extend(
                    text.split(from)
                        .skip(1)
                        .filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned)),
                );
            }
        }
        names
    }

    #[test]
    fn every_step_and_every_kind_of_point_in_the_code_has_its_crash() {
        let points = all();
        let kinds: BTreeSet<_> =
            points.iter().filter_map(|point| point.split(':').next()).map(str::to_owned).collect();
        let steps = STEPS.iter().chain(&["take_spare"]);
        let steps: BTreeSet<_> = steps.map(|step| (*step).to_owned()).collect();
        let worker = named("crates/worker/src", "crash_point(\"");
        let mut engine = named("crates/engine/src", "crash_point(\"");
        engine.extend(named("crates/engine/src/control", "crash_point(\""));
        let elsewhere: BTreeSet<_> = ELSEWHERE.iter().map(|kind| (*kind).to_owned()).collect();
        let migrate = named("crates/operations/src", "StepName::new(\"");

        assert_eq!(named("crates/operations/src/steps", "StepName::new(\""), steps);
        let of_an_import = OF_AN_IMPORT.iter().map(|step| (*step).to_owned()).collect();
        for step in &migrate - &of_an_import {
            for point in [format!("before:{step}"), format!("after:{step}")] {
                assert!(points.contains(&point), "{point}");
            }
        }
        assert_eq!(&worker | &engine, &kinds | &elsewhere);
        for call in [
            "crates/worker/src",
            "crates/engine/src",
            "crates/engine/src/control",
            "crates/operations/src",
        ] {
            for kind in named(call, "crash_point(\"") {
                for name in named(call, &format!("crash_point(\"{kind}\", \"")) {
                    assert!(points.contains(&format!("{kind}:{name}")), "{kind}:{name}");
                }
            }
        }
    }

    #[test]
    fn no_point_is_named_twice() {
        let distinct: BTreeSet<_> = all().into_iter().collect();

        assert_eq!(distinct.len(), all().len());
    }
}
