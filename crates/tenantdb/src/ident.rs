//! Names and texts as SQL spells them: the only door from a value into a statement.

use std::fmt;

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection};

/// An identifier, quoted: whatever the name holds, the server reads back exactly that name.
///
/// A name gets in only as a parsed [`SchemaName`] or [`RoleName`], or by [`Ident::quote`] when
/// it was read back from a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ident(String);

impl Ident {
    /// Quotes a name that a catalogue holds, whatever characters are in it.
    ///
    /// # Panics
    /// On a NUL, which no name in PostgreSQL can hold and which would cut the message short.
    pub fn quote(name: &str) -> Self {
        assert!(!name.contains('\0'), "a name from a catalogue holds no NUL");
        Self(format!("\"{}\"", name.replace('"', "\"\"")))
    }

    /// The identifier as a string constant, which `to_regrole` and its kin read.
    pub(crate) fn as_text(&self) -> String {
        literal(&self.0)
    }
}

impl From<&SchemaName> for Ident {
    fn from(name: &SchemaName) -> Self {
        Self::quote(name.as_str())
    }
}

impl From<&RoleName> for Ident {
    fn from(name: &RoleName) -> Self {
        Self::quote(name.as_str())
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text as a string constant, right whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// Texts as a constant of type `text[]`.
pub(crate) fn array<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(literal).collect();
    format!("array[{}]::text[]", texts.join(", "))
}

/// Runs statements that were put together from these.
pub(crate) async fn run(conn: &mut PgConnection, text: impl Into<String>) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(text.into())).execute(conn).await.map(drop)
}

/// A dollar quote that none of the texts can end: `$tenantry$`, `$tenantry1$`, …
pub(crate) fn dollar_tag<'a>(texts: impl IntoIterator<Item = &'a str> + Clone) -> String {
    (0_u32..)
        .map(|n| if n == 0 { "$tenantry$".to_owned() } else { format!("$tenantry{n}$") })
        // without its last `$` too: a text that ends in `$tenantry` would finish the quote early
        .find(|tag| !texts.clone().into_iter().any(|t| t.contains(&tag[..tag.len() - 1])))
        .expect("a finite text cannot hold every number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_inside_a_name_cannot_end_it() {
        assert_eq!(
            Ident::quote("a\"; drop table x; --").to_string(),
            "\"a\"\"; drop table x; --\""
        );
    }

    #[test]
    fn a_quote_or_backslash_inside_a_text_cannot_end_it() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("\\' x"), " E'\\\\'' x'");
    }

    #[test]
    fn a_dollar_tag_is_in_none_of_the_texts() {
        assert_eq!(dollar_tag(["select 1"]), "$tenantry$");
        assert_eq!(dollar_tag(["$tenantry$ x", "$tenantry1$"]), "$tenantry2$");
        assert_eq!(dollar_tag(["select 1 $tenantry"]), "$tenantry1$");
    }
}
