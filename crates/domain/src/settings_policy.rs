//! What this installation lets its tenants have, and what they get unasked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::field_error::pointer_step;
use crate::storable::is_storable;
use crate::{FieldError, Settings, codes};

/// Most bytes of `metadata`, as JSON text. It is copied into every row about the tenant.
const MAX_METADATA_BYTES: usize = 65_536;

/// The policy contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A default feature is not one of those available.
    #[error("default feature `{0}` is not an available feature")]
    DefaultFeature(String),
    /// A default limit is above its maximum.
    #[error("default limit `{0}` is above its maximum")]
    DefaultLimit(String),
}

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
}

impl SettingsPolicy {
    /// Whether the defaults keep to the policy: checked once, when the settings are read.
    ///
    /// # Errors
    /// When a default feature is not available, or a default limit above its maximum.
    pub fn check(&self) -> Result<(), PolicyError> {
        let stranger = self.default_features.iter().find(|f| !self.available_features.contains(*f));
        if let Some(feature) = stranger {
            return Err(PolicyError::DefaultFeature(feature.clone()));
        }
        let above = |(name, value): &(&String, &i64)| {
            self.max_limits.get(*name).is_some_and(|max| *value > max)
        };
        match self.default_limits.iter().find(above) {
            Some((name, _)) => Err(PolicyError::DefaultLimit(name.clone())),
            None => Ok(()),
        }
    }

