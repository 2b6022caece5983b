//! What a set of migrations makes of an empty schema.

mod learn;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use crate::Ident;
use crate::drift::foreign_table;
use crate::shape::{self, Shape};
use crate::shared::TenantPath;
use crate::survey::{Depth, Grant};

/// The shape that a set of migrations promises, to grant on and to hold schemas against.
///
/// It was learnt in a scratch schema whose name is long and random. Definitions name it, so it
/// is put in for the name of the schema to compare: exactly what the server would say of that.
#[derive(Debug, Clone)]
pub struct Promise {
    scratch: String,
    shape: Shape,
    /// Rights of others that the migrations give.
    grants: BTreeSet<String>,
    /// Rights of others that default privileges of the connected role give.
    defaults: BTreeSet<String>,
    depth: Depth,
    grantable: Grantable,
    locks: usize,
    lock_places: usize,
    /// Whether a schema made by the set under one name is, renamed, what it would have been made
    /// under the other.
    survives_renaming: bool,
    one_transaction: bool,
    own_row: bool,
    path: TenantPath,
    /// The digest of a schema that was read and found as promised.
    kept_by: Arc<OnceLock<String>>,
}

/// What a tenant's role is given rights on, as SQL names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grantable {
    pub(crate) tables: Vec<String>,
    pub(crate) sequences: Vec<String>,
    pub(crate) routines: Vec<String>,
}

impl Promise {
    /// The shape in a form that is the same in every process: without the schema's name.
    #[must_use]
    pub fn in_any_schema(&self) -> Shape {
        shape::with_names(&self.shape, |text| text.replace(&self.scratch, NAMELESS))
    }

    /// How this promise differs from one in the form of [`Promise::in_any_schema`], in sentences
    /// without SQL.
    #[must_use]
    pub fn differences_from(&self, expected: &Shape) -> Vec<String> {
        shape::differences(expected, &self.in_any_schema())
    }

    /// The same promise with the shape that the set made when it was first learnt, given in the form of
    /// [`Promise::in_any_schema`].
    #[must_use]
    pub fn as_first_learnt(self, shape: &Shape) -> Self {
        let shape = shape::with_names(shape, |text| text.replace(NAMELESS, &self.scratch));
        Self { depth: depth_of(&shape), shape, kept_by: Arc::default(), ..self }
    }

    /// Whether a schema of this digest was read and found as promised.
    pub(crate) fn was_kept_by(&self, digest: &str) -> bool {
        self.kept_by.get().is_some_and(|kept| kept == digest)
    }

    /// Tells that one was; the first is remembered.
    pub(crate) fn note_kept_by(&self, digest: &str) {
        if !digest.is_empty() {
            self.kept_by.get_or_init(|| digest.to_owned());
        }
    }

    /// The shape promised to a schema, whose name the server spells as given.
    pub(crate) fn shape_in(&self, spelling: &str) -> Shape {
        shape::with_names(&self.shape, |text| self.put(text, spelling))
    }

    /// Whether the migrations give this right in a schema, whose name the server spells as given.
    pub(crate) fn grants(&self, grant: &Grant, spelling: &str) -> bool {
        self.is_among(&self.grants, grant, spelling)
    }

    /// Whether the object belongs to a version table of another tool, which no migration makes.
    pub(crate) fn is_foreign(&self, object: &str) -> bool {
        let is_made = |table: &str| self.shape.contains_key(&format!("table {table}"));
        foreign_table(object).is_some_and(|table| !is_made(table))
    }

    /// Whether the right comes from default privileges, which open every new schema.
    pub(crate) fn defaults_give(&self, grant: &Grant, spelling: &str) -> bool {
        self.is_among(&self.defaults, grant, spelling)
    }

    fn is_among(&self, sentences: &BTreeSet<String>, grant: &Grant, spelling: &str) -> bool {
        sentences.iter().any(|sentence| self.put(sentence, spelling) == grant.to_string())
    }

    /// How many tenants one transaction may make, at least one, where `transactions` of them run at
    /// once and leave half of the server's table of locks to others.
    #[must_use]
    pub fn tenants_at_once(&self, transactions: usize) -> usize {
        (self.lock_places / 2 / transactions.max(1) / self.locks.max(1)).max(1)
    }

    /// Why no tenants may be built in advance, if that is so.
    #[must_use]
    pub fn no_spares(&self) -> Option<&'static str> {
        if !self.one_transaction {
            return Some("the tenant migrations take several transactions");
        }
        let knows_name = "the tenant migrations know the name of the schema they run in";
        (!self.survives_renaming).then_some(knows_name)
    }

    /// Whether an empty schema takes all of the set in one transaction: whether tenants may be made in
    /// groups and in advance. [`crate::MigrationSet::in_one_transaction`] keeps it with the set.
    #[must_use]
    pub fn is_one_transaction(&self) -> bool {
        self.one_transaction
    }

    /// Whether the set makes a table for the tenant's own row ([`crate::own_row`]).
    #[must_use]
    pub fn has_own_row(&self) -> bool {
        self.own_row
    }

    /// The search path of tenants that have the set.
    #[must_use]
    pub fn path(&self) -> TenantPath {
        self.path
    }

    /// What to look for in a schema to hold it against the promise.
    pub(crate) fn depth(&self) -> Depth {
        self.depth
    }

    /// What the role of a schema is to have rights on.
    pub(crate) fn grantable_in(&self, schema: &Ident) -> Grantable {
        let put = |names: &Vec<String>| {
            names.iter().map(|name| self.put(name, &schema.to_string())).collect()
        };
        Grantable {
            tables: put(&self.grantable.tables),
            sequences: put(&self.grantable.sequences),
            routines: put(&self.grantable.routines),
        }
    }

    fn put(&self, text: &str, schema: &str) -> String {
        let text = text.replace(&format!("{}.", self.scratch), &format!("{schema}."));
        // by itself the name stands in a text constant: put there by `current_schema()`, or as the path
        // of a function
        if !text.contains(&self.scratch) {
            return text;
        }
        let path = |name: &str| format!("search_path={name}");
        // the server shows an array here: a quotation mark has a backslash before it
        let in_array = schema.replace('"', "\\\"");
        text.replace(&path(&self.scratch), &path(&in_array))
            .replace(&self.scratch, &unquoted(schema))
    }
}

/// The name that the server spells like this.
fn unquoted(spelling: &str) -> String {
    match spelling.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(name) => name.replace("\"\"", "\""),
        None => spelling.to_owned(),
    }
}

/// What stands for the schema's name in a shape that is no schema's.
const NAMELESS: &str = "{schema}";

/// The rarer kinds of object that are in a shape.
fn depth_of(shape: &Shape) -> Depth {
    let has = |kind: &str| shape.keys().any(|object| object.starts_with(kind));
    Depth {
        triggers: has("trigger "),
        policies: has("policy "),
        rules: has("rule "),
        functions: has("definition of function "),
        types: has("definition of type "),
    }
}
