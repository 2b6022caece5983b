//! The name of a tenant's schema: the one identifier a caller may choose.

use crate::text::text_newtype;
use crate::{Code, TenantId, TenantName, codes};

/// Longest name PostgreSQL keeps, in bytes (NAMEDATALEN - 1). It cuts longer ones **silently**, so
/// that two names could be one schema: we never send such a name.
const MAX_BYTES: usize = 63;

/// Longest `TENANT_SCHEMA_PREFIX`, in bytes: leaves room for a readable slug (8), `_`, and the longest
/// id (19).
const MAX_PREFIX_BYTES: usize = 35;

/// Schemas that are not a tenant's to have, besides `pg_*`.
const RESERVED: [&str; 5] =
    ["public", "information_schema", "tenantry", "apalis", "tenantry_extensions"];

/// A name that tenants could have before it was reserved.
const ONCE_FREE: &str = "tenantry_extensions";

/// What the names of spare schemas begin with, and end with: no derived name ends so.
const SPARE: (&str, &str) = ("tenantry_spare_", "_");

/// The text cannot name a tenant's schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaNameError {
    /// There is nothing in it.
    #[error("schema_name is empty")]
    Empty,
    /// It is longer than 63 bytes.
    #[error("schema_name is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// It has something other than ASCII letters, digits and `_`, or begins with a digit.
    #[error("schema_name may have letters a-z, digits and _, and not begin with a digit")]
    BadCharacters,
    /// It belongs to PostgreSQL or to Tenantry.
    #[error("schema_name is reserved")]
    Reserved,
    /// The configured prefix is too long to leave room for the rest.
    #[error("a schema prefix is at most {MAX_PREFIX_BYTES} bytes")]
    PrefixTooLong,
    /// The configured prefix would make reserved names.
    #[error("a schema prefix may not be empty, nor lead to names that begin with pg_")]
    PrefixReserved,
}

impl SchemaNameError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Reserved | Self::PrefixReserved => codes::RESERVED_SCHEMA_NAME,
            _ => codes::INVALID_SCHEMA_NAME,
        }
    }
}

/// The name of a tenant's schema: `^[a-z_][a-z0-9_]*$`, at most 63 bytes, not a reserved one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaName(String);

impl SchemaName {
    /// The schema name in `text`, ASCII letters lower-cased, without white space around it.
    ///
    /// # Errors
    /// When `text` is empty, over 63 bytes, reserved, or not made of letters, digits and `_`.
    pub fn parse(text: &str) -> Result<Self, SchemaNameError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SchemaNameError::Empty);
        }
        if text.len() > MAX_BYTES {
            return Err(SchemaNameError::TooLong);
        }
        // ASCII only: Unicode's lower case of the Kelvin sign is a `k`.
        let name = text.to_ascii_lowercase();
        if !is_plain(&name) {
            return Err(SchemaNameError::BadCharacters);
        }
        let name = Self(name);
        if name.0.starts_with("pg_") || RESERVED.contains(&&*name.0) || name.is_spare() {
            return Err(SchemaNameError::Reserved);
        }
        Ok(name)
    }

    /// The schema of the application's own tables: as a tenant's, and `public` too.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_shared(text: &str) -> Result<Self, SchemaNameError> {
        match text {
            "public" => Ok(Self(text.to_owned())),
            _ => Self::parse(text),
        }
    }

    /// The schema of a tenant built in advance, until somebody gets it: `tenantry_spare_<id>_`.
    /// Nobody can ask for such a name.
    #[must_use]
    pub fn of_spare(id: TenantId) -> Self {
        let (start, end) = SPARE;
        Self(format!("{start}{id}{end}"))
    }

    fn is_spare(&self) -> bool {
        let (start, end) = SPARE;
        let id = self.0.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        id.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
    }

    /// The name of a schema whose tenant did not choose one: `prefix`, as much of the name's slug
    /// as fits into 63 bytes, `_`, and the id. The id alone makes it unique: the part
    /// after the last `_` is never another tenant's.
    ///
    /// # Errors
    /// When `prefix` is empty, over 35 bytes, not of lower-case letters, digits and `_`, or could begin
    /// a name with `pg_`. The settings allow no such prefix.
    pub fn derive(prefix: &str, name: &TenantName, id: TenantId) -> Result<Self, SchemaNameError> {
        Self::check_prefix(prefix)?;
        let id = id.to_string();
        let slug = name.slug();
        let room = MAX_BYTES - prefix.len() - id.len() - 1;
        let cut = slug[..slug.len().min(room)].trim_end_matches('_');
        Self::parse(&format!("{prefix}{cut}_{id}"))
    }

    /// Whether `prefix` can begin every derived name.
    fn check_prefix(prefix: &str) -> Result<(), SchemaNameError> {
        if prefix.len() > MAX_PREFIX_BYTES {
            return Err(SchemaNameError::PrefixTooLong);
        }
        // `p` is refused for the slug `g_…`.
        if prefix.is_empty() || prefix == "p" || prefix.starts_with("pg_") {
            return Err(SchemaNameError::PrefixReserved);
        }
        if is_plain(prefix) { Ok(()) } else { Err(SchemaNameError::BadCharacters) }
    }

    /// The name as the registry holds it, or a catalogue that of a spare, checked once more on its
    /// way to DDL.
    ///
    /// # Errors
    /// When what was stored is not a schema name in its normal form.
    pub fn from_registry(stored: String) -> Result<Self, SchemaNameError> {
        let spare = Self(stored);
        if spare.is_spare() && spare.0.len() <= MAX_BYTES || spare.0 == ONCE_FREE {
            return Ok(spare);
        }
        let Self(stored) = spare;
        let name = Self::parse(&stored)?;
        if name.0 == stored { Ok(name) } else { Err(SchemaNameError::BadCharacters) }
    }
}

