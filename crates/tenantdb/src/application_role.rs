//! The application's role, which may become any tenant by `SET ROLE`.
//!
//! It is a member of every tenant's role, and has none of their rights before `SET ROLE`: from
//! PostgreSQL 16 on the membership says so (`with inherit false, set true`), on 15 the role itself does
//! (NOINHERIT). The server reads all memberships of the session's user at the first `SET ROLE` after
//! each change of roles, and every new tenant is one. So they are counted, and bounded.

use std::time::{Duration, Instant};

use domain::{InstallationId, RoleName};
use sqlx::{PgConnection, Row};

use crate::ident::{Ident, run};
use crate::makers;

const LACKING: &str = include_str!("queries/application_role.sql");
const MEMBERS: &str = include_str!("queries/members.sql");

/// What keeps `application` from being the application's role, each as a sentence with the statement
/// that helps; empty when it is fit. One message.
pub async fn lacking(conn: &mut PgConnection, application: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(LACKING).bind(application).fetch_all(conn).await
}

/// How many roles `application` is a member of: tenants and spares. It counts to `most` and no further.
pub async fn count(conn: &mut PgConnection, application: &str, most: u32) -> sqlx::Result<u32> {
    let count: i64 = sqlx::query_scalar(
        "select count(*) from (
             select from pg_catalog.pg_auth_members m
             where m.member = to_regrole(quote_ident($1))::oid limit $2) held",
    )
    .bind(application)
    .bind(i64::from(most))
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(count).unwrap_or(most))
}

/// Makes `application` a member of these roles, as far as it is not. One message, and another to look.
///
/// # Errors
/// SQLSTATE 42704 when one of the roles does not exist, 42501 when it is not ours to grant.
pub async fn grant(
    conn: &mut PgConnection,
    roles: &[RoleName],
    application: &str,
) -> sqlx::Result<usize> {
    let missing = missing(conn, roles, application).await?;
    let grants = missing.iter().map(|role| {
        let grant = granting(conn, &[role], application);
        makers::changing(conn, role, grant)
    });
    let grants: Vec<String> = grants.collect();
    run(conn, grants.join(";\n")).await?;
    Ok(missing.len())
}

/// Those of the roles that `application` is not a member of, as it should be.
pub async fn missing(
    conn: &mut PgConnection,
    roles: &[RoleName],
    application: &str,
) -> sqlx::Result<Vec<RoleName>> {
    let names: Vec<&str> = roles.iter().map(RoleName::as_str).collect();
    let missing: Vec<String> = sqlx::query_scalar(
        "select r.name
         from unnest($1::text[]) with ordinality r (name, n)
         where not exists (
             select from pg_catalog.pg_auth_members m
             where m.roleid = to_regrole(quote_ident(r.name))::oid
                 and m.member = to_regrole(quote_ident($2))::oid and not m.admin_option
                 and coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
                 and not coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, false)
             offset 0)
         order by r.n",
    )
    .bind(names)
    .bind(application)
    .fetch_all(conn)
    .await?;
    parsed(missing)
}

/// At most `most` roles of tenants of `installation` that `application` is a member of.
pub async fn held(
    conn: &mut PgConnection,
    installation: &InstallationId,
    application: &str,
    most: i64,
) -> sqlx::Result<Vec<RoleName>> {
    // without a join: the server would expect one name, and read all memberships for each
    let names: Vec<String> = sqlx::query_scalar(
        "select pg_get_userbyid(m.roleid)::text
         from pg_catalog.pg_auth_members m
         where m.member = to_regrole(quote_ident($1))::oid
             and pg_get_userbyid(m.roleid)::text ~ ('^tn_' || $2 || '_[0-9]+$')
         group by m.roleid order by m.roleid limit $3",
    )
    .bind(application)
    .bind(installation.as_str())
    .bind(most)
    .fetch_all(conn)
    .await?;
    parsed(names)
}

fn parsed(names: Vec<String>) -> sqlx::Result<Vec<RoleName>> {
    let role = |name: String| RoleName::parse(&name).map_err(|e| sqlx::Error::Decode(e.into()));
    names.into_iter().map(role).collect()
}

/// Takes `application` out of the role.
///
/// # Errors
/// SQLSTATE 42501 when somebody else gave the membership.
pub async fn revoke(
    conn: &mut PgConnection,
    role: &RoleName,
    application: &str,
) -> sqlx::Result<()> {
    for membership in members(conn, role, None).await? {
        if membership.member == application {
            run(conn, membership.revoke).await?;
        }
    }
    Ok(())
}

/// How long the server takes for the first `SET ROLE` of a session of `application`, and for the first
/// after each new tenant: it reads all memberships then. Ask on a new connection.
///
/// # Errors
/// When one of the roles does not exist.
pub async fn time_first_set_role(
    conn: &mut PgConnection,
    application: &str,
    role: &RoleName,
) -> sqlx::Result<Duration> {
    // before 16 who is a member may also set the role
    let right = if makers::are_members(conn) { "set" } else { "member" };
    let mut took = [Duration::ZERO; 4];
    for took in &mut took {
        let began = Instant::now();
        sqlx::query_scalar::<_, bool>("select pg_has_role($1::name, $2::name, $3)")
            .bind(application)
            .bind(role.as_str())
            .bind(right)
            .fetch_one(&mut *conn)
            .await?;
        *took = began.elapsed();
    }
    // the others find the memberships in the session's memory: the quickest costs what asking costs
    let [first, others @ ..] = took;
    Ok(first.saturating_sub(others.into_iter().min().unwrap_or_default()))
}

/// The statement that makes `application` a member of roles, which have one maker.
pub(crate) fn granting(conn: &PgConnection, roles: &[&RoleName], application: &str) -> String {
    let options = if makers::are_members(conn) { " with inherit false, set true" } else { "" };
    let roles: Vec<String> = roles.iter().map(|role| Ident::from(*role).to_string()).collect();
    format!("grant {} to {}{options}", roles.join(", "), Ident::quote(application))
}

/// A member of a tenant's role.
#[derive(Debug)]
pub(crate) struct Membership {
    member: String,
    /// The statement that ends it, to be shown.
    pub(crate) told: String,
    /// The same, as whoever may run it.
    pub(crate) revoke: String,
}

/// The members of the role that should not be there, if `application` is the application's role; neither
/// who made the role nor the owner of schema `tenantry` is told.
pub(crate) async fn members(
    conn: &mut PgConnection,
    role: &RoleName,
    application: Option<&str>,
) -> sqlx::Result<Vec<Membership>> {
    let rows = sqlx::query(MEMBERS)
        .bind(role.as_str())
        .bind(role.makers())
        .bind(application)
        .fetch_all(&mut *conn)
        .await?;
    rows.iter()
        .map(|row| {
            let (member, told): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let by_maker: bool = row.try_get(2)?;
            let revoke =
                if by_maker { makers::changing(conn, role, told.clone()) } else { told.clone() };
            Ok(Membership { member, told, revoke })
        })
        .collect()
}
