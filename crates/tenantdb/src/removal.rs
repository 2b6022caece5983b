//! Takes a tenant out of its database: its schema and its role, and nothing that is somebody else's.

use domain::{RoleName, SchemaName};
use sqlx::{PgConnection, Row as _};

use crate::{
    ident::{Ident, run},
    makers,
    mark::{Mark, Owner},
    schema::owner_in,
};

const REMAINS: &str = include_str!("queries/remains.sql");
const PORTION: &str = include_str!("queries/portion.sql");

/// Objects that one transaction may drop: each takes up to 20 places in the server's table of locks, which has 6,400 by
/// its defaults and is everybody's.
pub const AT_ONCE: usize = 100;

/// Things that are told by name, at most.
const NAMED: usize = 10;

/// A tenant that is to be taken out.
#[derive(Debug, Clone)]
pub struct Leaving<'a> {
    pub schema: &'a SchemaName,
    pub role: &'a RoleName,
    pub mark: Mark,
    /// Whether the schema was there before the tenant, and is to be dropped all the same.
    pub imported: bool,
}

impl Leaving<'_> {
    fn owns(&self, owner: &Owner) -> bool {
        if self.imported { owner.is_imported(&self.mark) } else { owner.is(&self.mark) }
    }
}

/// What lies in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    pub owner: Owner,
    /// Tables, views, sequences, functions, types: what the schema names.
    pub objects: usize,
    /// What in it is somebody else's, or is somebody else's and needs it, in sentences; the first of them.
    pub foreign: Vec<String>,
}

/// What lies in each of the schemas.
pub async fn remains(
    conn: &mut PgConnection,
    schemas: &[&SchemaName],
) -> sqlx::Result<Vec<Remains>> {
    let names: Vec<&str> = schemas.iter().map(|schema| schema.as_str()).collect();
    let rows = sqlx::query(REMAINS).bind(names).fetch_all(conn).await?;
    let read = |row: &_| -> sqlx::Result<Remains> {
        let objects: i64 = sqlx::Row::try_get(row, 2)?;
        let objects = usize::try_from(objects).unwrap_or_default();
        Ok(Remains { owner: owner_in(row)?, objects, foreign: row.try_get(3)? })
    };
    rows.iter().map(read).collect()
}

/// How many objects lie in each of the schemas.
pub async fn sizes(conn: &mut PgConnection, schemas: &[String]) -> sqlx::Result<Vec<usize>> {
    let sizes: Vec<i64> = sqlx::query_scalar(
        "select (select count(*) from pg_catalog.pg_depend d
                 where d.refclassid = 'pg_catalog.pg_namespace'::regclass
                     and d.refobjid = to_regnamespace(quote_ident(t.name))::oid and d.deptype = 'n')
         from unnest($1::text[]) with ordinality as t (name, place)
         order by t.place",
    )
    .bind(schemas)
    .fetch_all(conn)
    .await?;
    Ok(sizes.into_iter().map(|size| usize::try_from(size).unwrap_or_default()).collect())
}

impl Remains {
    /// Why the tenant with this mark may not have it dropped, if that is so.
    pub fn refusal(&self, leaving: &Leaving<'_>) -> Option<String> {
        let schema = leaving.schema.as_str();
        match &self.owner {
            Owner::Nobody => None,
            owner if !leaving.owns(owner) => {
                Some(format!("schema {schema} does not bear this tenant's mark"))
            }
            _ if self.foreign.is_empty() => None,
            _ => {
                let more = if self.foreign.len() > NAMED { "; and more" } else { "" };
                let named = self.foreign[..self.foreign.len().min(NAMED)].join("; ");
                Some(format!("in schema {schema}: {named}{more}"))
            }
        }
    }
}

