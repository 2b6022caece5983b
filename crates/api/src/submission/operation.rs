//! Reads what is asked of tenants that are there: the body of `POST /operations`.

use chrono::{DateTime, Utc};
use contract::{MigrateParams, OperationPolicy};
use domain::{
    Delete, DeleteError, Direction, KeysError, Kind, RevokeKeys, Rollout, RotateKeys, Selector,
    Suspend, SuspendError, TenantId, TenantState,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{changes::Change, parse, selector};
use crate::http::problem::Problem;

/// The fields of the body.
const FIELDS: &str = "kind, tenants, selector, params, policy, run_at, dry_run, digest";

/// What is asked, as far as the body alone can be checked.
#[derive(Debug)]
pub(crate) struct AskedOperation {
    pub(crate) kind: Kind,
    pub(crate) params: Params,
    pub(crate) tenants: Tenants,
    /// In which waves, if in any.
    pub(crate) rollout: Option<Rollout>,
    /// Not to be set going before.
    pub(crate) run_at: Option<DateTime<Utc>>,
    /// Only to be looked at.
    pub(crate) dry_run: bool,
    /// Of the kind, params and tenants that the caller has seen.
    pub(crate) digest: Option<String>,
}

/// What the kind has to know.
#[derive(Debug)]
pub(crate) enum Params {
    Migrate(MigrateParams),
    /// One patch for all, not yet read.
    UpdateAll(Value),
    /// A change of each of the tenants that are listed.
    UpdateEach(Vec<Change>),
    Suspend(Suspend),
    Delete(Delete),
    RotateKeys(RotateKeys),
    RevokeKeys(RevokeKeys),
    Nothing,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Tenants {
    /// The call names it.
    One(TenantId),
    Listed(Vec<TenantId>),
    Selected(Selector),
}

impl AskedOperation {
    /// An operation that begins at once, on tenants that the call itself names.
    pub(crate) fn at_once(kind: Kind, params: Params, tenants: Tenants) -> Self {
        Self { kind, params, tenants, rollout: None, run_at: None, dry_run: false, digest: None }
    }

    /// What `body` asks for; `most` tenants can be listed.
    ///
    /// # Errors
    /// 422 with the pointer of what is wrong, 413 when too many tenants are listed.
    pub(crate) fn read(body: Value, most: usize) -> Result<Self, Problem> {
        if has_nul(&body) {
            let message = "a text has the character U+0000, which no database can store";
            return Err(Problem::invalid_body("", "invalid_field", message));
        }
        let Value::Object(mut fields) = body else {
            let message = format!("the body must be an object with the fields {FIELDS}");
            return Err(Problem::invalid_body("", "invalid_field", &message));
        };
        fields.retain(|_, value| !value.is_null());
        let kind =
            kind(&text(&mut fields, "kind")?.ok_or_else(|| missing("/kind", "is missing"))?)?;
        let params = params(kind, fields.remove("params"))?;
        let run_at = text(&mut fields, "run_at")?.as_deref().map(parse::run_at).transpose()?;
        if kind.interrupts() && run_at.is_some() {
            return Err(wrong("/run_at", &format!("`{kind}` takes effect when it is accepted")));
        }
        let policy = fields.remove("policy").map(|it| read::<OperationPolicy>("/policy", &it));
        let rollout = rollout(kind, policy.transpose()?.unwrap_or_default())?;
        let asked = Self {
            kind,
            params,
            rollout,
            tenants: tenants(kind, &mut fields, most)?,
            run_at,
            dry_run: match fields.remove("dry_run") {
                None => false,
                Some(Value::Bool(dry_run)) => dry_run,
                Some(_) => return Err(wrong("/dry_run", "must be true or false")),
            },
            digest: text(&mut fields, "digest")?,
        };
        match fields.keys().next() {
            None => Ok(asked),
            Some(unknown) => Err(Problem::unknown_field(unknown, FIELDS)),
        }
    }
}

pub(crate) fn wrong(pointer: &str, message: &str) -> Problem {
    Problem::invalid_body(pointer, "invalid_field", message)
}

pub(super) fn missing(pointer: &str, message: &str) -> Problem {
    Problem::invalid_body(pointer, "missing_field", message)
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        _ => false,
    }
}

fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(&format!("/{name}"), "must be a string")),
    }
}

/// A struct; `serde` would read one from a list of its fields too.
pub(crate) fn read<T: DeserializeOwned>(pointer: &str, value: &Value) -> Result<T, Problem> {
    if !value.is_object() {
        return Err(wrong(pointer, "must be an object"));
    }
    T::deserialize(value).map_err(|e| wrong(pointer, &e.to_string()))
}

