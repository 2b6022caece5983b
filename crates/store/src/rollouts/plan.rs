//! What a rollout would be, and what its admission has to know.

use domain::{Gate, Rollout, Selector, Wave, label_pair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tenants::prefix_pattern;

/// A wave as it would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWave {
    /// Its number, from 1.
    pub wave: u16,
    pub tenants: u64,
    /// How they are chosen.
    pub chosen: Value,
    /// The first 5, `[{tenant_id, tenant_name}]`.
    pub sample: Value,
}

/// The waves as `queries/operations/admit.sql` reads them.
#[must_use]
pub fn prepared(rollout: &Rollout) -> Value {
    let waves = rollout.all_waves();
    let one = |(place, wave): (usize, &Wave)| {
        json!({
            "selector": wave.selector.as_ref().map(conditions),
            "percent": wave.percent,
            "count": wave.count,
            "ids": wave.ids,
            "order_by": wave.order_by,
            "parallel": wave.parallel,
            "halt": rollout.rules(place + 1, wave),
            "bake": wave.bake.unwrap_or_default(),
            "gated": wave.gate == Some(Gate::Manual),
            "told": wave.told(),
        })
    };
    waves.iter().enumerate().map(one).collect()
}

/// The selector's conditions; one that is not there is left out.
fn conditions(selector: &Selector) -> Value {
    let mut conditions = json!({});
    if !selector.status.is_empty() {
        conditions["status"] = json!(selector.status);
    }
    if let Some(feature) = &selector.feature {
        conditions["feature"] = json!(feature);
    }
    if let Some((key, value)) = selector.label.as_deref().and_then(label_pair) {
        conditions["label"] = json!({ key: value });
    }
    if let Some(prefix) = &selector.name_prefix {
        conditions["name"] = json!(prefix_pattern(prefix));
    }
    if let Some(moment) = selector.created_before {
        conditions["created_before"] = json!(moment);
    }
    if !selector.external_ids.is_empty() {
        conditions["external_ids"] = json!(selector.external_ids);
    }
    conditions
}