/// Drops the schemas with all that is in them; look at what [`remains`] first. One message.
///
/// # Errors
/// SQLSTATE 55P03 on a lock time-out.
pub async fn drop_schemas(conn: &mut PgConnection, schemas: &[&SchemaName]) -> sqlx::Result<()> {
    // One statement for all would look for each object among all the others.
    let drop = |it: &&SchemaName| format!("drop schema {} cascade", Ident::from(*it));
    let drops: Vec<String> = schemas.iter().map(drop).collect();
    if drops.is_empty() { Ok(()) } else { run(conn, drops.join(";\n")).await }
}

/// Drops some of the relations in a schema, with what depends on them; false when there are none. Look at what
/// [`remains`] first, in the same transaction.
///
/// # Errors
/// SQLSTATE 55P03 on a lock time-out.
pub async fn drop_portion(conn: &mut PgConnection, schema: &SchemaName) -> sqlx::Result<bool> {
    let most = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    let drops: Vec<String> =
        sqlx::query_scalar(PORTION).bind(schema.as_str()).bind(most).fetch_all(&mut *conn).await?;
    if drops.is_empty() {
        return Ok(false);
    }
    run(conn, drops.join(";\n")).await?;
    Ok(true)
}

/// Drops those roles that bear their tenants' marks, once their schemas are gone: with what else they own or may do
/// in this database. Says which are left, with the reason.
///
/// # Errors
/// SQLSTATE 2BP01 when a role has something in another database or a right that somebody else gave it, or somebody
/// else's object needs one of its own.
pub async fn drop_roles(
    conn: &mut PgConnection,
    leaving: &[Leaving<'_>],
) -> sqlx::Result<Vec<(usize, String)>> {
    let names: Vec<&str> = leaving.iter().map(|it| it.role.as_str()).collect();
    let rows = sqlx::query(
        "select r.oid is not null, c.description, exists (
             select from pg_catalog.pg_shdepend d
             where d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = r.oid
                 and d.deptype in ('o', 'a', 'r')
             offset 0)
         from unnest($1::text[]) with ordinality as t (name, place)
         -- the OFFSETs: each by its key, and not in a hash of all there are
         left join lateral (select a.oid from pg_catalog.pg_roles a where a.rolname = t.name offset 0) r on true
         left join lateral (
             select a.description from pg_catalog.pg_shdescription a
             where a.objoid = r.oid and a.classoid = 'pg_catalog.pg_authid'::regclass offset 0) c on true
         order by t.place",
    )
    .bind(names)
    .fetch_all(&mut *conn)
    .await?;
    let (mut drops, mut left) = (Vec::new(), Vec::new());
    for (place, (row, it)) in rows.iter().zip(leaving).enumerate() {
        match owner_in(row)? {
            Owner::Nobody => {}
            owner if owner.is(&it.mark) => {
                if row.try_get(2)? {
                    drop_owned_by(conn, it.role).await?;
                }
                let drop = format!("drop role {}", Ident::from(it.role));
                drops.push(makers::changing(conn, it.role, drop));
            }
            _ => left.push((place, format!("role {} bears another mark", it.role.as_str()))),
        }
    }
    if left.is_empty() && !drops.is_empty() {
        run(conn, drops.join(";\n")).await?;
    }
    Ok(left)
}

/// What the role owns in this database, and every right that it was given there by the connected role or on what
/// that one owns. It needs the role's own rights, which go with the role.
async fn drop_owned_by(conn: &mut PgConnection, role: &RoleName) -> sqlx::Result<()> {
    let (has_them, me): (bool, String) = sqlx::query_as(
        "select pg_has_role(to_regrole(quote_ident($1)), 'usage'), quote_ident(current_user)",
    )
    .bind(role.as_str())
    .fetch_one(&mut *conn)
    .await?;
    let name = Ident::from(role);
    if !has_them {
        let options = if makers::are_members(conn) { " with inherit true" } else { "" };
        let grant = makers::changing(conn, role, format!("grant {name} to {me}{options}"));
        run(conn, grant).await?;
    }
    run(conn, format!("drop owned by {name}")).await
}
