//! Reads changes of tenants, and holds them against what the registry says now: a patch of one tenant, a list of
//! them, or one for many.

use std::collections::HashMap;

use axum::http::StatusCode;
use domain::{
    FieldErrors, Fields, ItemError, MAX_ITEM_BYTES, SettingsPolicy, TenantId, TenantPatch, Update,
};
use serde_json::{Value, value::RawValue};
use sqlx::PgConnection;
use store::tenants::{self, Conflict, Wanted};

use super::{
    idempotency,
    operation::{missing, wrong},
    read::Slices,
};
use crate::http::problem::{FieldProblem, Problem};

/// Wrong lines of a list that are named.
const NAMED: usize = 100;

/// The fields of a line.
const FIELDS: &str = "id, patch";

/// What is to be changed of a tenant.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) patch: TenantPatch,
    /// As it is recorded.
    pub(crate) update: Update,
    /// The line of the list that asks for it; `None`: the call is about one tenant.
    line: Option<Line>,
}

/// Where in a list something stands.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// From 0, without blank lines.
    place: usize,
    /// From 1.
    number: usize,
}

/// The change of one tenant that `sent` asks for, if it is still at one of the versions `if_match`.
///
/// # Errors
/// 422 with a pointer for each mistake.
pub(crate) fn one(
    sent: &str,
    policy: &SettingsPolicy,
    if_match: Vec<String>,
) -> Result<Change, Problem> {
    let patch = TenantPatch::parse(sent, policy).map_err(|errors| invalid(&errors, ""))?;
    let raw = serde_json::from_str(sent).map_err(|e| Problem::not_json(&e))?;
    let update = Update { if_match, ..patch.record(raw, policy) };
    Ok(Change { patch, update, line: None })
}

/// The change of many tenants that `params` of `POST /operations` asks for.
///
/// # Errors
/// 422 with a pointer for each mistake; for a field that only one tenant can have so, too.
pub(crate) fn of_many(params: &Value, policy: &SettingsPolicy) -> Result<Update, Problem> {
    let fields = params.as_object().ok_or_else(|| wrong("/params", "must be an object"))?;
    let Some(patch) = fields.get("patch") else {
        return Err(missing("/params/patch", "is missing: what is to be changed"));
    };
    if let Some(other) = fields.keys().find(|name| *name != "patch") {
        let pointer = format!("/params/{}", domain::pointer_step(other));
        let message = "there is no such field; `update` has: patch";
        return Err(Problem::invalid_body(&pointer, "unknown_field", message));
    }
    let sent = patch.to_string();
    let patch = TenantPatch::parse(&sent, policy).map_err(|e| invalid(&e, "/params/patch"))?;
    if let Some(field) = patch.field_of_one() {
        let message =
            "is of one tenant: send `PATCH /tenants/{id}`, or a list to `POST /tenants/update`";
        return Err(wrong(&format!("/params/patch/{field}"), message));
    }
    let raw: Box<RawValue> = serde_json::from_str(&sent).map_err(Problem::internal)?;
    Ok(patch.record(&raw, policy))
}

/// Whether `read` has every digit of the JSON document `sent` that it was read from.
pub(crate) fn keeps_its_digits(sent: &str, read: &Value) -> bool {
    idempotency::value_hash(sent) == idempotency::value_hash(&read.to_string())
}

/// The changes of a list, a line each.
///
/// # Errors
/// 422 that names every wrong line, up to 100: nothing is to be recorded then.
pub(crate) fn list(
    lines: &Slices,
    policy: &SettingsPolicy,
) -> Result<(Vec<TenantId>, Vec<Change>), Problem> {
    let mut list = List { policy, ids: Vec::new(), changes: Vec::new(), seen: HashMap::new() };
    let mut errors = Vec::new();
    for (place, sent) in lines.from(0).enumerate() {
        let line = Line { place, number: lines.line_of(place) };
        list.add(line, sent.trim()).unwrap_or_else(|wrong| errors.extend(wrong));
        if errors.len() >= NAMED {
            break;
        }
    }
    match refused(errors) {
        None => Ok((list.ids, list.changes)),
        Some(problem) => Err(problem),
    }
}

/// A list as far as it was read.
struct List<'a> {
    policy: &'a SettingsPolicy,
    ids: Vec<TenantId>,
    changes: Vec<Change>,
    /// The line of each tenant, and of each name that one tenant alone can have.
    seen: HashMap<String, usize>,
}

