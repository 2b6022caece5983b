//! Admits an operation on tenants that are there, in one transaction; or says what it would be about.

use std::collections::HashMap;

use axum::http::StatusCode;
use contract::MigrateParams;
use domain::{
    Delete, Direction, Kind, Migrate, OperationId, RotateKeys, Selector, TenantId, TenantState,
    Version,
};
use engine::control::{self, Asked};
use queue::Bell;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use sqlx::PgConnection;
use store::{
    operations::Selected,
    tenants::{self, Barred, Place},
    workers,
};
use tracing::info;

use super::{
    changes,
    idempotency::{self, Key},
    operation::{AskedOperation, Params, Tenants},
    parse,
};
use crate::{
    context::Context,
    http::{
        auth::Caller,
        problem::{FieldProblem, Problem},
    },
};

/// Wrong tenants of a list that are named.
const NAMED: usize = 100;

/// What became of the request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is this operation, now or since an earlier request.
    Operation(OperationId),
    /// It would be about these tenants.
    Looked(Selected),
    /// No tenant needs it; so many were asked for and have all of it.
    Nothing(u64),
}

/// Admits `asked`, or looks.
///
/// # Errors
/// 403 when the caller's role is too low for the kind; 409 when a digest is missing or no longer fits, or when the set is left out and not clear; 422 when a
/// tenant, set or version is not there; 503 when the database does not answer.
pub(crate) async fn ask(
    cx: &Context,
    caller: &Caller,
    asked: &AskedOperation,
    key: Option<Key<'_>>,
) -> Result<Outcome, Problem> {
    caller.may(asked.kind.role())?;
    seen(asked)?;
    let id = OperationId::mint();
    let mut tx = cx.pool().begin().await?;
    if let Some(key) = key.filter(|_| !asked.dry_run) {
        let days = cx.settings.retention.idempotency_days;
        if let Some(first) = idempotency::replayed(&mut tx, caller.id, &key, id, days).await? {
            return Ok(Outcome::Operation(first));
        }
    }
    parse::check_run_at(asked.run_at)?;
    let (params, head) = params(cx, &mut tx, &asked.params).await?;
    let (listed, selector) = match &asked.tenants {
        Tenants::One(id) => (Some(std::slice::from_ref(id)), &Selector::default()),
        Tenants::Listed(ids) => (Some(&**ids), &Selector::default()),
        Tenants::Selected(selector) => (None, selector),
    };
    check(&mut tx, asked, listed.unwrap_or_default()).await?;
    let inputs = inputs(&mut tx, asked, listed.unwrap_or_default()).await?;
    let with_version = with_version(&mut tx, selector).await?;
    let wanted = Asked {
        id,
        kind: asked.kind,
        params: &params,
        tenants: listed,
        inputs: inputs.as_deref(),
        selector,
        with_version: &with_version,
        but_at: head.as_ref(),
        run_at: asked.run_at,
        rollout: asked.rollout.as_ref(),
        created_by: Some(caller.id),
    };
    let outcome = match asked.dry_run {
        true => Outcome::Looked(control::look(&mut tx, &wanted).await?),
        false => admit(&mut tx, caller, &wanted, asked.digest.as_deref()).await?,
    };
    match outcome {
        Outcome::Operation(_) => {
            tx.commit().await?;
            cx.ring(Bell::Jobs).await;
            info!(operation.id = %id, operation.kind = %asked.kind, "operation {id} submitted");
        }
        Outcome::Nothing(_) => {
            drop(tx);
            control::nothing_to_migrate(&cx.pool(), caller.by(), &wanted).await?;
        }
        Outcome::Looked(_) => {}
    }
    Ok(outcome)
}

/// Whether the caller has seen which tenants a selector fits.
fn seen(asked: &AskedOperation) -> Result<(), Problem> {
    let is_bulk = match asked.tenants {
        Tenants::Selected(_) => true,
        Tenants::Listed(_) => asked.kind == Kind::Delete,
        Tenants::One(_) => false,
    };
    if !is_bulk || asked.dry_run || asked.digest.is_some() {
        return Ok(());
    }
    let detail = "a selector can fit more tenants than you expect: send the request with \
        `\"dry_run\": true`, look at the count, and send it with the `digest` of that answer";
    Err(Problem::new(StatusCode::CONFLICT, "digest_required", detail))
}

