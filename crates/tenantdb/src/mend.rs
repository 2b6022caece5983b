//! Puts a tenant's role and the rights in its schema back to what they were when it was made.

use domain::RoleName;
use sqlx::postgres::PgDatabaseError;
use sqlx::{Connection as _, PgConnection};

use crate::elsewhere;
use crate::ident::{Ident, run};
use crate::makers;
use crate::promise::Promise;
use crate::survey::{self, Grant, Subject};
use crate::{application_role, grants, verify};

/// Why a role could not be put back. What was changed by then is the caller's to roll back.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// The connected role may not change the tenant's role, as far as that is needed.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    /// The database refused another statement.
    #[error("could not mend the role and its rights")]
    Database(#[from] sqlx::Error),
}

/// Gives the role its attributes, settings, group and rights again, and takes from it and from others
/// what neither Tenantry nor a migration gave: from it also its rights by name outside the schema. The
/// role's password stays, and its connection limit too unless it is 0. What lies in the schema stays,
/// but for its owner and the rights on it.
///
/// # Errors
/// [`MendError::Refused`] names each change of the role that the connected role may not make; else
/// SQLSTATE 42501 when it may not do all of that, 42704 without the schema or the role.
pub async fn role_and_rights(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    promise: &Promise,
    connection_limit: i32,
) -> Result<(), MendError> {
    let &Subject { schema, role, .. } = subject;
    mend_role(conn, subject, connection_limit).await?;
    // a column's sequence changes its owner with the table, and not by itself
    let of_table = |g: &Grant| g.right == "OWNER" && !g.object.starts_with("sequence ");
    take_back(conn, subject, promise, of_table).await?;
    take_back(conn, subject, promise, |_| true).await?;
    let (schema_name, role_name) = (Ident::from(schema), Ident::from(role));
    run(conn, format!("revoke create on schema {schema_name} from {role_name}")).await?;
    Ok(grants::regrant(conn, schema, role).await?)
}

/// Puts right those of the rights that are neither as Tenantry nor as a migration gave them.
async fn take_back(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    promise: &Promise,
    wanted: impl Fn(&Grant) -> bool,
) -> sqlx::Result<()> {
    let found = survey::read_rights(conn, std::slice::from_ref(subject), true).await?;
    let grants = found.iter().flat_map(|survey| verify::unasked(survey, promise));
    for grant in grants.filter(|grant| wanted(grant)) {
        run(conn, grant.remedy.as_str()).await?;
    }
    Ok(())
}

/// Changes the role itself, one statement after another: one that is refused has to be named.
async fn mend_role(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    connection_limit: i32,
) -> Result<(), MendError> {
    let changes = role_changes(conn, subject, connection_limit).await?;
    let mut refused = Vec::new();
    for change in changes {
        let text = makers::changing(conn, subject.role, change.clone());
        refused.extend(attempt(conn, &change, text).await?);
    }
    for membership in
        application_role::members(conn, subject.role, subject.application_role).await?
    {
        refused.extend(attempt(conn, &membership.told, membership.revoke).await?);
    }
    if let Some(application) = subject.application_role {
        application_role::grant(conn, std::slice::from_ref(subject.role), application).await?;
    }
    let mut revokes = groups_to_leave(conn, subject.role).await?;
    let elsewhere = elsewhere::read(conn, &subject.mark.installation, Some(subject.role)).await?;
    revokes.extend(elsewhere.into_iter().filter_map(|right| right.remedy));
    for revoke in revokes {
        refused.extend(attempt(conn, &revoke, revoke.clone()).await?);
    }
    if refused.is_empty() { Ok(()) } else { Err(MendError::Refused(refused)) }
}

/// Runs the text in a savepoint, and tells what the server says where the connected role may not.
async fn attempt(
    conn: &mut PgConnection,
    change: &str,
    text: String,
) -> sqlx::Result<Option<String>> {
    let mut tx = conn.begin().await?;
    let Err(error) = run(&mut tx, text).await else {
        tx.commit().await?;
        return Ok(None);
    };
    tx.rollback().await?;
    // XX000: nobody whose rights the connected role has could have given it
    let denies = |code: &str| matches!(code, "42501" | "XX000");
    let denied = error.as_database_error().filter(|e| e.code().as_deref().is_some_and(denies));
    let Some(denied) = denied else { return Err(error) };
    let detail = denied.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::detail);
    let detail = detail.map_or_else(String::new, |detail| format!(" ({detail})"));
    Ok(Some(format!("`{change}` was refused: {}{detail}", denied.message())))
}

/// The statements on the role. They name only what is not as it should be: to name an attribute takes
/// the right to change it, which from PostgreSQL 16 on only those have who have the attribute.
async fn role_changes(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    connection_limit: i32,
) -> sqlx::Result<Vec<String>> {
    let Subject { schema, role, path, .. } = subject;
    sqlx::query_scalar(
        "select format('alter role %I %s', r.rolname, change.text)
         from pg_catalog.pg_roles r
         cross join lateral (
             select format('%I, %s', $2::text, $4::text), exists (
                 select from pg_catalog.pg_db_role_setting s where s.setrole = r.oid
                     and s.setdatabase = (select d.oid from pg_catalog.pg_database d
                                          where d.datname = current_database()))
         ) has (path, more)
         cross join lateral (values
             (1, r.rolsuper, 'nosuperuser'),
             (2, r.rolreplication, 'noreplication'),
             (3, r.rolbypassrls, 'nobypassrls'),
             (4, r.rolcreatedb, 'nocreatedb'),
             (5, r.rolcreaterole, 'nocreaterole'),
             (6, not r.rolcanlogin, 'login'),
             (7, not r.rolinherit, 'inherit'),
             (8, r.rolvaliduntil < 'infinity', 'valid until ''infinity'''),
             (9, r.rolconnlimit = 0, format('connection limit %s', $3::int)),
             (10, has.more, format('in database %I reset all', current_database())),
             (11, not coalesce(r.rolconfig, '{}') <@ array['search_path=' || has.path], 'reset all'),
             (12, r.rolconfig is distinct from array['search_path=' || has.path],
                 'set search_path to ' || has.path)
         ) change (n, wanted, text)
         where r.rolname = $1 and change.wanted
         order by change.n",
    )
    .bind(role.as_str())
    .bind(schema.as_str())
    .bind(connection_limit)
    .bind(path.rest())
    .fetch_all(conn)
    .await
}

/// The statements that take the role out of every group but the tenants'.
async fn groups_to_leave(conn: &mut PgConnection, role: &RoleName) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select format('revoke %s from %I', m.roleid::regrole, $1::text)
         from pg_catalog.pg_auth_members m
         where m.member = to_regrole(quote_ident($1))::oid
             and m.roleid is distinct from to_regrole(quote_ident($2))::oid",
    )
    .bind(role.as_str())
    .bind(role.its_group().as_str())
    .fetch_all(conn)
    .await
}
