//! A change of a tenant, as a JSON merge patch (RFC 7396): parsed once, applied to what is there then.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Domain, ExternalId, FieldError, FieldErrors, Labels, Settings, SettingsPolicy, TenantName,
    codes,
    fields::{Fields, repeated_name},
    labels::LabelsPatch,
    new_tenant::Reader,
    settings_policy,
    storable::Holds,
    text,
};

/// Every field that a patch can have.
const FIELDS: [&str; 6] =
    ["tenant_name", "domain", "external_id", "description", "settings", "labels"];

/// Those that no two tenants have alike, or that name one.
const OF_ONE: [&str; 3] = ["tenant_name", "domain", "external_id"];

/// A change of a tenant: each field that is to be another one. An inner `None` removes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantPatch {
    /// What people call it.
    pub name: Option<TenantName>,
    /// Where it answers.
    pub domain: Option<Domain>,
    /// The caller's own id for it.
    pub external_id: Option<Option<ExternalId>>,
    /// What it is for.
    pub description: Option<Option<String>>,
    settings: Option<SettingsPatch>,
    labels: Option<LabelsPatch>,
}

/// A merge patch over settings. What it removes gets the defaults that its installation had then.
#[derive(Debug, Clone)]
struct SettingsPatch(Box<RawValue>);

impl PartialEq for SettingsPatch {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// What a tenant gets that does not say what it wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsDefaults {
    /// Its features.
    pub features: Vec<String>,
    /// Its limits, by name.
    pub limits: BTreeMap<String, i64>,
}

/// What an item of kind `update` has to know, as it is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Update {
    /// The patch, as it was sent.
    pub patch: Box<RawValue>,
    /// For settings that it removes; there if it changes settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defaults: Option<SettingsDefaults>,
    /// The tenant is to be at one of these versions still; empty: at any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub if_match: Vec<String>,
}

/// What can be changed of a tenant, complete.
#[derive(Debug, Clone, Serialize)]
pub struct Changeable {
    /// What people call it.
    #[serde(rename = "tenant_name")]
    pub name: String,
    /// Its domain, in A-label form.
    pub domain: String,
    /// The caller's own id for it.
    pub external_id: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Features, limits and metadata, as JSON.
    pub settings: Box<RawValue>,
    /// Its labels.
    pub labels: Labels,
}

impl TenantPatch {
    /// The change that `patch` asks for.
    ///
    /// # Errors
    /// What is wrong with it, each mistake with a pointer from the patch; when it changes nothing.
    pub fn parse(patch: &str, policy: &SettingsPolicy) -> Result<Self, FieldErrors> {
        let (parsed, mut errors) = Self::read(patch)?;
        errors.append(policy.names.refused(parsed.name.as_ref(), parsed.domain.as_ref(), None));
        if let Some(SettingsPatch(patch)) = &parsed.settings {
            errors.append(policy.refused(patch));
        }
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }

    /// The change of an item, whose patch was parsed before.
    ///
    /// # Errors
    /// What is wrong with it: another release has written it, or a person.
    pub fn recorded(update: &Update) -> Result<Self, FieldErrors> {
        let (parsed, errors) = Self::read(update.patch.get())?;
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }

    /// What is to be recorded of the patch `sent`, which was parsed to this one.
    #[must_use]
    pub fn record(&self, sent: &RawValue, policy: &SettingsPolicy) -> Update {
        let defaults = self.settings.as_ref().map(|_| SettingsDefaults {
            features: policy.default_features.clone(),
            limits: policy.default_limits.clone(),
        });
        Update { patch: sent.to_owned(), defaults, if_match: Vec::new() }
    }

