//! Holds what exists against what was promised: the mark, the shape, the versions, the rights.

use domain::{RoleName, SchemaName};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::ident::{Ident, literal};
use crate::mark::Mark;
use crate::migrations::{self, AppliedMigration, MigrationSet, VERSION_TABLE};
use crate::promise::Promise;
use crate::shape::{self, Shape};

/// Shape and rights in one statement: rows of kind, object, definition.
const STATEMENT: &str = concat!(
    "select 'shape', s.object, s.definition from (",
    include_str!("queries/shape.sql"),
    ") s union all select 'right', r.finding, r.about from (",
    include_str!("queries/rights.sql"),
    ") r union all select 'name', quote_ident($1), current_setting('search_path')"
);

/// Checks a tenant's schema and role in two messages: that both bear the mark, that the schema
/// holds exactly what the migrations make, applied as they are now; that the role may use its own
/// tables and sequences, and is refused the neighbour's schema, `tenantry`, `apalis`, creating in
/// `public` and temporary tables. Schemas that do not exist are passed over.
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
    let tenant = Tenant { schema, role, mark, neighbour };
    let violations = violations(conn, &tenant, set, promise)
        .await
        .map_err(|source| VerifyError::Database { source })?;
    if violations.is_empty() { Ok(()) } else { Err(VerifyError::Violated { violations }) }
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

struct Tenant<'a> {
    schema: &'a SchemaName,
    role: &'a RoleName,
    mark: &'a Mark,
    neighbour: Option<&'a SchemaName>,
}

async fn violations(
    conn: &mut PgConnection,
    tenant: &Tenant<'_>,
    set: &MigrationSet,
    promise: &Promise,
) -> sqlx::Result<Vec<String>> {
    let mut found = read(conn, tenant).await?;
    if found.path != promise.path() {
        found = read_under(conn, tenant, promise.path(), &found.path).await?;
    }
    let mut violations = found.rights;
    violations.extend(shape::differences(&promise.shape_in(&found.schema), &found.shape));
    if found.shape.contains_key(&format!("relation {VERSION_TABLE}")) {
        let table = format!("{}.{VERSION_TABLE}", Ident::from(tenant.schema));
        let applied = migrations::read(conn, &table).await?;
        violations.extend(version_faults(set, &applied));
    }
    Ok(violations)
}

#[derive(Default)]
struct Found {
    /// The schema's name as the server spells it in definitions.
    schema: String,
    path: String,
    shape: Shape,
    rights: Vec<String>,
}

/// Reads again under the path that the promise was learnt under, and puts the path back.
async fn read_under(
    conn: &mut PgConnection,
    tenant: &Tenant<'_>,
    path: &str,
    back: &str,
) -> sqlx::Result<Found> {
    let set = |path: &str| {
        AssertSqlSafe(format!("select set_config('search_path', {}, true)", literal(path)))
    };
    sqlx::raw_sql(set(path)).execute(&mut *conn).await?;
    let found = read(conn, tenant).await?;
    sqlx::raw_sql(set(back)).execute(&mut *conn).await?;
    Ok(found)
}

async fn read(conn: &mut PgConnection, tenant: &Tenant<'_>) -> sqlx::Result<Found> {
    let rows = sqlx::query(STATEMENT)
        .bind(tenant.schema.as_str())
        .bind(tenant.role.as_str())
        .bind(tenant.mark.to_string())
        .bind(RoleName::group(&tenant.mark.installation).as_str())
        .bind(tenant.neighbour.map(SchemaName::as_str))
        .fetch_all(conn)
        .await?;
    let mut found = Found::default();
    for row in &rows {
        let (object, text): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        match row.try_get(0)? {
            "shape" => {
                found.shape.insert(object, text);
            }
            "right" => found.rights.push(sentence(&object, &text)),
            _ => (found.schema, found.path) = (object, text),
        }
    }
    Ok(found)
}

/// What a finding of `queries/rights.sql` means.
fn sentence(finding: &str, about: &str) -> String {
    match finding {
        "no_schema" => "the schema does not exist".to_owned(),
        "no_role" => "the role does not exist".to_owned(),
        "schema_mark" => "the schema does not bear the tenant's mark".to_owned(),
        "role_mark" => "the role does not bear the tenant's mark".to_owned(),
        "role_power" => "the role has powers beyond its schema".to_owned(),
        "not_in_group" => "the role is not in the tenants' group".to_owned(),
        "in_other_group" => "the role is in a group besides the tenants'".to_owned(),
        "owner" => "the role owns objects that it should only use".to_owned(),
        "no_usage" => "the role may not use its own schema".to_owned(),
        "may_create" => "the role may create objects in its schema".to_owned(),
        "writes_versions" => "the role may write the record of migrations".to_owned(),
        // the name of a neighbour is not this tenant's to know
        "enters" => "the role may enter a schema that is not its own".to_owned(),
        "creates_in" => format!("the role may create objects in schema {about}"),
        "no_connect" => "the role may not connect to the database".to_owned(),
        "temporary" => "the role may create temporary tables or schemas".to_owned(),
        lacking => {
            let right = lacking.strip_prefix("lacks_").unwrap_or(lacking);
            format!("the role lacks {right} on {about}")
        }
    }
}

fn version_faults(set: &MigrationSet, applied: &[AppliedMigration]) -> Vec<String> {
    let promised = set.iter().filter_map(|migration| {
        let version = migration.version();
        match applied.iter().find(|a| a.version == version) {
            None => Some(format!("migration {version} was not applied")),
            Some(a) if a.checksum != migration.checksum() => {
                Some(format!("migration {version} was edited after it had been applied"))
            }
            Some(_) => None,
        }
    });
    let unknown = applied.iter().filter(|a| set.iter().all(|m| m.version() != a.version));
    promised
        .chain(unknown.map(|a| format!("migration {} is not among those at hand", a.version)))
        .collect()
}
