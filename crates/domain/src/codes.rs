//! Every code a failed item or field can carry, and what it means.
//!
//! These are a contract with callers: add, never rename.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable name for a kind of failure, `snake_case`. Programs branch on it; a released one is
/// never renamed. All that we make are in [`ALL`]; one read back from the database may be older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct Code(Cow<'static, str>);

impl Code {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name, as it stands in JSON and in the database.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without an owner. Only for the constants of [`ALL`], which all borrow theirs.
    pub(crate) fn as_static(&self) -> &'static str {
        match self.0 {
            Cow::Borrowed(name) => name,
            Cow::Owned(_) => INTERNAL.as_static(),
        }
    }

    /// What the code says, for documentation; `None` when it is not one of [`ALL`].
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        ALL.iter().find(|(code, _)| code == self).map(|(_, meaning)| *meaning)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Code {
    fn from(name: String) -> Self {
        let known = ALL.iter().find(|(code, _)| code.as_str() == name);
        known.map_or_else(|| Self(Cow::Owned(name)), |(code, _)| code.clone())
    }
}

macro_rules! codes {
    ($($name:ident = $text:literal: $meaning:literal;)*) => {
        $(
            #[doc = concat!("`", $text, "`: ", $meaning)]
            pub const $name: Code = Code::new($text);
        )*

        /// Every code and its meaning, in the order of a tenant's way through the system.
        pub static ALL: &[(Code, &str)] = &[$(($name, $meaning)),*];
    };
}

codes! {
    INVALID_TENANT_NAME = "invalid_tenant_name":
        "The name shows nothing, is longer than 255 characters, or has control characters.";
    INVALID_DOMAIN = "invalid_domain":
        "The domain is not a host name of at least two labels.";
    INVALID_SCHEMA_NAME = "invalid_schema_name":
        "The schema name is not of letters, digits and underscores, or is over 63 bytes.";
    RESERVED_SCHEMA_NAME = "reserved_schema_name":
        "The schema name belongs to PostgreSQL or to Tenantry.";
    INVALID_EXTERNAL_ID = "invalid_external_id":
        "The external id is empty, longer than 255 characters, or has control characters.";
    INVALID_DESCRIPTION = "invalid_description":
        "The description is too long or has control characters other than tab and line ends.";
    INVALID_SETTINGS = "invalid_settings":
        "A setting has the wrong type, an unknown name, or a value that cannot be stored.";
    INVALID_LABEL = "invalid_label":
        "A label has a key or a value that is not allowed, or the tenant would have more than 32.";
    UNKNOWN_FEATURE = "unknown_feature":
        "A feature is not one of those this installation offers.";
    LIMIT_TOO_HIGH = "limit_too_high":
        "A limit is above the maximum this installation allows.";
    UNKNOWN_FIELD = "unknown_field":
        "The request has a field that does not exist.";
    REPEATED_FIELD = "repeated_field":
        "The request has a field twice.";
    MISSING_FIELD = "missing_field":
        "The request lacks a field that must be there.";
    INVALID_FIELD = "invalid_field":
        "A field has the wrong JSON type.";
    ITEM_TOO_LARGE = "item_too_large":
        "The request is larger than one tenant may be.";
    DUPLICATE_IN_BATCH = "duplicate_in_batch":
        "An earlier item of the same batch has this domain, schema name or external id.";
    DOMAIN_TAKEN = "domain_taken":
        "Another tenant has this domain.";
    SCHEMA_TAKEN = "schema_taken":
        "Another tenant, or something Tenantry did not make, has this schema name.";
    ROLE_TAKEN = "role_taken":
        "The database role's name is in use by something Tenantry did not make.";
    EXTERNAL_ID_TAKEN = "external_id_taken":
        "Another tenant has this external id.";
    NAME_TAKEN = "name_taken":
        "Another tenant has one of the names asked for.";
    ID_TAKEN = "id_taken":
        "The sequence of tenants' ids gave one that exists: an operator has to repair it.";
    MIGRATION_FAILED = "migration_failed":
        "A tenant migration failed in this tenant's schema.";
    NEEDS_SHARED = "needs_shared":
        "A tenant migration needs a shared migration that is not applied: `tenantry migrate shared up`.";
    MIGRATIONS_UNRECORDED = "migrations_unrecorded":
        "There is no record of what is applied in this schema, which is not empty: an operator has to say it.";
    TENANT_NOT_ACTIVE = "tenant_not_active":
        "The tenant was in another state than the operation can be about when its turn came.";
    SCHEMA_DRIFTED = "schema_drifted":
        "The last look found the tenant's schema other than its migrations make it, and the migration does not allow that.";
    PRECONDITION_FAILED = "precondition_failed":
        "The tenant was changed after the caller had read it.";
    OWN_ROW_REFUSED = "own_row_refused":
        "The table `tenant` in the tenant's own schema does not take its row.";
    TOO_MANY_KEYS = "too_many_keys":
        "The tenant has as many live API keys as it may.";
    SKIPPED = "skipped":
        "An operator left the tenant out of a rollout.";
    SUPERSEDED = "superseded":
        "A later request has asked for the opposite of this tenant.";
    NOT_OURS = "not_ours":
        "Something in the tenant's schema, or that depends on it, is somebody else's: nothing is dropped.";
    IMPORT_REFUSED = "import_refused":
        "The schema cannot be imported: it is missing, somebody's already, or has what Tenantry may not change.";
    IMPORT_DIFFERS = "import_differs":
        "The schema is not what the tenant migrations make at the version asked for, or at any.";
    NOT_IMPORTED = "not_imported":
        "The tenant was made by Tenantry: there is nothing to give back.";
    VERIFY_FAILED = "verify_failed":
        "What was made is not what the migrations and grants promise.";
    APPLICATION_ROLE_FULL = "application_role_full":
        "The application's role may become no more tenants: `tenants.application_role_limit`.";
    DATABASE_UNAVAILABLE = "database_unavailable":
        "The database could not be reached, or was too busy.";
    DATABASE_REFUSED = "database_refused":
        "A trigger of the database refused a statement; the message has its words.";
    RIGHT_REFUSED = "right_refused":
        "The database refused Tenantry a right that it needs; an operator has to give it back.";
    TIMED_OUT = "timed_out":
        "A stage took longer than it may.";
    ATTEMPTS_EXHAUSTED = "attempts_exhausted":
        "The last try failed too.";
    CANCELLED = "cancelled":
        "The batch was cancelled before this tenant was begun.";
    BATCH_DEADLINE = "batch_deadline":
        "The batch ran out of time before this tenant was done.";
    BATCH_ROLLED_BACK = "batch_rolled_back":
        "The batch was all or nothing, and another of its tenants failed.";
    INTERNAL = "internal":
        "Something failed that should not; the log has the details.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_snake_case_and_there_once() {
        let names: BTreeSet<_> = ALL.iter().map(|(code, _)| code.as_str()).collect();

        assert_eq!(names.len(), ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())));
    }

    #[test]
    fn a_code_read_back_is_the_code_that_was_written() {
        for (code, meaning) in ALL {
            let read = Code::from(code.to_string());
            assert_eq!(&read, code);
            assert_eq!(read.meaning(), Some(*meaning));
        }
    }

    #[test]
    fn keeps_a_code_it_does_not_know() {
        let older: Code = serde_json::from_str("\"of_an_older_release\"").unwrap();

        assert_eq!(older.as_str(), "of_an_older_release");
        assert_eq!(older.meaning(), None);
    }
}
