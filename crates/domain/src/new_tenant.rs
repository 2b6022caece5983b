//! One tenant as it was asked for, parsed.

use serde_json::Value;

use crate::{
    Code, Domain, ExternalId, FieldError, FieldErrors, Labels, SchemaName, SchemaNameError,
    Settings, SettingsPolicy, TenantName, codes,
    fields::{Fields, tree},
    text,
};

/// Every field a tenant in a request can have.
const FIELDS: [&str; 7] =
    ["tenant_name", "domain", "schema_name", "description", "settings", "external_id", "labels"];

/// One tenant as it was asked for: every field parsed, every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTenant {
    /// What people call it.
    pub name: TenantName,
    /// Where it answers.
    pub domain: Domain,
    /// Its schema; absent when it is to be derived from the id.
    pub schema: Option<SchemaName>,
    /// What it is for: at most 4000 characters; of the control characters only tab and line ends.
    pub description: Option<String>,
    /// The caller's own id for it.
    pub external_id: Option<ExternalId>,
    /// What it may use.
    pub settings: Settings,
    /// What it can be selected by.
    pub labels: Labels,
}

impl NewTenant {
    /// The tenant that `request` (one element of `tenants` in the body, as JSON) asks for. A field
    /// that is `null` is taken as absent.
    ///
    /// # Errors
    /// What is wrong with it, in the order of the fields; then what the installation's own rules of
    /// names refuse; unknown fields last.
    pub fn parse(request: &str, policy: &SettingsPolicy) -> Result<Self, FieldErrors> {
        Self::parse_with(request, policy, &[])
    }

    /// The same where the document has `more` fields, which are left to the caller.
    pub(crate) fn parse_with(
        request: &str,
        policy: &SettingsPolicy,
        more: &[&str],
    ) -> Result<Self, FieldErrors> {
        let Some(fields) = Fields::of(request) else {
            return Err(FieldError::wrong_type("", "an object").into());
        };
        let mut reader = Reader { fields: &fields, errors: FieldErrors::default() };
        let name =
            reader.required("tenant_name", TenantName::parse, |_| codes::INVALID_TENANT_NAME);
        let domain = reader.required("domain", Domain::parse, |_| codes::INVALID_DOMAIN);
        let schema = reader.optional("schema_name", SchemaName::parse, SchemaNameError::code);
        let description =
            reader.optional("description", text::description, |_| codes::INVALID_DESCRIPTION);
        let external_id =
            reader.optional("external_id", ExternalId::parse, |_| codes::INVALID_EXTERNAL_ID);
        let mut errors = reader.errors;
        let settings = policy.resolve(fields.get("settings")).map_err(|e| errors.append(e)).ok();
        let labels = Labels::resolve(fields.get("labels")).map_err(|e| errors.append(e)).ok();
        errors.append(policy.names.refused(name.as_ref(), domain.as_ref(), schema.as_ref()));
        let known = [&FIELDS[..], more].concat();
        let names = known.join(", ");
        let twice = format!("a field is there twice; a tenant has: {names}");
        let unknown = format!("there is no such field; a tenant has: {names}");
        errors.append(fields.strangers("", &known, &twice, &unknown));
        match (name, domain, settings, labels) {
            (Some(name), Some(domain), Some(settings), Some(labels)) if errors.is_empty() => {
                Ok(Self { name, domain, schema, description, external_id, settings, labels })
            }
            _ => Err(errors),
        }
    }

    /// Whether its schema is spelled so.
    pub(crate) fn has_schema(&self, spelled: &str) -> bool {
        self.schema.as_ref().is_some_and(|schema| schema.as_str() == spelled)
    }
}

/// Reads fields that are texts, and keeps what is wrong with them.
pub(crate) struct Reader<'a> {
    pub(crate) fields: &'a Fields<'a>,
    pub(crate) errors: FieldErrors,
}

