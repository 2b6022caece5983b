//! What this installation lets its tenants have, and what they get unasked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, value::RawValue};

use crate::{
    FieldError, FieldErrors, Metadata, NamePolicy, Settings, SettingsDefaults, codes,
    fields::{Fields, repeated_name, tree},
    merge::merged,
    pointer_step,
    storable::Holds,
};

/// Every field that settings can have.
const FIELDS: [&str; 3] = ["features", "limits", "metadata"];

const UNKNOWN: &str = "settings has a field other than features, limits and metadata";

/// Most bytes of `metadata`, as JSON text with its numbers written out: so it comes back.
const MAX_METADATA_BYTES: usize = 65_536;

/// Deepest nesting of `metadata`. An answer adds four levels, and readers of JSON take 127.
const MAX_METADATA_DEPTH: usize = 100;

/// What this installation lets its tenants have, and what they get unasked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsPolicy {
    /// Features a tenant can have.
    pub available_features: BTreeSet<String>,
    /// Features a tenant gets that does not say which.
    pub default_features: Vec<String>,
    /// Limits a tenant gets where it does not say.
    pub default_limits: BTreeMap<String, i64>,
    /// Highest value of each limit a tenant can set.
    pub max_limits: BTreeMap<String, i64>,
    /// What a tenant can be called.
    pub names: NamePolicy,
}

