//! What a migration may use outside its tenant's schema, and only use: what extensions made, and the
//! tables that all tenants share.

use super::names::{self, Stands};
use super::tokens::{Token, word_at};
use super::{Finding, codes};
use crate::shared::EXTENSIONS_SCHEMA;
use crate::shared::Shared;

/// Whether the settings name it, or may: what an extension has is not known here.
pub(super) fn is_shared(schema: &str, name: &str, shared: &Shared) -> bool {
    (schema == EXTENSIONS_SCHEMA && !shared.extensions.is_empty()) || shared.has_table(schema, name)
}

/// Refuses a name where the statement, of which this comes before it, would change what has the name.
pub(super) fn used(
    before: &[Token],
    stands: &Stands,
    schema: &Token,
    name: &str,
) -> Result<(), Finding> {
    let prior = names::without_fillers(before);
    let [.., previous] = prior else { return Ok(()) };
    let earlier = prior.len().checked_sub(2).map_or("", |at| word_at(prior, at));
    let changed = match previous.word() {
        Some("from") => earlier == "delete",
        // `select … into`; `on insert to` of a rule
        Some("into" | "lock" | "to") => true,
        Some("function" | "procedure") if earlier == "execute" => false,
        // of a column, not the type itself
        Some("type") if !before.iter().take(3).any(|t| t.is("type")) => false,
        // these only use it
        Some("join" | "references" | "call") => false,
        Some(word) => {
            *stands == Stands::ForObject && (word == "on" || previous.is_in(names::OBJECT_WORDS))
        }
        None => previous.is_sign(",") && names::lists_objects(before),
    };
    if !changed {
        return Ok(());
    }
    let schema_name = schema.name().unwrap_or("");
    let message = format!("changes {schema_name}.{name}, which all tenants share and may only use");
    Err(Finding::at(schema, codes::FOREIGN_SCHEMA, message))
}