    /// All but what the installation's rules say.
    fn read(patch: &str) -> Result<(Self, FieldErrors), FieldErrors> {
        let Some(fields) = Fields::of(patch) else {
            let message = "a patch must be an object";
            return Err(FieldError::new("", &codes::INVALID_FIELD, message).into());
        };
        let mut reader = Reader { fields: &fields, errors: FieldErrors::default() };
        let name =
            reader.optional("tenant_name", TenantName::parse, |_| codes::INVALID_TENANT_NAME);
        let domain = reader.optional("domain", Domain::parse, |_| codes::INVALID_DOMAIN);
        let external_id =
            reader.optional("external_id", ExternalId::parse, |_| codes::INVALID_EXTERNAL_ID);
        let description =
            reader.optional("description", text::description, |_| codes::INVALID_DESCRIPTION);
        let mut errors = reader.errors;
        for field in ["tenant_name", "domain"].into_iter().filter(|it| fields.is_null(it)) {
            let message = format!("{field} cannot be removed");
            errors.push(|| FieldError::new(format!("/{field}"), &codes::INVALID_FIELD, message));
        }
        let labels = fields.sent("labels").map(LabelsPatch::parse).transpose();
        let labels = labels.map_err(|e| errors.append(e)).unwrap_or_default();
        let settings = fields.sent("settings").map(|sent| SettingsPatch(sent.to_owned()));
        let parsed = Self {
            name,
            domain,
            external_id: external_id.map(Some).or(fields.is_null("external_id").then_some(None)),
            description: description.map(Some).or(fields.is_null("description").then_some(None)),
            settings,
            labels,
        };
        errors.append(wrong_as_a_whole(&fields, patch));
        Ok((parsed, errors))
    }

    /// The names of the fields it names, in the order in which a tenant has them.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let named = [
            self.name.is_some(),
            self.domain.is_some(),
            self.external_id.is_some(),
            self.description.is_some(),
            self.settings.is_some(),
            self.labels.is_some(),
        ];
        FIELDS.into_iter().zip(named).filter(|(_, named)| *named).map(|(field, _)| field).collect()
    }

    /// The first field that only one tenant can have so.
    #[must_use]
    pub fn field_of_one(&self) -> Option<&'static str> {
        self.fields().into_iter().find(|field| OF_ONE.contains(field))
    }

    /// A tenant like `now`, changed.
    ///
    /// # Errors
    /// When its settings or labels would be more than a tenant may have, or cannot be read.
    pub fn applied(
        &self,
        now: Changeable,
        defaults: &SettingsDefaults,
    ) -> Result<Changeable, FieldErrors> {
        let settings = match &self.settings {
            None => now.settings,
            Some(SettingsPatch(patch)) => {
                let settings: Settings = settings_policy::patched(&now.settings, patch, defaults)?;
                serde_json::value::to_raw_value(&settings)
                    .map_err(|_| settings_policy::unreadable())?
            }
        };
        let labels = match &self.labels {
            None => now.labels,
            Some(patch) => now.labels.patched(patch)?,
        };
        let text = |it: &ExternalId| it.as_str().to_owned();
        Ok(Changeable {
            name: self.name.as_ref().map_or(now.name, |name| name.as_str().to_owned()),
            domain: self.domain.as_ref().map_or(now.domain, |domain| domain.as_str().to_owned()),
            external_id: self
                .external_id
                .as_ref()
                .map_or(now.external_id, |id| id.as_ref().map(text)),
            description: self.description.clone().unwrap_or(now.description),
            settings,
            labels,
        })
    }
}

/// Fields that there are not, or twice; a patch of nothing; what no database stores.
fn wrong_as_a_whole(fields: &Fields<'_>, patch: &str) -> FieldErrors {
    let known = FIELDS.join(", ");
    let twice = format!("a field is there twice; a patch has: {known}");
    let unknown = format!("there is no such field; a patch has: {known}");
    let mut errors = fields.strangers("", &FIELDS, &twice, &unknown);
    if let Some(name) = fields.sent("settings").and_then(repeated_name) {
        let message = format!("settings has `{}` twice in one object", crate::pointer_step(&name));
        errors.push(|| FieldError::new("/settings", &codes::REPEATED_FIELD, message));
    }
    if fields.names().next().is_none() {
        let message = format!("a patch changes at least one of: {known}");
        errors.push(|| FieldError::new("", &codes::MISSING_FIELD, message));
    }
    if Holds::of(patch).nul {
        let message = "a text has the character U+0000, which no database can store";
        errors.push(|| FieldError::new("", &codes::INVALID_FIELD, message));
    }
    errors
}

#[cfg(test)]
mod tests;