impl SettingsPolicy {
    /// The settings of a tenant that asked for `requested` (absent: the defaults). `features`
    /// replaces the default features; `limits` overrides the default limits one by one.
    ///
    /// # Errors
    /// What is wrong with `requested`, with pointers from the tenant (`/settings/…`).
    pub fn resolve(&self, requested: Option<&RawValue>) -> Result<Settings, FieldErrors> {
        let Some(fields) =
            requested.map_or_else(|| Some(Fields::default()), |r| Fields::of(r.get()))
        else {
            return Err(invalid("/settings", "settings must be an object").into());
        };
        let mut errors = FieldErrors::default();
        let settings = Settings {
            features: self.features(fields.get("features"), &mut errors),
            limits: self.limits(fields.get("limits"), &mut errors),
            metadata: metadata(fields.get("metadata"), &mut errors),
        };
        let twice = "settings has a field twice";
        errors.append(fields.strangers("/settings", &FIELDS, twice, UNKNOWN));
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// What is wrong with a merge patch over settings, whatever they are now.
    pub(crate) fn refused(&self, patch: &RawValue) -> FieldErrors {
        if patch.get() == "null" {
            return FieldErrors::default();
        }
        let mut errors = match merged(None, patch) {
            Ok(asked) => self.resolve(Some(&asked)).err().unwrap_or_default(),
            Err(_) => unreadable().into(),
        };
        // A field that is to go is none of what is asked for.
        let fields = Fields::of(patch.get()).unwrap_or_default();
        for name in fields.names().filter(|it| fields.is_null(it) && !FIELDS.contains(it)) {
            let pointer = format!("/settings/{}", pointer_step(name));
            errors.push(|| FieldError::new(pointer, &codes::UNKNOWN_FIELD, UNKNOWN));
        }
        errors
    }

    fn features(&self, requested: Option<&RawValue>, errors: &mut FieldErrors) -> Vec<String> {
        let Some(requested) = requested else { return self.default_features.clone() };
        let Value::Array(values) = tree(requested) else {
            errors.push(|| invalid("/settings/features", "settings.features must be a list"));
            return Vec::new();
        };
        let (mut seen, mut features) = (BTreeSet::new(), Vec::new());
        for (i, value) in values.iter().enumerate() {
            let pointer = || format!("/settings/features/{i}");
            match value.as_str() {
                None => errors.push(|| invalid(&pointer(), "a feature must be a string")),
                Some(name) if !self.available_features.contains(name) => errors.push(|| {
                    let known = listed(&self.available_features);
                    let message = format!("feature is not available; there are: {known}");
                    FieldError::new(pointer(), &codes::UNKNOWN_FEATURE, message)
                }),
                Some(name) if seen.insert(name) => features.push(name.to_owned()),
                Some(_) => {}
            }
        }
        features
    }

    fn limits(
        &self,
        requested: Option<&RawValue>,
        errors: &mut FieldErrors,
    ) -> BTreeMap<String, i64> {
        let mut limits = self.default_limits.clone();
        if requested.is_some_and(|limits| repeated_name(limits).is_some()) {
            let message = "settings.limits has a limit twice";
            errors.push(|| FieldError::new("/settings/limits", &codes::REPEATED_FIELD, message));
        }
        match requested.map(tree) {
            None => {}
            Some(Value::Object(values)) => {
                for (name, value) in values {
                    match self.limit(&name, &value) {
                        Ok(limit) => drop(limits.insert(name, limit)),
                        Err(error) => errors.push(|| error),
                    }
                }
            }
            Some(_) => {
                errors.push(|| invalid("/settings/limits", "settings.limits must be an object"));
            }
        }
        limits
    }

    fn limit(&self, name: &str, value: &Value) -> Result<i64, FieldError> {
        let pointer = format!("/settings/limits/{}", pointer_step(name));
        let max = self.max_limits.get(name).copied();
        if max.is_none() && !self.default_limits.contains_key(name) {
            let known: BTreeSet<_> =
                self.max_limits.keys().chain(self.default_limits.keys()).collect();
            let message = format!("there is no such limit; there are: {}", listed(known));
            return Err(invalid(&pointer, &message));
        }
        let max = max.unwrap_or(i64::MAX);
        match value.as_i64() {
            Some(limit) if (0..=max).contains(&limit) => Ok(limit),
            Some(limit) if limit < 0 => {
                Err(invalid(&pointer, &format!("limit {name} must not be negative")))
            }
            // Above `max`, be it within 64 bits or not.
            Some(_) | None if value.is_i64() || value.is_u64() => {
                let message = format!("limit {name} is above its maximum, {max}");
                Err(FieldError::new(pointer, &codes::LIMIT_TOO_HIGH, message))
            }
            _ => Err(invalid(&pointer, &format!("limit {name} must be a whole number"))),
        }
    }
}

/// The settings `now` with `patch` over them, whose parts the policy allows. What is not there gets a default.
/// What the patch leaves alone stays, also where today's policy would not allow it.
pub(crate) fn patched(
    now: &RawValue,
    patch: &RawValue,
    defaults: &SettingsDefaults,
) -> Result<Settings, FieldErrors> {
    let merged = merged(Some(now), patch).map_err(|_| unreadable())?;
    // `null` resets all of it.
    let fields = Fields::of(merged.get()).unwrap_or_default();
    let mut errors = FieldErrors::default();
    let features = match fields.get("features") {
        None => defaults.features.clone(),
        Some(features) => serde_json::from_str(features.get()).map_err(|_| unreadable())?,
    };
    let mut limits = defaults.limits.clone();
    if let Some(there) = fields.get("limits") {
        let there: BTreeMap<String, i64> =
            serde_json::from_str(there.get()).map_err(|_| unreadable())?;
        limits.extend(there);
    }
    let metadata = metadata(fields.get("metadata"), &mut errors);
    if errors.is_empty() { Ok(Settings { features, limits, metadata }) } else { Err(errors) }
}

/// What the registry has is not settings: a person wrote there.
pub(crate) fn unreadable() -> FieldError {
    invalid("/settings", "the tenant's settings cannot be read")
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn metadata(requested: Option<&RawValue>, errors: &mut FieldErrors) -> Metadata {
    let Some(requested) = requested else { return Metadata::default() };
    let holds = Holds::of(requested.get());
    let wrong = if !requested.get().starts_with('{') {
        "settings.metadata must be an object"
    } else if holds.nul {
        "settings.metadata contains a NUL character"
    } else if holds.long_number {
        "settings.metadata has a number of more than 400 digits, written out without an exponent"
    } else if holds.bytes > MAX_METADATA_BYTES {
        "settings.metadata is larger than 64 KiB, with its numbers written out"
    } else if holds.depth > MAX_METADATA_DEPTH {
        "settings.metadata is nested deeper than 100 levels"
    } else if let Some(name) = repeated_name(requested) {
        let message = format!("settings.metadata has `{name}` twice in one object");
        errors.push(|| FieldError::new("/settings/metadata", &codes::REPEATED_FIELD, message));
        return Metadata::default();
    } else {
        return Metadata::of(requested);
    };
    errors.push(|| invalid("/settings/metadata", wrong));
    Metadata::default()
}

fn invalid(pointer: &str, message: &str) -> FieldError {
    FieldError::new(pointer, &codes::INVALID_SETTINGS, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ItemError;

    fn policy() -> SettingsPolicy {
        let limits = |limits: &[(&str, i64)]| {
            limits.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        SettingsPolicy {
            available_features: ["crm", "billing", "api"].map(str::to_owned).into(),
            default_features: vec!["crm".to_owned()],
            default_limits: limits(&[("max_users", 10), ("max_files", 5)]),
            max_limits: limits(&[("max_users", 100), ("max_storage_gb", 50)]),
            names: NamePolicy::default(),
        }
    }

    fn resolve(settings: &str) -> Result<Settings, FieldErrors> {
        policy().resolve(Some(serde_json::from_str(settings).unwrap()))
    }

    fn refused(settings: &Value) -> Vec<(String, &'static str)> {
        let errors = resolve(&settings.to_string()).unwrap_err();
        errors.told().iter().map(|e| (e.pointer.clone(), e.code)).collect()
    }

    #[test]
    fn fills_in_the_defaults() {
        for settings in [policy().resolve(None), resolve("{}"), resolve(r#"{"features": null}"#)] {
            let settings = settings.unwrap();

            assert_eq!(settings.features, ["crm"]);
            assert_eq!(settings.limits["max_users"], 10);
            assert_eq!(settings.metadata, Metadata::default());
        }
    }

    #[test]
    fn takes_what_was_asked_for_over_the_defaults() {
        let asked = json!({
            "features": ["api", "billing", "api"],
            "limits": {"max_users": 100, "max_storage_gb": 0},
            "metadata": {"plan": {"tier": 3}},
        });

        let settings = resolve(&asked.to_string()).unwrap();

        assert_eq!(settings.features, ["api", "billing"]);
        let limits = [("max_files", 5), ("max_storage_gb", 0), ("max_users", 100)];
        assert!(settings.limits.iter().map(|(name, value)| (name.as_str(), *value)).eq(limits));
        assert_eq!(settings.metadata.as_json(), r#"{"plan":{"tier":3}}"#);
        assert_eq!(resolve(r#"{"features": []}"#).unwrap().features.len(), 0);
    }

    #[test]
    fn points_at_every_error_at_once() {
        let errors = refused(&json!({
            "features": ["crm", "nope", 7],
            "limits": {"max_users": 101, "a/b": 1, "max_files": -1, "max_storage_gb": 1.5},
            "metadata": [],
            "colour": "red",
        }));

        assert_eq!(
            errors,
            [
                ("/settings/features/1".to_owned(), "unknown_feature"),
                ("/settings/features/2".to_owned(), "invalid_settings"),
                ("/settings/limits/a~1b".to_owned(), "invalid_settings"),
                ("/settings/limits/max_files".to_owned(), "invalid_settings"),
                ("/settings/limits/max_storage_gb".to_owned(), "invalid_settings"),
                ("/settings/limits/max_users".to_owned(), "limit_too_high"),
                ("/settings/metadata".to_owned(), "invalid_settings"),
                ("/settings/colour".to_owned(), "unknown_field"),
            ]
        );
    }

    #[test]
    fn a_limit_beyond_64_bits_is_too_high_and_not_a_wrong_type() {
        let errors = refused(&json!({"limits": {"max_users": u64::MAX}}));

        assert_eq!(errors, [("/settings/limits/max_users".to_owned(), "limit_too_high")]);
    }

    #[test]
    fn refuses_metadata_that_cannot_be_stored() {
        let nul = refused(&json!({"metadata": {"a": ["b\0"]}}));
        let large = refused(&json!({"metadata": {"a": "x".repeat(65_536)}}));

        assert_eq!(nul, [("/settings/metadata".to_owned(), "invalid_settings")]);
        assert_eq!(large, nul);
    }

    #[test]
    fn keeps_every_digit_of_metadata_and_refuses_by_name_what_does_not_come_back() {
        let kept = r#"{"a": 1.7976931348623157e308, "b": [12345678901234567890123, 1.10, -0.0]}"#;
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        let metadata = |text: &str| resolve(&format!(r#"{{"metadata": {text}}}"#));
        let why = |text: &str| ItemError::from(&metadata(text).unwrap_err()).message;

        assert_eq!(metadata(kept).unwrap().metadata.as_json(), kept);
        assert!(metadata(&format!(r#"{{"a": {}}}"#, deep(99))).is_ok());
        assert!(why(&format!(r#"{{"a": {}}}"#, deep(100))).contains("100 levels"));
        assert!(why(r#"{"a": 1e-401}"#).contains("400 digits"));
        assert!(why(r#"{"a": [1, -1.5e-400]}"#).contains("400 digits"));
        let amplified = format!("{{\"a\": [{}1]}}", "1e99,".repeat(1000));
        assert!(why(&amplified).contains("64 KiB"));
    }

    #[test]
    fn names_a_field_that_is_there_twice_at_any_depth() {
        for settings in [
            r#"{"limits": {}, "limits": {}}"#,
            r#"{"limits": {"max_users": 1, "max_users": 2}}"#,
            r#"{"metadata": {"a": 1, "\u0061": 1}}"#,
            r#"{"metadata": {"a": [{"b": {"c": 1, "d": 2, "c": 3}}]}}"#,
        ] {
            let errors = resolve(settings).unwrap_err();

            assert_eq!(errors.told()[0].code, "repeated_field", "{settings}");
        }
        assert!(resolve(r#"{"metadata": {"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]}}"#).is_ok());
    }

    #[test]
    fn names_the_features_once_however_many_are_wrong() {
        let many = format!(r#"{{"features": [{}""]}}"#, "\"\",".repeat(80_000));

        let error = ItemError::from(&resolve(&many).unwrap_err());

        assert_eq!(
            error.message,
            "feature is not available; there are: api, billing, crm; and 79981 more mistakes"
        );
    }
}