/// A kind that is about tenants that are there.
fn kind(word: &str) -> Result<Kind, Problem> {
    let refused = |message: &str| Problem::invalid_body("/kind", "invalid_kind", message);
    match word.parse::<Kind>() {
        Ok(Kind::Provision) => {
            Err(refused("`provision` makes tenants: send them to POST /tenants/batch"))
        }
        Ok(Kind::Import) => {
            Err(refused("`import` makes tenants of schemas: send them to POST /tenants/import"))
        }
        Ok(Kind::Purge) => {
            Err(refused("`purge` follows a `delete` when its grace is over, which can be 0 days"))
        }
        Ok(kind) => Ok(kind),
        Err(_) => {
            let kinds = Kind::ALL.iter().filter(|kind| kind.is_asked_for());
            let words: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
            Err(refused(&format!("`{word}` is not a kind; there is: {}", words.join(", "))))
        }
    }
}

fn params(kind: Kind, params: Option<Value>) -> Result<Params, Problem> {
    match (kind, params) {
        (Kind::Migrate, Some(params)) => migrate(params).map(Params::Migrate),
        (Kind::Migrate, None) => {
            Err(missing("/params", "is missing; for `migrate` at least {\"direction\": \"up\"}"))
        }
        (Kind::Update, Some(params)) => Ok(Params::UpdateAll(params)),
        (Kind::Update, None) => {
            Err(missing("/params", "is missing; for `update` it is {\"patch\": {…}}"))
        }
        (Kind::Suspend, params) => suspension("/params", params).map(Params::Suspend),
        (Kind::RotateKeys, params) => rotation(params).map(Params::RotateKeys),
        (Kind::RevokeKeys, params) => revocation(params).map(Params::RevokeKeys),
        (Kind::Delete, params) => {
            let asked = params.map_or(Ok(Delete::default()), |params| read("/params", &params))?;
            deletion("/params", asked).map(Params::Delete)
        }
        (_, None) => Ok(Params::Nothing),
        (_, Some(params)) => match params {
            Value::Object(fields) if fields.is_empty() => Ok(Params::Nothing),
            _ => Err(wrong("/params", &format!("`{kind}` has none"))),
        },
    }
}

/// Why and until when tenants are to be suspended, as the value at `pointer` says.
pub(crate) fn suspension(pointer: &str, params: Option<Value>) -> Result<Suspend, Problem> {
    let suspend: Suspend =
        params.map_or(Ok(Suspend::default()), |params| read(pointer, &params))?;
    suspend.checked(Utc::now()).map_err(|error| {
        let field = match error {
            SuspendError::Reason => "reason",
            SuspendError::Until => "until",
        };
        wrong(&format!("{pointer}/{field}"), &error.to_string())
    })
}

/// Why and when tenants are to be deleted, as the value at `pointer` says.
pub(crate) fn deletion(pointer: &str, asked: Delete) -> Result<Delete, Problem> {
    asked.checked().map_err(|error| {
        let field = match error {
            DeleteError::Reason => "reason",
            DeleteError::Grace => "grace_days",
            DeleteError::NameHold => "name_hold_days",
        };
        wrong(&format!("{pointer}/{field}"), &error.to_string())
    })
}

fn rotation(params: Option<Value>) -> Result<RotateKeys, Problem> {
    let rotate: RotateKeys = params.map_or(Ok(RotateKeys::default()), |it| read("/params", &it))?;
    rotate.check().map_err(|error| wrong_keys("/params", error))?;
    Ok(rotate)
}

fn revocation(params: Option<Value>) -> Result<RevokeKeys, Problem> {
    let revoke: RevokeKeys = params.map_or(Ok(RevokeKeys::default()), |it| read("/params", &it))?;
    revoke.check().map_err(|error| wrong_keys("/params", error))?;
    Ok(revoke)
}

/// What is wrong with the keys that the value at `pointer` asks for.
pub(crate) fn wrong_keys(pointer: &str, error: KeysError) -> Problem {
    let field = match error {
        KeysError::Overlap => "overlap_hours",
        KeysError::Expiry => "expires_days",
        KeysError::CreatedBefore => "created_before",
    };
    wrong(&format!("{pointer}/{field}"), &error.to_string())
}

fn migrate(params: Value) -> Result<MigrateParams, Problem> {
    let params: MigrateParams = read("/params", &params)?;
    if params.direction == Direction::Up && params.to.is_some() {
        return Err(wrong("/params/to", "is of a way down; `up` goes to the end of the set"));
    }
    Ok(params)
}

/// The waves of a migration.
fn rollout(kind: Kind, policy: OperationPolicy) -> Result<Option<Rollout>, Problem> {
    let Some(rollout) = policy.rollout else { return Ok(None) };
    if kind != Kind::Migrate {
        return Err(wrong("/policy/rollout", "only `migrate` goes in waves"));
    }
    rollout.check().map_err(|error| wrong("/policy/rollout", &error.to_string()))?;
    Ok(Some(rollout))
}