    /// The settings of a tenant that asked for `requested` (absent or `null`: the defaults).
    /// `features` replaces the default features; `limits` overrides the default limits one by one.
    ///
    /// # Errors
    /// Everything that is wrong with `requested`, with pointers from the tenant (`/settings/…`).
    pub fn resolve(&self, requested: Option<&Value>) -> Result<Settings, Vec<FieldError>> {
        let nothing = Map::new();
        let fields = match requested {
            None | Some(Value::Null) => &nothing,
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                let code = &codes::INVALID_SETTINGS;
                return Err(vec![FieldError::new("/settings", code, "settings must be an object")]);
            }
        };
        let mut errors = Vec::new();
        let settings = Settings {
            features: self.features(fields.get("features"), &mut errors),
            limits: self.limits(fields.get("limits"), &mut errors),
            metadata: metadata(fields.get("metadata"), &mut errors),
        };
        for key in fields.keys() {
            if !matches!(key.as_str(), "features" | "limits" | "metadata") {
                let pointer = format!("/settings/{}", pointer_step(key));
                let message = "settings has a field other than features, limits and metadata";
                errors.push(FieldError::new(pointer, &codes::UNKNOWN_FIELD, message));
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    fn features(&self, requested: Option<&Value>, errors: &mut Vec<FieldError>) -> Vec<String> {
        let values = match requested {
            None | Some(Value::Null) => return self.default_features.clone(),
            Some(Value::Array(values)) => values,
            Some(_) => {
                errors.push(invalid("/settings/features", "settings.features must be a list"));
                return Vec::new();
            }
        };
        let (mut seen, mut features) = (BTreeSet::new(), Vec::new());
        for (i, value) in values.iter().enumerate() {
            let pointer = format!("/settings/features/{i}");
            match value.as_str() {
                None => errors.push(invalid(&pointer, "a feature must be a string")),
                Some(name) if !self.available_features.contains(name) => {
                    let message = format!("feature is not available; there are: {}", self.listed());
                    errors.push(FieldError::new(pointer, &codes::UNKNOWN_FEATURE, message));
                }
                Some(name) if seen.insert(name) => features.push(name.to_owned()),
                Some(_) => {}
            }
        }
        features
    }

    fn listed(&self) -> String {
        let names: Vec<_> = self.available_features.iter().map(String::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn limits(
        &self,
        requested: Option<&Value>,
        errors: &mut Vec<FieldError>,
    ) -> BTreeMap<String, i64> {
        let mut limits = self.default_limits.clone();
        match requested {
            None | Some(Value::Null) => {}
            Some(Value::Object(values)) => {
                for (name, value) in values {
                    match self.limit(name, value) {
                        Ok(limit) => drop(limits.insert(name.clone(), limit)),
                        Err(error) => errors.push(error),
                    }
                }
            }
            Some(_) => {
                errors.push(invalid("/settings/limits", "settings.limits must be an object"));
            }
        }
        limits
    }

    fn limit(&self, name: &str, value: &Value) -> Result<i64, FieldError> {
        let pointer = format!("/settings/limits/{}", pointer_step(name));
        let max = self.max_limits.get(name).copied();
        if max.is_none() && !self.default_limits.contains_key(name) {
            return Err(invalid(&pointer, "settings.limits has a limit that does not exist"));
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

fn metadata(requested: Option<&Value>, errors: &mut Vec<FieldError>) -> Map<String, Value> {
    let message = match requested {
        None | Some(Value::Null) => return Map::new(),
        Some(value @ Value::Object(fields)) => {
            if !is_storable(value) {
                "settings.metadata contains a NUL character"
            } else if value.to_string().len() > MAX_METADATA_BYTES {
                "settings.metadata is larger than 64 KiB"
            } else {
                return fields.clone();
            }
        }
        Some(_) => "settings.metadata must be an object",
    };
    errors.push(invalid("/settings/metadata", message));
    Map::new()
}

fn invalid(pointer: &str, message: &str) -> FieldError {
    FieldError::new(pointer, &codes::INVALID_SETTINGS, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy() -> SettingsPolicy {
        let limits = |limits: &[(&str, i64)]| {
            limits.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        SettingsPolicy {
            available_features: ["crm", "billing", "api"].map(str::to_owned).into(),
            default_features: vec!["crm".to_owned()],
            default_limits: limits(&[("max_users", 10), ("max_files", 5)]),
            max_limits: limits(&[("max_users", 100), ("max_storage_gb", 50)]),
        }
    }

    fn refused(settings: Value) -> Vec<(String, &'static str)> {
        let errors = policy().resolve(Some(&settings)).unwrap_err();
        errors.into_iter().map(|e| (e.pointer, e.code)).collect()
    }

    #[test]
    fn fills_in_the_defaults() {
        for nothing in [None, Some(json!(null)), Some(json!({})), Some(json!({"features": null}))] {
            let settings = policy().resolve(nothing.as_ref()).unwrap();

            assert_eq!(settings.features, ["crm"]);
            assert_eq!(settings.limits["max_users"], 10);
            assert!(settings.metadata.is_empty());
        }
    }

    #[test]
    fn takes_what_was_asked_for_over_the_defaults() {
        let asked = json!({
            "features": ["api", "billing", "api"],
            "limits": {"max_users": 100, "max_storage_gb": 0},
            "metadata": {"plan": {"tier": 3}},
        });

        let settings = policy().resolve(Some(&asked)).unwrap();

        assert_eq!(settings.features, ["api", "billing"]);
        let limits = [("max_files", 5), ("max_storage_gb", 0), ("max_users", 100)];
        assert!(settings.limits.iter().map(|(name, value)| (name.as_str(), *value)).eq(limits));
        assert_eq!(settings.metadata["plan"]["tier"], 3);
        assert_eq!(policy().resolve(Some(&json!({"features": []}))).unwrap().features.len(), 0);
    }

    #[test]
    fn points_at_every_error_at_once() {
        let errors = refused(json!({
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
        let errors = refused(json!({"limits": {"max_users": u64::MAX}}));

        assert_eq!(errors, [("/settings/limits/max_users".to_owned(), "limit_too_high")]);
    }

    #[test]
    fn refuses_metadata_that_cannot_be_stored() {
        let nul = refused(json!({"metadata": {"a": ["b\0"]}}));
        let large = refused(json!({"metadata": {"a": "x".repeat(65_536)}}));

        assert_eq!(nul, [("/settings/metadata".to_owned(), "invalid_settings")]);
        assert_eq!(large, nul);
    }

    #[test]
    fn a_policy_whose_defaults_break_it_is_found_out() {
        let mut stranger = policy();
        stranger.default_features.push("nope".to_owned());
        let mut high = policy();
        high.default_limits.insert("max_users".to_owned(), 101);

        assert_eq!(policy().check(), Ok(()));
        assert_eq!(stranger.check(), Err(PolicyError::DefaultFeature("nope".to_owned())));
        assert_eq!(high.check(), Err(PolicyError::DefaultLimit("max_users".to_owned())));
    }
}
