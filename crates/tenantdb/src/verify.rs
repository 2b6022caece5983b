//! Holds what exists against what was promised: the mark, the shape, the versions, the rights.

use domain::{RoleName, SchemaName};
use sqlx::PgConnection;

use crate::mark::Mark;
use crate::migrations::{MigrationSet, VERSION_TABLE};
use crate::newcomers::Newcomer;
use crate::promise::Promise;
use crate::shape;
use crate::survey::{self, Relation, Subject, Survey};

/// Checks a tenant's schema and role in one message: that both bear the mark, that the schema
/// holds exactly what the migrations make, applied as they are now; that the role may use its own
/// tables and sequences, and is refused the neighbour's schema, `tenantry`, `apalis`, creating in
/// `public` and temporary tables. Schemas that do not exist are passed over.
///
/// Triggers and policies beyond the promised are noticed where the migrations make any; functions,
/// types, columns, constraints and indexes always. When the version table is missing, a
/// transaction of the caller is aborted.
///
/// # Errors
/// [`VerifyError::Violated`] lists all that is wrong, in sentences without SQL.
pub async fn verify(
    conn: &mut PgConnection,
    schema: &SchemaName,
    role: &RoleName,
    mark: &Mark,
    set: &MigrationSet,
    promise: &Promise,
    neighbour: Option<&SchemaName>,
) -> Result<(), VerifyError> {
    let subject = Subject { role, mark, neighbour };
    let found = survey::read(conn, schema, promise.depth(), Some(subject))
        .await
        .map_err(|source| VerifyError::Database { source })?;
    let violations = violations(&found, set, promise);
    if violations.is_empty() { Ok(()) } else { Err(VerifyError::Violated { violations }) }
}

