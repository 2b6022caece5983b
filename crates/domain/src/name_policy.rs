//! What this installation lets its tenants be called: narrower than the rules of the registry, never
//! wider. Names that Tenantry derives are not asked.

use std::collections::BTreeSet;

use regex::Regex;

use crate::{Code, Domain, FieldError, FieldErrors, SchemaName, TenantName, codes};

/// A regular expression that has to match the whole of a text.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    whole: Regex,
}

impl Pattern {
    /// The pattern in `text`, in the syntax of the crate `regex`.
    ///
    /// # Errors
    /// When it is not a regular expression, or a very large one.
    pub fn parse(text: &str) -> Result<Self, regex::Error> {
        Ok(Self { text: text.to_owned(), whole: Regex::new(&format!(r"\A(?:{text})\z"))? })
    }

    fn fits(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// What this installation lets its tenants be called. The default refuses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamePolicy {
    /// What a tenant's name has to match (`tenants.name_pattern`).
    pub name_pattern: Option<Pattern>,
    /// What a schema name in a request has to match (`tenants.schema_name_pattern`).
    pub schema_name_pattern: Option<Pattern>,
    /// Domains that a tenant's domain is, or lies below (`tenants.domain_suffixes`), as A-labels in
    /// lower case; empty: any.
    pub domain_suffixes: Vec<String>,
    /// Names in lower case that no tenant, no schema and no first label of a domain has
    /// (`tenants.reserved_names`).
    pub reserved_names: BTreeSet<String>,
}

impl NamePolicy {
    /// What it refuses of the names that a request gives, each with the setting that does.
    pub(crate) fn refused(
        &self,
        name: Option<&TenantName>,
        domain: Option<&Domain>,
        schema: Option<&SchemaName>,
    ) -> FieldErrors {
        let mut errors = FieldErrors::default();
        let told = [
            name.and_then(|name| self.tenant_name(name.as_str())),
            domain.and_then(|domain| self.domain(domain.as_str())),
            schema.and_then(|schema| self.schema_name(schema.as_str())),
        ];
        for error in told.into_iter().flatten() {
            errors.push(|| error);
        }
        errors
    }

    fn tenant_name(&self, name: &str) -> Option<FieldError> {
        let code = codes::INVALID_TENANT_NAME;
        if self.is_reserved(name) {
            return Some(reserved("tenant_name", "is", &code));
        }
        let pattern = self.name_pattern.as_ref().filter(|pattern| !pattern.fits(name))?;
        Some(mismatch("tenant_name", "tenants.name_pattern", pattern, &code))
    }

    fn schema_name(&self, name: &str) -> Option<FieldError> {
        if self.is_reserved(name) {
            return Some(reserved("schema_name", "is", &codes::RESERVED_SCHEMA_NAME));
        }
        let pattern = self.schema_name_pattern.as_ref().filter(|pattern| !pattern.fits(name))?;
        let code = codes::INVALID_SCHEMA_NAME;
        Some(mismatch("schema_name", "tenants.schema_name_pattern", pattern, &code))
    }

    fn domain(&self, domain: &str) -> Option<FieldError> {
        let code = codes::INVALID_DOMAIN;
        if domain.split('.').next().is_some_and(|label| self.is_reserved(label)) {
            return Some(reserved("domain", "begins with", &code));
        }
        let below = |suffix: &String| {
            let rest = domain.strip_suffix(suffix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if self.domain_suffixes.is_empty() || self.domain_suffixes.iter().any(below) {
            return None;
        }
        let known = self.domain_suffixes.join(", ");
        let message = format!("domain is not below one of tenants.domain_suffixes: {known}");
        Some(FieldError::new("/domain", &code, message))
    }

    fn is_reserved(&self, name: &str) -> bool {
        !self.reserved_names.is_empty() && self.reserved_names.contains(&name.to_lowercase())
    }
}

fn reserved(field: &str, verb: &str, code: &Code) -> FieldError {
    let message = format!("{field} {verb} a name in tenants.reserved_names");
    FieldError::new(format!("/{field}"), code, message)
}

fn mismatch(field: &str, setting: &str, pattern: &Pattern, code: &Code) -> FieldError {
    let message = format!("{field} does not match {setting}: {}", pattern.text);
    FieldError::new(format!("/{field}"), code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> NamePolicy {
        NamePolicy {
            name_pattern: Some(Pattern::parse("[A-Z].*|acme").unwrap()),
            schema_name_pattern: Some(Pattern::parse("c_[a-z]+").unwrap()),
            domain_suffixes: vec![
                "customers.example".to_owned(),
                "xn--bcher-kva.example".to_owned(),
            ],
            reserved_names: ["admin", "www", "c_root"].map(str::to_owned).into(),
        }
    }

    fn told(name: &str, domain: &str, schema: &str) -> Vec<String> {
        let (name, domain) = (TenantName::parse(name).unwrap(), Domain::parse(domain).unwrap());
        let schema = SchemaName::parse(schema).unwrap();
        let refused = policy().refused(Some(&name), Some(&domain), Some(&schema));
        refused.told().iter().map(|e| format!("{} {}", e.code, e.message)).collect()
    }

    #[test]
    fn takes_what_fits_all_rules() {
        for domain in ["a.customers.example", "customers.example", "shop.bücher.example"] {
            assert_eq!(told("Acme", domain, "c_acme"), [""; 0], "{domain}");
        }
    }

    #[test]
    fn a_refusal_names_the_rule_and_its_setting() {
        assert_eq!(
            told("zeta", "a.strangers.example", "acme"),
            [
                "invalid_tenant_name tenant_name does not match tenants.name_pattern: [A-Z].*|acme",
                "invalid_domain domain is not below one of tenants.domain_suffixes: \
                 customers.example, xn--bcher-kva.example",
                "invalid_schema_name schema_name does not match tenants.schema_name_pattern: \
                 c_[a-z]+",
            ]
        );
        assert_eq!(
            told("ADMIN", "www.customers.example", "C_ROOT"),
            [
                "invalid_tenant_name tenant_name is a name in tenants.reserved_names",
                "invalid_domain domain begins with a name in tenants.reserved_names",
                "reserved_schema_name schema_name is a name in tenants.reserved_names",
            ]
        );
    }

    #[test]
    fn a_pattern_matches_the_whole_name_and_a_suffix_whole_labels() {
        assert_eq!(told("an acme", "a.customers.example", "c_a").len(), 1);
        assert_eq!(told("Acme", "notcustomers.example", "c_a").len(), 1);
    }

    #[test]
    fn an_installation_without_rules_refuses_nothing() {
        let name = TenantName::parse("admin").unwrap();

        assert!(NamePolicy::default().refused(Some(&name), None, None).is_empty());
    }
}
