//! What is asked of a schema that is there and is to become a tenant's.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Code, FieldError, FieldErrors, Fields, NewTenant, SettingsPolicy, codes, fields::tree,
    version::MAX_VERSION_CHARACTERS,
};

/// The fields of an import beside those of a tenant.
pub(crate) const FIELDS: [&str; 5] =
    ["baseline", "allow_drift", "suspended", "api_key_sha256", "api_key_last4"];

/// Accepts every difference.
const ALL: &str = "all";

/// Objects that an import may name as allowed to differ.
const MOST_ALLOWED: usize = 1000;

/// How a schema becomes a tenant's, beside the names and settings of the tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Import {
    /// The version that the schema is at; `none`: nothing is applied. Left out: the newest version that makes
    /// what is in the schema.
    pub baseline: Option<String>,
    /// Objects that may differ from the baseline, as a refusal names them; `all`: any.
    pub allow_drift: Vec<String>,
    /// Whether the tenant is suspended from the first.
    pub suspended: bool,
    /// The SHA-256, in hexadecimal, of an API key that the tenant has already. Left out: it gets a new one.
    pub api_key_sha256: Option<String>,
    /// The last characters of that key, for people; 4 at most.
    pub api_key_last4: Option<String>,
}

impl Import {
    /// The import that `request`, a JSON document, asks for, and its tenant.
    ///
    /// # Errors
    /// The first 20 mistakes, and the number of all.
    pub fn parse(request: &str, policy: &SettingsPolicy) -> Result<(NewTenant, Self), FieldErrors> {
        let tenant = NewTenant::parse_with(request, policy, &FIELDS);
        let mut errors = FieldErrors::default();
        let fields = Fields::of(request).unwrap_or_default();
        let mut wrong = |field: &str, code: Code, message: &str| {
            errors.push(|| FieldError::new(format!("/{field}"), &code, message));
        };
        let text = |field: &str| fields.get(field).map(tree);
        match text("schema_name") {
            None => wrong("schema_name", codes::MISSING_FIELD, "schema_name is missing"),
            // Another spelling is another schema.
            Some(Value::String(name)) if matches!(&tenant, Ok(it) if !it.has_schema(&name)) => {
                let message = "schema_name must be spelled as the schema is; rename a schema whose name is \
                    not of letters a-z, digits and _";
                wrong("schema_name", codes::INVALID_SCHEMA_NAME, message);
            }
            Some(_) => {}
        }
        let fits = |value: &Value, most: usize| {
            value.as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= most)
        };
        if text("baseline").is_some_and(|it| !fits(&it, MAX_VERSION_CHARACTERS)) {
            wrong("baseline", codes::INVALID_FIELD, "baseline must be a version, or `none`");
        }
        let allowed = |it: &Value| match it {
            Value::Array(all) => all.len() <= MOST_ALLOWED && all.iter().all(|it| fits(it, 500)),
            _ => false,
        };
        if text("allow_drift").is_some_and(|it| !allowed(&it)) {
            let message =
                "allow_drift must be a list of objects, as a refusal names them, or [\"all\"]";
            wrong("allow_drift", codes::INVALID_FIELD, message);
        }
        let names_some =
            text("allow_drift").is_some_and(|it| it.as_array().is_some_and(|it| !it.is_empty()));
        if names_some && text("baseline").is_none() {
            let message = "baseline must be there too: what may differ differs from a version";
            wrong("baseline", codes::MISSING_FIELD, message);
        }
        if text("suspended").is_some_and(|it| !it.is_boolean()) {
            wrong("suspended", codes::INVALID_FIELD, "suspended must be true or false");
        }
        if text("api_key_sha256").is_some_and(|it| it.as_str().and_then(sha256).is_none()) {
            let message = "api_key_sha256 must be 64 hexadecimal digits";
            wrong("api_key_sha256", codes::INVALID_FIELD, message);
        }
        if text("api_key_last4").is_some_and(|it| !fits(&it, 4)) {
            let message = "api_key_last4 must be 1 to 4 characters";
            wrong("api_key_last4", codes::INVALID_FIELD, message);
        }
        let tenant = match tenant {
            Ok(tenant) if errors.is_empty() => tenant,
            Ok(_) => return Err(errors),
            Err(mut of_tenant) => {
                of_tenant.append(errors);
                return Err(of_tenant);
            }
        };
        let import = Self::read(request).unwrap_or_default();
        Ok((tenant, import))
    }

    /// The import that a `request` asks for which was accepted; `None` when it is not JSON of that form.
    #[must_use]
    pub fn read(request: &str) -> Option<Self> {
        let mut document: Value = serde_json::from_str(request).ok()?;
        // `null` stands for left out.
        document.as_object_mut()?.retain(|_, value| !value.is_null());
        serde_json::from_value(document).ok()
    }

    /// Whether the object may differ.
    #[must_use]
    pub fn allows(&self, object: &str) -> bool {
        self.allow_drift.iter().any(|allowed| allowed == ALL || allowed == object)
    }

    /// The hash of the key that the tenant has already.
    #[must_use]
    pub fn key_hash(&self) -> Option<[u8; 32]> {
        self.api_key_sha256.as_deref().and_then(sha256)
    }
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(more: &Value) -> Vec<(String, &'static str)> {
        let mut request = json!({ "tenant_name": "A", "domain": "a.example", "schema_name": "a" });
        let fields = request.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        match Import::parse(&request.to_string(), &SettingsPolicy::default()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.told().iter().map(|e| (e.pointer.clone(), e.code)).collect(),
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (more, expected) in [
            (json!({}), None),
            (json!({ "baseline": null, "suspended": null, "allow_drift": null }), None),
            (json!({ "schema_name": null }), Some(("/schema_name", "missing_field"))),
            (json!({ "schema_name": "Acme" }), Some(("/schema_name", "invalid_schema_name"))),
            (json!({ "schema_name": "acme-1" }), Some(("/schema_name", "invalid_schema_name"))),
            (json!({ "schema_name": "public" }), Some(("/schema_name", "reserved_schema_name"))),
            (json!({ "baseline": 3 }), Some(("/baseline", "invalid_field"))),
            (json!({ "allow_drift": "all" }), Some(("/allow_drift", "invalid_field"))),
            (json!({ "allow_drift": ["all"] }), Some(("/baseline", "missing_field"))),
            (json!({ "suspended": "yes" }), Some(("/suspended", "invalid_field"))),
            (json!({ "api_key_sha256": "00" }), Some(("/api_key_sha256", "invalid_field"))),
            (json!({ "api_key_last4": "12345" }), Some(("/api_key_last4", "invalid_field"))),
            (json!({ "drop": true }), Some(("/drop", "unknown_field"))),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(at, code)| (at.to_owned(), code)).collect();
            assert_eq!(refused(&more), expected, "{more}");
        }
    }

    #[test]
    fn what_may_differ_is_named() {
        let request = json!({ "tenant_name": "A", "domain": "a.example", "schema_name": "a",
            "allow_drift": ["table x"], "api_key_sha256": "ff".repeat(32), "baseline": "0002" });

        let (_, import) = Import::parse(&request.to_string(), &SettingsPolicy::default()).unwrap();

        assert_eq!(import.baseline.as_deref(), Some("0002"));
        assert!(import.allows("table x") && !import.allows("table y"));
        assert_eq!(import.key_hash(), Some([255; 32]));
        assert!(Import { allow_drift: vec!["all".into()], ..import }.allows("table y"));
    }
}