async fn admit(
    conn: &mut PgConnection,
    caller: &Caller,
    wanted: &Asked<'_>,
    digest: Option<&str>,
) -> Result<Outcome, Problem> {
    if control::admit(conn, caller.by(), wanted, digest).await? {
        return Ok(Outcome::Operation(wanted.id));
    }
    let anywhere = Asked { but_at: None, ..wanted.clone() };
    Ok(Outcome::Nothing(control::look(conn, &anywhere).await?.tenants))
}

/// The parameters as they are recorded, and the place at which a tenant needs nothing.
async fn params(
    cx: &Context,
    conn: &mut PgConnection,
    asked: &Params,
) -> Result<(Value, Option<Place>), Problem> {
    let recorded = match asked {
        Params::Migrate(asked) => return migrate(cx, conn, asked).await,
        Params::Suspend(asked) => serde_json::to_value(asked),
        Params::Delete(asked) => {
            let rules = cx.settings.deletion;
            serde_json::to_value(Delete {
                grace_days: asked.grace_days.or(Some(rules.grace_days)),
                name_hold_days: asked.name_hold_days.or(Some(rules.name_hold_days)),
                ..asked.clone()
            })
        }
        Params::UpdateAll(asked) => serde_json::to_value(changes::of_many(asked, &cx.policy)?),
        Params::RotateKeys(asked) => {
            let usual = cx.settings.keys.rotation_overlap_hours;
            let overlap_hours = asked.overlap_hours.or(Some(usual));
            serde_json::to_value(RotateKeys { overlap_hours, ..asked.clone() })
        }
        Params::RevokeKeys(asked) => serde_json::to_value(asked),
        Params::UpdateEach(_) | Params::Nothing => Ok(json!({})),
    };
    Ok((recorded.map_err(Problem::internal)?, None))
}

/// What the item of each listed tenant has to know beside the parameters.
async fn inputs(
    conn: &mut PgConnection,
    asked: &AskedOperation,
    ids: &[TenantId],
) -> Result<Option<Vec<Box<RawValue>>>, Problem> {
    let Params::UpdateEach(each) = &asked.params else { return Ok(None) };
    changes::check(conn, ids, each).await?;
    let inputs = each.iter().map(|change| to_raw_value(&change.update));
    inputs.collect::<Result<_, _>>().map(Some).map_err(Problem::internal)
}

/// The parameters of a migration, with its set; and the place at which a tenant needs none.
async fn migrate(
    cx: &Context,
    conn: &mut PgConnection,
    asked: &MigrateParams,
) -> Result<(Value, Option<Place>), Problem> {
    let direction = asked.direction;
    let set = match &asked.set {
        Some(set) => set.clone(),
        None => the_workers_set(workers::live_sets(conn, Kind::Migrate, cx.dead_after()).await?)?,
    };
    let Some(versions) = workers::set_versions(conn, &set).await? else {
        let message = format!("no worker has registered the set {set}");
        return Err(Problem::invalid_body("/params/set", "unknown_set", &message));
    };
    let to = asked.to.as_deref().map(|to| target(&versions, to)).transpose()?;
    let head = (direction == Direction::Up)
        .then(|| Place { set_hash: set.clone(), version: versions.last().map(Version::new) });
    let migrate = Migrate { direction, set, to, allow_drift: asked.allow_drift };
    let params = serde_json::to_value(migrate).map_err(Problem::internal)?;
    Ok((params, head))
}

/// How far back `to` is, as the set spells it: `1` is `0001`.
fn target(versions: &[String], to: &str) -> Result<String, Problem> {
    let version = Version::new(to);
    match versions.iter().find(|known| version == known.as_str()) {
        Some(known) if to != "none" => Ok(known.clone()),
        // Both stand for the time before the first.
        _ if to == "none" || version == "0" => Ok(to.to_owned()),
        _ => {
            let message = format!("the set has no version {to}; `none` takes all of them back");
            Err(Problem::invalid_body("/params/to", "unknown_version", &message))
        }
    }
}