impl List<'_> {
    fn add(&mut self, line: Line, sent: &str) -> Result<(), Vec<FieldProblem>> {
        let (id, patch) = id_and_patch(line, sent)?;
        let parsed = TenantPatch::parse(patch.get(), self.policy)
            .map_err(|errors| line.problems("/patch", &errors))?;
        self.first("/id", "invalid_field", format!("tenant {id}"), line)?;
        let duplicate = "duplicate_in_batch";
        if let Some(domain) = &parsed.domain {
            self.first("/patch/domain", duplicate, format!("domain {domain}"), line)?;
        }
        if let Some(Some(external_id)) = &parsed.external_id {
            let name = format!("external_id {external_id}");
            self.first("/patch/external_id", duplicate, name, line)?;
        }
        self.ids.push(id);
        let update = parsed.record(patch, self.policy);
        self.changes.push(Change { patch: parsed, update, line: Some(line) });
        Ok(())
    }

    /// Refuses what an earlier line has too.
    fn first(
        &mut self,
        field: &str,
        code: &'static str,
        what: String,
        line: Line,
    ) -> Result<(), Vec<FieldProblem>> {
        match self.seen.insert(what, line.number) {
            None => Ok(()),
            Some(first) => Err(line.problem(field, code, &format!("line {first} has the same"))),
        }
    }
}

fn id_and_patch(line: Line, sent: &str) -> Result<(TenantId, &RawValue), Vec<FieldProblem>> {
    if sent.len() > MAX_ITEM_BYTES {
        let message = format!("it has {} bytes; {MAX_ITEM_BYTES} are allowed", sent.len());
        return Err(line.problem("", "item_too_large", &message));
    }
    let Some(fields) = Fields::of(sent) else {
        return Err(line.problem("", "invalid_field", "it must be an object: {\"id\", \"patch\"}"));
    };
    let known = format!("a line has: {FIELDS}");
    if let Some(twice) = fields.repeated() {
        let field = format!("/{}", domain::pointer_step(twice));
        return Err(line.problem(&field, "repeated_field", &known));
    }
    if let Some(unknown) = fields.names().find(|name| !["id", "patch"].contains(name)) {
        let field = format!("/{}", domain::pointer_step(unknown));
        return Err(line.problem(
            &field,
            "unknown_field",
            &format!("there is no such field; {known}"),
        ));
    }
    let id = fields.get("id").and_then(|id| id.get().parse::<i64>().ok()).filter(|id| *id > 0);
    let Some(id) = id else {
        return Err(line.problem(
            "/id",
            "invalid_field",
            "it must be the id of a tenant, a number",
        ));
    };
    match fields.get("patch") {
        Some(patch) => Ok((TenantId::new(id), patch)),
        None => Err(line.problem("/patch", "missing_field", "patch is missing")),
    }
}

impl Line {
    fn problem(self, field: &str, code: &'static str, message: &str) -> Vec<FieldProblem> {
        let pointer = format!("/{}{field}", self.place);
        let message = format!("line {}: {message}", self.number);
        vec![FieldProblem { pointer, code: code.into(), message }]
    }

    fn problems(self, at: &str, errors: &FieldErrors) -> Vec<FieldProblem> {
        let told = errors.told().iter();
        told.flat_map(|e| self.problem(&format!("{at}{}", e.pointer), e.code, &e.message)).collect()
    }
}

/// 422 that names the lines of wrong tenants: the place of each in the list, a code and why.
pub(super) fn of_wrong_tenants(
    changes: &[Change],
    wrong: impl Iterator<Item = (usize, &'static str, String)>,
) -> Option<Problem> {
    let named = wrong.flat_map(|(place, code, message)| {
        let line = changes.get(place).and_then(|change| change.line);
        line.map(|line| line.problem("/id", code, &message)).unwrap_or_default()
    });
    refused(named.take(NAMED).collect())
}

/// 422 with all of `errors`, or the first of them; `None` without any.
fn refused(mut errors: Vec<FieldProblem>) -> Option<Problem> {
    errors.truncate(NAMED);
    let first = errors.first()?;
    let detail =
        format!("{}; `errors` has all, {NAMED} at most; nothing was recorded", first.message);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Some(Problem::new(status, "invalid_lines", detail).with_errors(errors))
}

/// 422 with a pointer below `at` for each mistake.
fn invalid(errors: &FieldErrors, at: &str) -> Problem {
    let ItemError { code, message, .. } = errors.into();
    let told = errors.told().iter().map(|e| FieldProblem {
        pointer: format!("{at}{}", e.pointer),
        code: e.code.into(),
        message: e.message.clone(),
    });
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code.as_str().to_owned(), message)
        .with_errors(told.collect())
}