fn tenants(kind: Kind, fields: &mut Map<String, Value>, most: usize) -> Result<Tenants, Problem> {
    match (fields.remove("tenants"), fields.remove("selector")) {
        (Some(listed), None) => listed_ones(listed, most).map(Tenants::Listed),
        (None, Some(selector)) => {
            let selector = selector::read(&selector)?;
            let unfit = |state: &TenantState| !kind.states().contains(state);
            if let Some(place) = selector.status.iter().position(unfit) {
                let fit: Vec<&str> = kind.states().iter().map(|state| state.as_str()).collect();
                let message = format!("`{kind}` is for tenants that are {}", fit.join(" or "));
                return Err(wrong(&format!("/selector/status/{place}"), &message));
            }
            Ok(Tenants::Selected(selector))
        }
        (Some(_), Some(_)) => Err(wrong("/selector", "`tenants` is there too: send one of them")),
        (None, None) => Err(missing("/tenants", "send `tenants` (ids) or `selector`")),
    }
}

fn listed_ones(listed: Value, most: usize) -> Result<Vec<TenantId>, Problem> {
    let Value::Array(listed) = listed else {
        return Err(wrong("/tenants", "must be a list of ids"));
    };
    if listed.is_empty() {
        return Err(wrong("/tenants", "must have at least one id"));
    }
    if listed.len() > most {
        return Err(Problem::too_many_listed(most));
    }
    let id = |(place, id): (usize, Value)| match id.as_i64() {
        Some(id) if id > 0 => Ok(TenantId::new(id)),
        _ => Err(wrong(&format!("/tenants/{place}"), "must be the id of a tenant, a number")),
    };
    listed.into_iter().enumerate().map(id).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(body: &Value) -> String {
        let problem = AskedOperation::read(body.clone(), 3).unwrap_err();
        let pointer = format!("{problem:?}");
        let pointer = pointer.split("pointer: \"").nth(1).and_then(|it| it.split('"').next());
        format!("{} {}", problem.code(), pointer.unwrap_or_default())
    }

    #[test]
    fn every_wrong_field_is_named() {
        let up = json!({ "direction": "up" });
        let all = json!({ "all": true });
        for (body, expected) in [
            (json!([]), "invalid_field "),
            (json!({ "params": up, "selector": all }), "missing_field /kind"),
            (json!({ "kind": "provision" }), "invalid_kind /kind"),
            (json!({ "kind": "explode" }), "invalid_kind /kind"),
            (json!({ "kind": "migrate", "selector": all }), "missing_field /params"),
            (
                json!({ "kind": "migrate", "params": { "direction": "sideways" } }),
                "invalid_field /params",
            ),
            (
                json!({ "kind": "migrate", "params": { "direction": "up", "to": "1" } }),
                "invalid_field /params/to",
            ),
            (json!({ "kind": "migrate", "params": up }), "missing_field /tenants"),
            (json!({ "kind": "migrate", "params": up, "tenants": [] }), "invalid_field /tenants"),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [1, "x"] }),
                "invalid_field /tenants/1",
            ),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [0] }),
                "invalid_field /tenants/0",
            ),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [1, 2, 3, 4] }),
                "too_many_tenants ",
            ),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [1], "selector": all }),
                "invalid_field /selector",
            ),
            (json!({ "kind": "migrate", "params": up, "selector": {} }), "invalid_field /selector"),
            (
                json!({ "kind": "migrate", "params": up, "selector": { "feature": "a\u{0}" } }),
                "invalid_field ",
            ),
            (
                json!({ "kind": "migrate", "params": up, "selector": { "status": ["active", "archived"] } }),
                "invalid_field /selector/status/1",
            ),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [1], "dry_run": "yes" }),
                "invalid_field /dry_run",
            ),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [1], "run_at": "soon" }),
                "invalid_run_at /run_at",
            ),
            (
                json!({ "kind": "migrate", "params": up, "tenants": [1], "mode": "atomic" }),
                "unknown_field /mode",
            ),
        ] {
            assert_eq!(told(&body), expected, "{body}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_told_in_the_words_of_an_operation() {
        let body = json!({ "kind": "resume", "tenants": [1, 2, 3, 4] });

        let told = format!("{:?}", AskedOperation::read(body, 3).unwrap_err());

        assert!(told.contains("an operation lists at most 3 tenants"), "{told}");
        assert!(!told.contains("several batches"), "{told}");
    }

    #[test]
    fn null_stands_for_left_out() {
        let body = json!({ "kind": "migrate", "params": { "direction": "down", "to": "none" },
            "tenants": [7], "selector": null, "digest": null });

        let asked = AskedOperation::read(body, 3).unwrap();

        assert_eq!(asked.tenants, Tenants::Listed(vec![TenantId::new(7)]));
        assert_eq!((asked.dry_run, asked.digest, asked.run_at), (false, None, None));
    }
}