impl Reader<'_> {
    /// `None` when an error was recorded.
    fn required<T, E: ToString>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, E>,
        code: impl Fn(&E) -> Code,
    ) -> Option<T> {
        if self.fields.get(field).is_none() {
            self.errors.push(|| {
                let message = format!("{field} is missing");
                FieldError::new(format!("/{field}"), &codes::MISSING_FIELD, message)
            });
        }
        self.optional(field, parse, code)
    }

    /// `None` when the field is absent or an error was recorded.
    pub(crate) fn optional<T, E: ToString>(
        &mut self,
        field: &str,
        parse: impl Fn(&str) -> Result<T, E>,
        code: impl Fn(&E) -> Code,
    ) -> Option<T> {
        let pointer = format!("/{field}");
        let error = match tree(self.fields.get(field)?) {
            Value::String(text) => match parse(&text) {
                Ok(parsed) => return Some(parsed),
                Err(error) => FieldError::new(pointer, &code(&error), error),
            },
            _ => FieldError::wrong_type(&pointer, "a string"),
        };
        self.errors.push(|| error);
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(request: &Value) -> Result<NewTenant, FieldErrors> {
        NewTenant::parse(&request.to_string(), &SettingsPolicy::default())
    }

    fn refused(request: Value) -> Vec<(String, &'static str)> {
        let errors = parse(&request).unwrap_err();
        errors.told().iter().map(|e| (e.pointer.clone(), e.code)).collect()
    }

    fn one(pointer: &str, code: &'static str) -> Vec<(String, &'static str)> {
        vec![(pointer.to_owned(), code)]
    }

    #[test]
    fn reads_every_field_into_its_normal_form() {
        let request = json!({
            "tenant_name": "Acme, Inc.",
            "domain": "Acme.Example.com.",
            "schema_name": "ACME",
            "description": "first\nof many",
            "external_id": "cus_7",
            "settings": {"metadata": {"plan": "gold"}},
            "labels": {"tier": "gold"},
        });

        let tenant = parse(&request).unwrap();

        assert_eq!(tenant.name.as_str(), "Acme, Inc.");
        assert_eq!(tenant.domain.as_str(), "acme.example.com");
        assert_eq!(tenant.schema.unwrap().as_str(), "acme");
        assert_eq!(tenant.description.unwrap(), "first\nof many");
        assert_eq!(tenant.external_id.unwrap().as_str(), "cus_7");
        assert_eq!(tenant.settings.metadata.as_json(), r#"{"plan":"gold"}"#);
        assert_eq!(tenant.labels.pairs().collect::<Vec<_>>(), [("tier", "gold")]);
    }

    #[test]
    fn takes_null_for_absent() {
        let request = json!({
            "tenant_name": "Acme", "domain": "acme.example", "schema_name": null,
            "description": null, "external_id": null, "settings": null,
        });

        let tenant = parse(&request).unwrap();

        assert_eq!((tenant.schema, tenant.description, tenant.external_id), (None, None, None));
        assert_eq!(
            refused(json!({"tenant_name": null, "domain": "a.b"})),
            one("/tenant_name", "missing_field")
        );
    }

    #[test]
    fn each_kind_of_mistake_has_its_code_and_place() {
        for (field, value, code) in [
            ("tenant_name", json!(" "), "invalid_tenant_name"),
            ("tenant_name", json!(["x"]), "invalid_field"),
            ("domain", json!("exam ple.com"), "invalid_domain"),
            ("domain", json!({}), "invalid_field"),
            ("schema_name", json!("a b"), "invalid_schema_name"),
            ("schema_name", json!("x".repeat(64)), "invalid_schema_name"),
            ("schema_name", json!("Public"), "reserved_schema_name"),
            ("schema_name", json!(1), "invalid_field"),
            ("description", json!("\u{0}"), "invalid_description"),
            ("external_id", json!(""), "invalid_external_id"),
            ("settings", json!("x"), "invalid_settings"),
            ("labels", json!("x"), "invalid_field"),
            ("schema", json!("acme"), "unknown_field"),
        ] {
            let mut request = json!({"tenant_name": "Acme", "domain": "acme.example"});
            request[field] = value;

            assert_eq!(refused(request), one(&format!("/{field}"), code));
        }
    }

    #[test]
    fn says_everything_that_is_wrong_at_once() {
        let errors = refused(json!({"domain": "localhost", "settings": {"x/y": 1}, "~": 0}));

        let expected = [
            ("/tenant_name", "missing_field"),
            ("/domain", "invalid_domain"),
            ("/settings/x~1y", "unknown_field"),
            ("/~0", "unknown_field"),
        ];
        assert_eq!(errors, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for request in [json!(null), json!("acme"), json!([]), json!(1)] {
            assert_eq!(refused(request), one("", "invalid_field"));
        }
    }

    #[test]
    fn names_a_field_that_is_there_twice() {
        let twice = r#"{"tenant_name": "A", "domain": "a.example", "tenant_name": "B"}"#;

        let errors = NewTenant::parse(twice, &SettingsPolicy::default()).unwrap_err();

        assert_eq!(
            (errors.told()[0].pointer.as_str(), errors.told()[0].code),
            ("/tenant_name", "repeated_field")
        );
    }

    #[test]
    fn never_repeats_the_callers_value() {
        let hostile = "hunter2<script>\u{0}";
        let request = json!({
            "tenant_name": hostile, "domain": hostile, "schema_name": hostile,
            "description": hostile, "external_id": hostile, hostile: hostile,
            "settings": {"features": [hostile], "limits": {hostile: 1}, "metadata": hostile},
        });

        let errors = parse(&request).unwrap_err();

        assert_eq!(errors.told().len(), 9);
        assert!(errors.told().iter().all(|e| !e.message.contains("hunter2")), "{errors:?}");
    }

    proptest! {
        #[test]
        fn is_a_tenant_or_at_least_one_error_with_a_known_code(
            name in "(?s:.){0,20}", domain in "(?s:.){0,20}", schema in "(?s:.){0,70}",
        ) {
            let request = json!({"tenant_name": name, "domain": domain, "schema_name": schema});
            if let Err(errors) = parse(&request) {
                prop_assert!(!errors.is_empty());
                for error in errors.told() {
                    prop_assert!(Code::from(error.code.to_owned()).meaning().is_some());
                }
            }
        }
    }
}