/// Refuses changes of tenants that are not as the caller read them, and names that others have by now. Whether
/// a name is free when its turn comes, the stage finds out.
///
/// # Errors
/// Of one tenant 409 or 412; of a list 422 that names the lines.
pub(super) async fn check(
    conn: &mut PgConnection,
    ids: &[TenantId],
    changes: &[Change],
) -> Result<(), Problem> {
    if let ([id], [Change { update: Update { if_match, .. }, .. }]) = (ids, changes)
        && !if_match.is_empty()
    {
        let found =
            tenants::find(conn, *id).await?.ok_or_else(|| Problem::tenant_not_found(*id))?;
        if !if_match.contains(&found.version) {
            let detail = "the tenant was changed after it was read: read it again";
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition_failed",
                detail,
            ));
        }
    }
    let wanted: Vec<Wanted> = ids.iter().zip(changes).filter_map(names).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let conflicts = tenants::conflicts(conn, &wanted).await?;
    let mut errors = Vec::new();
    for (id, change) in ids.iter().zip(changes) {
        let Some((code, field)) = conflicts.get(id).and_then(|conflict| taken(*conflict)) else {
            continue;
        };
        let message = format!("the {field} is in use by another tenant");
        match change.line {
            None => return Err(Problem::new(StatusCode::CONFLICT, code, message)),
            Some(line) => errors.extend(line.problem(&format!("/patch/{field}"), code, &message)),
        }
    }
    refused(errors).map_or(Ok(()), Err)
}

/// The domain and external id that the change asks for, which must be free. Empty: it does not ask for one.
fn names((id, change): (&TenantId, &Change)) -> Option<Wanted> {
    let domain = change.patch.domain.as_ref().map(ToString::to_string);
    let external_id = change.patch.external_id.clone().flatten().map(|id| id.to_string());
    let (schema, is_any) = (String::new(), domain.is_some() || external_id.is_some());
    is_any.then(|| Wanted { id: *id, domain: domain.unwrap_or_default(), schema, external_id })
}

fn taken(conflict: Conflict) -> Option<(&'static str, &'static str)> {
    match conflict {
        Conflict { domain: true, .. } => Some(("domain_taken", "domain")),
        Conflict { external_id: true, .. } => Some(("external_id_taken", "external_id")),
        Conflict { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_loses_digits_is_noticed() {
        for (sent, keeps) in [
            (r#"{"a": 1.50, "b": [1e2, "1.50"]}"#, true),
            (r#"{"a": 12345678901234567890123}"#, false),
            (r#"{"a": 0.1234567890123456789}"#, false),
        ] {
            let read = serde_json::from_str(sent).unwrap();
            assert_eq!(keeps_its_digits(sent, &read), keeps, "{sent}");
        }
    }

    #[test]
    fn every_wrong_line_is_named() {
        let text = "{\"id\":1,\"patch\":{\"domain\":\"a.example\"}}\n\n{\"id\":2}\n[]\n\
            {\"id\":\"3\",\"patch\":{}}\n{\"id\":4,\"patch\":{\"x\":1,\"labels\":[]}}\n\
            {\"id\":5,\"patch\":{\"domain\":\"A.example\"}}\n{\"id\":1,\"patch\":{\"labels\":null}}\n\
            {\"id\":6,\"patch\":{\"labels\":null},\"more\":1}";
        let mut places = Vec::new();
        let mut begin = 0;
        for line in text.split('\n') {
            if !line.is_empty() {
                places.push(begin..begin + line.len());
            }
            begin += line.len() + 1;
        }
        let lines = Slices::new(text.into(), places);

        let problem = list(&lines, &SettingsPolicy::default()).unwrap_err();

        let told = format!("{problem:?}");
        for (pointer, line) in [
            ("/1/patch", "line 3: patch is missing"),
            ("/2", "line 4: it must be an object"),
            ("/3/id", "line 5: it must be the id"),
            ("/4/patch/labels", "line 6: labels must be"),
            ("/4/patch/x", "line 6: there is no such field"),
            ("/5/patch/domain", "line 7: line 1 has the same"),
            ("/6/id", "line 8: line 1 has the same"),
            ("/7/more", "line 9: there is no such field"),
        ] {
            assert!(
                told.contains(&format!("\"{pointer}\"")) && told.contains(line),
                "{line}: {told}"
            );
        }
        assert_eq!(problem.code(), "invalid_lines");
    }
}
