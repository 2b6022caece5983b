//! Which tenants an operation is about.

use chrono::{DateTime, Datelike as _, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{TenantState, label_pair};

/// Which tenants: those that all given fields fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// Every tenant that the operation can be about; alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// In one of these states.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<TenantState>,
    /// Whose settings have this feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// With this label, `key=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whose schema lacks this version, and all behind it in the tenant's own set of migrations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_below: Option<String>,
    /// Whose name begins with this, in any letter case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Registered before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_before: Option<DateTime<Utc>>,
    /// With one of these ids of the caller's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external_ids: Vec<String>,
}

/// A selector that says nothing, or more than it can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Left empty by mistake, it would be every tenant.
    #[error("name at least one condition, or `\"all\": true` for every tenant")]
    Empty,
    /// All, and yet not all.
    #[error("`all` stands alone: leave it out to select by other conditions")]
    AllAndMore,
    /// A label that no tenant can have.
    #[error("must be a key and a value that a label can have, as in `tier=gold`")]
    Label,
    /// A moment that the database cannot hold.
    #[error("must be a moment of the years 1 to 9999")]
    CreatedBefore,
}

/// Whether RFC 3339 can write this moment; PostgreSQL cannot hold all that `chrono` can.
pub(crate) fn in_calendar(moment: DateTime<Utc>) -> bool {
    (1..=9999).contains(&moment.year())
}

impl Selector {
    /// What it selects by, without the texts that are of customers: of those, how long or how many they are.
    #[must_use]
    pub fn told(&self) -> Value {
        let mut told = serde_json::to_value(self).unwrap_or_default();
        if let Some(prefix) = &self.name_prefix {
            told["name_prefix"] = json!({ "characters": prefix.chars().count() });
        }
        if let Some(label) = &self.label {
            let key = label.split('=').next().unwrap_or_default();
            told["label"] = json!({ "key": key });
        }
        if !self.external_ids.is_empty() {
            told["external_ids"] = json!({ "count": self.external_ids.len() });
        }
        told
    }

    /// Every tenant.
    #[must_use]
    pub fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Whether it says what it means.
    ///
    /// # Errors
    /// When it is empty, when `all` is not alone, when no tenant can have the label, or when the year is not
    /// from 1 to 9999.
    pub fn check(&self) -> Result<(), SelectorError> {
        let without_all = Self { all: false, ..self.clone() };
        match (self.all, without_all == Self::default()) {
            (false, true) => Err(SelectorError::Empty),
            (true, false) => Err(SelectorError::AllAndMore),
            _ if self.label.as_deref().is_some_and(|it| label_pair(it).is_none()) => {
                Err(SelectorError::Label)
            }
            _ if !self.created_before.is_none_or(in_calendar) => Err(SelectorError::CreatedBefore),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_without_the_texts_of_customers() {
        let selector = Selector {
            feature: Some("beta".to_owned()),
            name_prefix: Some("Ångström".to_owned()),
            external_ids: vec!["crm-1".to_owned(), "crm-2".to_owned()],
            ..Selector::default()
        };

        let told = json!({ "feature": "beta", "name_prefix": { "characters": 8 },
            "external_ids": { "count": 2 } });
        assert_eq!(selector.told(), told);
    }

    #[test]
    fn an_empty_selector_does_not_mean_every_tenant() {
        let read = |json: &str| serde_json::from_str::<Selector>(json).unwrap();

        assert_eq!(read("{}").check(), Err(SelectorError::Empty));
        assert_eq!(read(r#"{"status": [], "all": false}"#).check(), Err(SelectorError::Empty));
        assert_eq!(read(r#"{"all": true}"#), Selector::all());
        assert_eq!(Selector::all().check(), Ok(()));
        assert_eq!(read(r#"{"feature": "sso"}"#).check(), Ok(()));
        let both = read(r#"{"all": true, "status": ["active"]}"#);
        assert_eq!(both.check(), Err(SelectorError::AllAndMore));
        for far in ["-9999-01-01T00:00:00Z", "0000-12-31T23:59:59Z", "+10000-01-01T00:00:00Z"] {
            let created_before = Some(far.parse().unwrap());
            let far = Selector { created_before, ..Selector::default() };
            assert_eq!(far.check(), Err(SelectorError::CreatedBefore), "{far:?}");
        }
        assert_eq!(read(r#"{"label": "tier=gold"}"#).check(), Ok(()));
        assert_eq!(read(r#"{"label": "tier"}"#).check(), Err(SelectorError::Label));
        assert!(serde_json::from_str::<Selector>(r#"{"statuses": ["active"]}"#).is_err());
    }
}