/// Where a schema has the version that `selector` asks to be below.
async fn with_version(conn: &mut PgConnection, selector: &Selector) -> Result<Vec<Place>, Problem> {
    let Some(version) = selector.version_below.as_deref() else { return Ok(Vec::new()) };
    tenants::places_with(conn, &Version::new(version)).await?.ok_or_else(|| {
        let message = format!("no registered set of migrations has the version {version}");
        Problem::invalid_body("/selector/version_below", "unknown_version", &message)
    })
}

/// The only one of `sets`.
fn the_workers_set(mut sets: Vec<String>) -> Result<String, Problem> {
    match (sets.len(), sets.pop()) {
        (1, Some(set)) => Ok(set),
        (_, None) => {
            let detail = "no worker runs, so it is not clear which set of migrations is meant: start \
                `tenantry-worker`, or name the set in `params`";
            Err(Problem::new(StatusCode::CONFLICT, "no_set", detail))
        }
        (_, Some(last)) => {
            sets.push(last);
            let detail = format!(
                "the workers have several sets of migrations; name one in `params`: {}",
                sets.join(", ")
            );
            Err(Problem::new(StatusCode::CONFLICT, "several_sets", detail))
        }
    }
}

/// Whether each listed tenant is there, in a state that the kind can be about.
async fn check(
    conn: &mut PgConnection,
    asked: &AskedOperation,
    ids: &[TenantId],
) -> Result<(), Problem> {
    if ids.is_empty() {
        return Ok(());
    }
    let states = tenants::states(conn, ids).await?;
    let barred = match asked.kind {
        Kind::Delete | Kind::Undelete => tenants::barred(conn, ids).await?,
        _ => HashMap::new(),
    };
    let wrong = ids.iter().enumerate().filter_map(|(place, id)| {
        let (code, message) = wrong(asked, (&states, &barred), *id)?;
        Some((place, code, message))
    });
    if let (Params::UpdateEach(each), Tenants::Listed(_)) = (&asked.params, &asked.tenants) {
        return changes::of_wrong_tenants(each, wrong).map_or(Ok(()), Err);
    }
    let errors: Vec<FieldProblem> = wrong
        .map(|(place, code, message)| FieldProblem {
            pointer: format!("/tenants/{place}"),
            code: code.into(),
            message,
        })
        .take(NAMED)
        .collect();
    let Some(first) = errors.first() else { return Ok(()) };
    if let Tenants::One(id) = asked.tenants {
        return Err(match states.contains_key(&id) {
            true => Problem::new(StatusCode::CONFLICT, first.code.clone(), &first.message),
            false => Problem::tenant_not_found(id),
        });
    }
    let detail = format!("{}: {}; `errors` has all, {NAMED} at most", first.pointer, first.message);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Err(Problem::new(status, "invalid_tenants", detail).with_errors(errors))
}

fn wrong(
    asked: &AskedOperation,
    (states, barred): (&HashMap<TenantId, TenantState>, &HashMap<TenantId, Barred>),
    id: TenantId,
) -> Option<(&'static str, String)> {
    match (states.get(&id), barred.get(&id)) {
        (None, _) => Some(("tenant_not_found", format!("there is no tenant {id}"))),
        (Some(TenantState::Deleting), Some(Barred::Begun)) => {
            Some(("drop_has_begun", format!("tenant {id} is being dropped: nothing takes it back")))
        }
        (Some(_), Some(Barred::Protected)) if asked.kind == Kind::Delete => {
            Some(("deletion_protected", format!("tenant {id} is protected from deletion")))
        }
        (Some(state), _) if asked.kind.states().contains(state) => None,
        (Some(state), _) => Some((
            "wrong_tenant_state",
            format!("tenant {id} is {state}: `{}` is not for it", asked.kind),
        )),
    }
}
