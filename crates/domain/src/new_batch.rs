//! A submitted batch: every item parsed on its own, so that a bad one never harms the others.

use std::collections::HashMap;

use serde_json::Value;

use crate::storable::storable;
use crate::{ItemError, Mode, NewTenant, SettingsPolicy, codes};

/// One item of a submitted batch.
#[derive(Debug, Clone, PartialEq)]
pub struct NewItem {
    /// Its place in the request, from 0.
    pub index: u32,
    /// What the caller sent, to be recorded. U+0000 is replaced by U+FFFD: `jsonb` cannot hold it.
    pub request: Value,
    /// The tenant to make, or why there is none.
    pub outcome: Result<NewTenant, ItemError>,
}

/// A submitted batch.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBatch {
    /// How the tenants hang together.
    pub mode: Mode,
    /// The items, in the order of the request.
    pub items: Vec<NewItem>,
}

impl NewBatch {
    /// The batch of the tenants in `requests`. An item whose domain, schema name or external id a
    /// good earlier item has too, in any writing, fails as a duplicate that names that item's index.
    #[must_use]
    pub fn parse(requests: Vec<Value>, mode: Mode, policy: &SettingsPolicy) -> Self {
        let mut claims = Claims::default();
        let items = (0..)
            .zip(requests)
            .map(|(index, request)| {
                let outcome = NewTenant::parse(&request, policy)
                    .map_err(ItemError::from)
                    .and_then(|tenant| claims.stake(index, tenant));
                NewItem { index, request: storable(request), outcome }
            })
            .collect();
        Self { mode, items }
    }

    /// The items that are to be provisioned, with their tenants.
    pub fn accepted(&self) -> impl Iterator<Item = (&NewItem, &NewTenant)> {
        self.items.iter().filter_map(|item| item.outcome.as_ref().ok().map(|ok| (item, ok)))
    }

    /// The items that fail at once, with the reason.
    pub fn rejected(&self) -> impl Iterator<Item = (&NewItem, &ItemError)> {
        self.items.iter().filter_map(|item| item.outcome.as_ref().err().map(|err| (item, err)))
    }
}

/// Which item has what, in normal form.
#[derive(Default)]
struct Claims(HashMap<(&'static str, String), u32>);

impl Claims {
    /// All of the tenant's names, or none: one that fails keeps nothing from a later item.
    fn stake(&mut self, index: u32, tenant: NewTenant) -> Result<NewTenant, ItemError> {
        let claims = [
            ("domain", Some(tenant.domain.as_str())),
            ("schema_name", tenant.schema.as_ref().map(|schema| schema.as_str())),
            ("external_id", tenant.external_id.as_ref().map(|id| id.as_str())),
        ];
        let claims = claims.into_iter().filter_map(|(field, name)| Some((field, name?.to_owned())));
        let claims: Vec<_> = claims.collect();
        for claim in &claims {
            if let Some(first) = self.0.get(claim) {
                let message = format!("{} is the same as that of item {first}", claim.0);
                return Err(ItemError::rejected(codes::DUPLICATE_IN_BATCH, message));
            }
        }
        self.0.extend(claims.into_iter().map(|claim| (claim, index)));
        Ok(tenant)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parsed(requests: Vec<Value>) -> NewBatch {
        NewBatch::parse(requests, Mode::Independent, &SettingsPolicy::default())
    }

    fn tenant(domain: &str) -> Value {
        json!({"tenant_name": "Acme", "domain": domain})
    }

    fn code(batch: &NewBatch, index: usize) -> Option<&str> {
        batch.items[index].outcome.as_ref().err().map(|error| error.code.as_str())
    }

    #[test]
    fn a_bad_item_does_not_harm_the_others() {
        let batch = parsed(vec![tenant("a.example"), json!(7), tenant("-.b"), tenant("c.example")]);

        assert_eq!(batch.accepted().map(|(item, _)| item.index).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(batch.rejected().map(|(item, _)| item.index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            (code(&batch, 1), code(&batch, 2)),
            (Some("invalid_field"), Some("invalid_domain"))
        );
    }

    #[test]
    fn the_later_duplicate_fails_and_names_the_first_in_any_writing() {
        let batch = parsed(vec![
            tenant("x.example"),
            tenant("bücher.example"),
            tenant("XN--BCHER-KVA.Example."),
            tenant("BÜCHER.example"),
        ]);

        for later in [2, 3] {
            let error = batch.items[later].outcome.as_ref().unwrap_err();
            assert_eq!(error.code, codes::DUPLICATE_IN_BATCH);
            assert_eq!(error.message, "domain is the same as that of item 1");
            assert!(!error.retryable);
        }
    }

    #[test]
    fn schema_names_clash_in_any_letter_case_and_external_ids_only_as_they_are() {
        let with = |i: usize, field: &str, value: &str| json!({"tenant_name": "A", "domain": format!("{i}a.example"), field: value});
        let batch = parsed(vec![
            with(0, "schema_name", "acme"),
            with(1, "schema_name", "ACME"),
            with(2, "external_id", "cus_A"),
            with(3, "external_id", "cus_a"),
            with(4, "external_id", "cus_A"),
            with(5, "external_id", "acme"),
        ]);

        let codes: Vec<_> = (0..6).map(|i| code(&batch, i)).collect();

        let duplicate = Some("duplicate_in_batch");
        assert_eq!(codes, [None, duplicate, None, None, duplicate, None]);
    }

    #[test]
    fn an_item_that_fails_keeps_no_name_from_a_later_one() {
        let request = |name: &str, domain: &str, schema: &str| json!({"tenant_name": name, "domain": domain, "schema_name": schema});
        let batch = parsed(vec![
            request("", "a.example", "one"),
            request("A", "a.example", "one"),
            request("B", "a.example", "two"),
            request("C", "c.example", "two"),
        ]);

        let codes: Vec<_> = (0..4).map(|i| code(&batch, i)).collect();

        let expected = [Some("invalid_tenant_name"), None, Some("duplicate_in_batch"), None];
        assert_eq!(codes, expected);
    }

    #[test]
    fn what_was_refused_for_a_nul_can_still_be_recorded() {
        let batch = parsed(vec![json!({"tenant_name": "a\u{0}b", "domain": "a.example"})]);

        assert_eq!(code(&batch, 0), Some("invalid_tenant_name"));
        assert_eq!(batch.items[0].request["tenant_name"], "a\u{fffd}b");
    }

    #[test]
    fn the_same_name_twice_is_no_clash() {
        assert_eq!(parsed(vec![tenant("a.example"), tenant("b.example")]).accepted().count(), 2);
    }

    proptest! {
        #[test]
        fn accepted_items_never_share_a_domain_or_schema(
            picks in prop::collection::vec(("[aA]{1,2}\\.(b|B)\\.?", "[xX]{1,2}"), 0..12)
        ) {
            let requests = picks
                .iter()
                .map(|(d, s)| json!({"tenant_name": "A", "domain": d, "schema_name": s}))
                .collect();

            let batch = parsed(requests);

            let mut seen = std::collections::HashSet::new();
            for (_, tenant) in batch.accepted() {
                prop_assert!(seen.insert(tenant.domain.as_str().to_owned()));
                prop_assert!(seen.insert(tenant.schema.as_ref().unwrap().as_str().to_owned()));
            }
            prop_assert_eq!(batch.items.len(), picks.len());
            prop_assert!(picks.is_empty() || batch.accepted().count() > 0);
        }
    }
}
