//! How a tenant's schema differs from what its migrations make, object by object.

use std::collections::BTreeMap;

use crate::promise::Promise;
use crate::shape::{Difference, Shape};
use crate::survey::{Grant, Survey};
use crate::verify::{unasked, unqualified};

/// Tables in which other migration tools keep what they applied. They, and what belongs to them, are no drift.
pub const FOREIGN_VERSION_TABLES: [&str; 4] =
    ["alembic_version", "django_migrations", "schema_migrations", "flyway_schema_history"];

/// Parts of relations, which are told with the relation when all of it is missing or in no migration.
const PARTS: [&str; 6] = ["column", "constraint", "index", "trigger", "policy", "rule"];

/// How the name of a right begins.
const RIGHT: &str = "right: ";

/// An object in which a schema is not what its migrations make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    /// Kind and name, without the schema's name.
    pub object: String,
    pub difference: Difference,
    /// What the migrations make; `None` where it has no definition. It may hold SQL.
    pub reference: Option<String>,
    /// What is in the tenant's schema, likewise.
    pub tenant: Option<String>,
}

impl Drifted {
    /// Whether it is a right, or who owns an object.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.object.starts_with(RIGHT)
    }

    /// What differs, in a sentence without SQL.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.difference.sentence(&self.object)
    }
}

/// The objects, then the rights in which the schema differs.
pub(crate) fn of(found: &Survey, promise: &Promise) -> Vec<Drifted> {
    let schema = &found.spelling;
    let expected = objects(&promise.shape_in(schema), schema);
    let there = objects(&found.shape, schema);
    let mut drifted = missing_and_changed(&expected, &there);
    let extra = there.iter().filter(|(object, _)| !expected.contains_key(*object));
    drifted.extend(extra.map(|(object, definition)| Drifted {
        object: object.clone(),
        difference: Difference::Extra,
        reference: None,
        tenant: text(definition),
    }));
    let rights = unasked(found, promise).map(|grant| right(grant, schema));
    drifted.extend(rights);
    drifted.retain(|it| !promise.is_foreign(&it.object));
    without_parts(drifted)
}

fn missing_and_changed(expected: &Objects, there: &Objects) -> Vec<Drifted> {
    let drifted = |(object, definition): (&String, &String)| {
        let tenant = there.get(object);
        let difference = match tenant {
            None => Difference::Missing,
            Some(other) if other != definition => Difference::Changed,
            Some(_) => return None,
        };
        let (reference, tenant) = (text(definition), tenant.and_then(|it| text(it)));
        Some(Drifted { object: object.clone(), difference, reference, tenant })
    };
    expected.iter().filter_map(drifted).collect()
}

fn text(definition: &str) -> Option<String> {
    let text = definition.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A right that is not as it is given to every tenant.
fn right(grant: &Grant, schema: &str) -> Drifted {
    let difference = match grant.right.as_str() {
        "OWNER" => Difference::Changed,
        right if right.starts_with("LACKS ") => Difference::Missing,
        _ => Difference::Extra,
    };
    let grantee = &grant.grantee;
    let object = match grant.right.strip_prefix("LACKS ").unwrap_or(&grant.right) {
        "OWNER" => format!("owner of {}", grant.object),
        right => format!("{right} of {grantee} on {}", grant.object),
    };
    let is_owner = difference == Difference::Changed;
    Drifted {
        object: format!("{RIGHT}{}", plain(&object, schema)),
        difference,
        reference: is_owner.then(|| "the schema's owner".to_owned()),
        tenant: is_owner.then(|| grantee.clone()),
    }
}

/// Definitions by object: kind and name without the schema's.
type Objects = BTreeMap<String, String>;

/// A function and a type have a name and a definition in the shape: one object here.
fn objects(shape: &Shape, schema: &str) -> Objects {
    let mut objects = Objects::new();
    for (object, definition) in shape {
        let name = object.strip_prefix("definition of ").unwrap_or(object);
        let into = objects.entry(plain(name, schema)).or_default();
        if !definition.is_empty() {
            *into = unqualified(definition, schema);
        }
    }
    objects
}

fn plain(object: &str, schema: &str) -> String {
    unqualified(object, schema).replace("pg_catalog.", "")
}

/// The other tool's version table that the object is, or belongs to.
pub(crate) fn foreign_table(object: &str) -> Option<&'static str> {
    let belongs = |word: &str, table: &str| {
        word.strip_prefix(table).is_some_and(|rest| {
            let is_sequence = rest.starts_with('_') && rest.ends_with("_seq");
            rest.is_empty() || rest.starts_with('.') || is_sequence
        })
    };
    let of_word = |word| FOREIGN_VERSION_TABLES.into_iter().find(|table| belongs(word, table));
    object.split(' ').skip(1).find_map(of_word)
}

/// Leaves out the parts of what is missing or extra as a whole.
fn without_parts(drifted: Vec<Drifted>) -> Vec<Drifted> {
    let of = |object: &str| {
        let (kind, name) = object.split_once(' ')?;
        Some((PARTS.contains(&kind), name.to_owned()))
    };
    let whole: Vec<String> = drifted
        .iter()
        .filter(|it| it.difference != Difference::Changed && !it.is_right())
        .filter_map(|it| of(&it.object).filter(|(is_part, _)| !is_part).map(|(_, name)| name))
        .collect();
    let is_told = |it: &Drifted| match of(&it.object) {
        Some((true, name)) => {
            let relation = name.split_once('.').map_or("", |(relation, _)| relation);
            whole.iter().any(|name| name.rsplit(' ').next() == Some(relation))
        }
        _ => false,
    };
    drifted.into_iter().filter(|it| !is_told(it)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tools_table_is_known_with_what_belongs_to_it_and_no_other_is() {
        for object in [
            "table django_migrations",
            "column django_migrations.id",
            "index django_migrations.django_migrations_pkey",
            "sequence django_migrations_id_seq",
            "right: SELECT of the role on table alembic_version",
        ] {
            assert!(foreign_table(object).is_some(), "{object}");
        }
        for object in ["table schema_migrations_old", "table a.django_migrations", "table person"] {
            assert!(foreign_table(object).is_none(), "{object}");
        }
    }
}
