//! Ids that cannot be mistaken for one another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct IdError {
    kind: &'static str,
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident($inner:ty), $kind:literal) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        $(#[$meta])*
        pub struct $name($inner);

        impl $name {
            /// The id with this value, as the database or a caller gave it.
            #[must_use]
            pub const fn new(id: $inner) -> Self {
                Self(id)
            }

            /// The value, as the database stores it.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self).map_err(|_| IdError { kind: $kind })
            }
        }
    };
}

id!(
    /// A tenant: its row in the registry. Never used twice.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    TenantId(i64),
    "tenant"
);
id!(
    /// One tenant asked for in a batch: its row in `operation_items`, and what a job points at.
    ItemId(i64),
    "item"
);
id!(
    /// An operator token: who called.
    OperatorId(i64),
    "operator"
);
id!(
    /// Tenants submitted together. A `UUIDv7`: later batches sort later.
    #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
    OperationId(Uuid),
    "batch"
);

impl OperationId {
    /// A fresh id, later in order than the ones this process minted before.
    #[must_use]
    pub fn mint() -> Self {
        Self(Uuid::now_v7())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_back_the_same_id() {
        let tenant = TenantId::new(42);
        let batch = OperationId::mint();

        assert_eq!(tenant.to_string(), "42");
        assert_eq!("42".parse(), Ok(tenant));
        assert_eq!(batch.to_string().parse(), Ok(batch));
    }

    #[test]
    fn refuses_text_that_is_no_id_and_says_of_what() {
        assert_eq!("x".parse::<ItemId>().unwrap_err().to_string(), "not a valid item id");
        assert_eq!("1".parse::<OperationId>().unwrap_err().to_string(), "not a valid batch id");
        assert!("99999999999999999999".parse::<TenantId>().is_err());
    }

    #[test]
    fn is_a_bare_number_or_uuid_in_json() {
        let batch = OperationId::mint();

        assert_eq!(serde_json::to_string(&OperatorId::new(7)).unwrap(), "7");
        assert_eq!(serde_json::to_string(&batch).unwrap(), format!("\"{batch}\""));
    }

    #[test]
    fn mints_batch_ids_in_order() {
        let minted: Vec<_> = (0..100).map(|_| OperationId::mint()).collect();

        assert!(minted.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(minted[0].get().get_version_num(), 7);
    }
}