/// What [`verify`] does, for tenants that were made in this transaction, each with its neighbour.
/// One message.
///
/// # Errors
/// As [`verify`], for the first that is not as promised.
pub async fn verify_newcomers(
    conn: &mut PgConnection,
    newcomers: &[(Newcomer<'_>, Option<&SchemaName>)],
    set: &MigrationSet,
    promise: &Promise,
) -> Result<(), VerifyError> {
    let surveys = survey::read_all(conn, &subjects(newcomers), promise.depth())
        .await
        .map_err(|source| VerifyError::Database { source })?;
    match surveys.iter().map(|found| violations(found, set, promise)).find(|v| !v.is_empty()) {
        Some(violations) => Err(VerifyError::Violated { violations }),
        None => Ok(()),
    }
}

/// Checks tenants that got what was built and verified in advance, each with its neighbour: that
/// schema and role bear their names and marks, and the role's rights and powers. What lies in the
/// schema was held against the migrations when it was built. One message.
///
/// # Errors
/// As [`verify`], for the first that is not as promised.
pub async fn verify_adopted(
    conn: &mut PgConnection,
    adopted: &[(Newcomer<'_>, Option<&SchemaName>)],
) -> Result<(), VerifyError> {
    let surveys = survey::read_rights(conn, &subjects(adopted))
        .await
        .map_err(|source| VerifyError::Database { source })?;
    match surveys.iter().map(broken_rules).find(|v| !v.is_empty()) {
        Some(violations) => Err(VerifyError::Violated { violations }),
        None => Ok(()),
    }
}

fn subjects<'a>(
    newcomers: &'a [(Newcomer<'a>, Option<&'a SchemaName>)],
) -> Vec<(&'a SchemaName, Subject<'a>)> {
    let subject = |(newcomer, neighbour): &'a (Newcomer<'a>, Option<&'a SchemaName>)| {
        let subject = Subject { role: newcomer.role, mark: &newcomer.mark, neighbour: *neighbour };
        (newcomer.schema, subject)
    };
    newcomers.iter().map(subject).collect()
}

/// What is wrong with a tenant's schema or role.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something is not as promised.
    #[error("the tenant's schema is not as promised: {}", violations.join("; "))]
    Violated {
        /// Each of the faults, as a sentence.
        violations: Vec<String>,
    },
    /// The catalogues could not be read.
    #[error("could not read the tenant's schema")]
    Database {
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

const NO_SCHEMA: &str = "the schema does not exist";
const NO_ROLE: &str = "the role does not exist";

/// What a broken rule of `queries/rights.sql` means, in its order.
const RULES: [&str; 14] = [
    NO_SCHEMA,
    NO_ROLE,
    "the schema does not bear the tenant's mark",
    "the role does not bear the tenant's mark",
    "the role has powers beyond its schema",
    "the role is not in the tenants' group",
    "the role is in a group besides the tenants'",
    "the role owns its schema",
    "the role may not use its own schema",
    "the role may create objects in its schema",
    // the name of a neighbour is not this tenant's to know
    "the role may enter a schema that is not its own",
    "the role may create objects in schema public",
    "the role may not connect to the database",
    "the role may create temporary tables or schemas",
];

fn broken_rules(found: &Survey) -> Vec<String> {
    let broken = RULES.iter().zip(&found.broken).filter(|(_, broken)| **broken);
    broken.map(|(rule, _)| (*rule).to_owned()).collect()
}

fn violations(found: &Survey, set: &MigrationSet, promise: &Promise) -> Vec<String> {
    let mut violations = broken_rules(found);
    if violations.iter().any(|rule| rule == NO_SCHEMA) {
        return vec![NO_SCHEMA.to_owned()];
    }
    if violations.iter().any(|rule| rule == NO_ROLE) {
        violations.retain(|rule| rule == NO_ROLE);
    } else {
        violations.extend(found.relations.iter().flat_map(rights));
    }
    let differences = shape::differences(&promise.shape_in(&found.spelling), &found.shape);
    violations.extend(differences.iter().map(|sentence| unqualified(sentence, &found.spelling)));
    if let Some(versions) = &found.versions {
        violations.extend(version_faults(set, versions));
    }
    violations
}

/// All sentences are about one schema: its name before each object's would say nothing.
fn unqualified(sentence: &str, schema: &str) -> String {
    [" ", ".", "(", ","].iter().fold(sentence.to_owned(), |text, before| {
        text.replace(&format!("{before}{schema}."), before)
    })
}

fn rights(relation: &Relation) -> Vec<String> {
    let has = |right: &str| relation.rights.split(' ').any(|held| held == right);
    let name = &relation.name;
    let (needed, refused): (&[&str], &[&str]) = match relation.kind.as_str() {
        _ if name == VERSION_TABLE => (&["select"], &["insert", "update", "delete"]),
        "r" | "p" => (&["select", "insert", "update", "delete"], &[]),
        "v" | "m" | "f" => (&["select"], &[]),
        "S" => (&["usage"], &[]),
        _ => (&[], &[]),
    };
    let mut faults = Vec::new();
    for right in needed.iter().filter(|right| !has(right)) {
        faults.push(format!("the role lacks {right} on {name}"));
    }
    if refused.iter().any(|right| has(right)) {
        faults.push("the role may write the record of migrations".to_owned());
    }
    if has("owner") {
        faults.push(format!("the role owns {name}"));
    }
    faults
}

fn version_faults(set: &MigrationSet, applied: &[(i64, String)]) -> Vec<String> {
    let promised = set.iter().filter_map(|migration| {
        let version = migration.version();
        match applied.iter().find(|(applied, _)| *applied == version) {
            None => Some(format!("migration {version} was not applied")),
            Some((_, checksum)) if checksum != migration.checksum() => {
                Some(format!("migration {version} was edited after it had been applied"))
            }
            Some(_) => None,
        }
    });
    let unknown = applied.iter().filter(|(v, _)| set.iter().all(|m| m.version() != *v));
    promised
        .chain(unknown.map(|(v, _)| format!("migration {v} is not among those at hand")))
        .collect()
}