text_newtype!(SchemaName, SchemaNameError);

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn derived(prefix: &str, name: &str, id: i64) -> String {
        let name = TenantName::parse(name).unwrap();
        SchemaName::derive(prefix, &name, TenantId::new(id)).unwrap().as_str().to_owned()
    }

    #[test]
    fn lower_cases_a_callers_name() {
        for (text, name) in [("acme", "acme"), ("Acme_2", "acme_2"), ("_x", "_x"), ("USER", "user")]
        {
            assert_eq!(SchemaName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_reserved_names_in_any_letter_case() {
        for name in [
            "public",
            "Public",
            "information_schema",
            "INFORMATION_SCHEMA",
            "tenantry",
            "Apalis",
            "tenantry_extensions",
            "pg_catalog",
            "PG_temp_3",
            "pg_",
        ] {
            let refused = SchemaName::parse(name).unwrap_err();
            assert_eq!(refused, SchemaNameError::Reserved, "{name:?}");
            assert_eq!(refused.code(), codes::RESERVED_SCHEMA_NAME);
        }
        assert!(SchemaName::parse("pgx").is_ok());
        assert!(SchemaName::parse("publicity").is_ok());
    }

    #[test]
    fn a_spares_name_is_nobodys_to_ask_for() {
        let spare = SchemaName::of_spare(TenantId::new(7));

        assert_eq!(spare.as_str(), "tenantry_spare_7_");
        assert_eq!(SchemaName::parse("Tenantry_Spare_7_"), Err(SchemaNameError::Reserved));
        assert_eq!(SchemaName::from_registry("tenantry_spare_7_".to_owned()), Ok(spare));
        for name in ["tenantry_spare_7", "tenantry_spare__", "tenantry_spare_x_", "a_spare_7_"] {
            assert!(SchemaName::parse(name).is_ok(), "{name}");
        }
        // What a tenant called so would get is not one of them.
        assert_eq!(derived("tenantry_", "Spare 7", 7), "tenantry_spare_7_7");
    }

    #[test]
    fn refuses_everything_that_would_need_quoting() {
        for name in [
            "a b",
            "a-b",
            "a.b",
            "a\"b",
            "a'b",
            "a;b",
            "a\\b",
            "a$b",
            "1a",
            "é",
            "a\0",
            "a\nb",
            "\u{212a}elvin",
            "a/*b*/",
            "a--",
            "%I",
        ] {
            assert_eq!(SchemaName::parse(name), Err(SchemaNameError::BadCharacters), "{name:?}");
        }
        assert_eq!(SchemaName::parse(""), Err(SchemaNameError::Empty));
    }

    #[test]
    fn counts_bytes_where_postgresql_would_cut() {
        assert!(SchemaName::parse(&"a".repeat(63)).is_ok());
        assert_eq!(SchemaName::parse(&"a".repeat(64)), Err(SchemaNameError::TooLong));
        assert_eq!(SchemaName::parse(&"é".repeat(32)), Err(SchemaNameError::TooLong));
    }

    #[test]
    fn derives_a_readable_name() {
        assert_eq!(derived("tenant_", "Acme, Inc.", 42), "tenant_acme_inc_42");
        assert_eq!(derived("t", "!?", 1), "ttenant_1");
        assert_eq!(derived("tenant_", "7 Dwarfs", 36), "tenant_7_dwarfs_36");
    }

    #[test]
    fn names_equal_in_their_first_63_bytes_get_two_schemas() {
        let (left, right) = (format!("{}x", "a".repeat(80)), format!("{}y", "a".repeat(80)));

        let (one, two) = (derived("tenant_", &left, 1), derived("tenant_", &right, 2));

        assert_ne!(one, two);
        assert_eq!((one.len(), two.len()), (63, 63));
    }

    #[test]
    fn refuses_a_prefix_that_could_make_a_bad_name() {
        for (prefix, error) in [
            ("", SchemaNameError::PrefixReserved),
            ("p", SchemaNameError::PrefixReserved),
            ("pg_", SchemaNameError::PrefixReserved),
            ("1", SchemaNameError::BadCharacters),
            ("T_", SchemaNameError::BadCharacters),
            ("a-", SchemaNameError::BadCharacters),
            ("a\"", SchemaNameError::BadCharacters),
        ] {
            assert_eq!(SchemaName::check_prefix(prefix), Err(error), "{prefix:?}");
        }
        assert!(SchemaName::check_prefix(&"a".repeat(35)).is_ok());
        assert!(SchemaName::check_prefix(&"a".repeat(36)).is_err());
    }

    #[test]
    fn refuses_a_stored_name_that_is_not_in_normal_form() {
        assert!(SchemaName::from_registry("acme".to_owned()).is_ok());
        // an earlier release did not reserve this name
        assert!(SchemaName::from_registry("tenantry_extensions".to_owned()).is_ok());
        assert!(SchemaName::from_registry("Acme".to_owned()).is_err());
        assert!(SchemaName::from_registry("public".to_owned()).is_err());
    }

    proptest! {
        #[test]
        fn accepted_names_never_need_quoting(text in "(?s:.){0,70}|[a-zA-Z0-9_]{0,70}") {
            if let Ok(name) = SchemaName::parse(&text) {
                prop_assert!((1..=63).contains(&name.as_str().len()));
                prop_assert!(is_plain(name.as_str()));
                prop_assert_eq!(SchemaName::from_registry(name.as_str().to_owned()).unwrap(), name);
            }
        }

        #[test]
        fn letter_case_never_makes_a_second_schema(text in "[a-zA-Z_][a-zA-Z0-9_]{0,62}") {
            prop_assert_eq!(
                SchemaName::parse(&text.to_uppercase()),
                SchemaName::parse(&text.to_lowercase())
            );
        }

        #[test]
        fn every_tenant_gets_a_name_of_its_own(
            prefix in "[a-z_][a-z0-9_]{0,34}",
            left in "\\PC{1,255}",
            right in "\\PC{1,255}",
            ids in (1..i64::MAX, 1..i64::MAX),
        ) {
            prop_assume!(SchemaName::check_prefix(&prefix).is_ok() && ids.0 != ids.1);
            let derive = |name: &str, id| {
                let name = TenantName::parse(name).ok()?;
                Some(SchemaName::derive(&prefix, &name, TenantId::new(id)).unwrap())
            };
            if let (Some(one), Some(two)) = (derive(&left, ids.0), derive(&right, ids.1)) {
                prop_assert!(one.as_str().starts_with(prefix.as_str()));
                prop_assert_ne!(one, two);
            }
        }
    }
}
