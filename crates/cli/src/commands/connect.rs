//! `tenantry tenant connect`: a login of the tenant's own.

use std::{os::unix::process::CommandExt as _, process};

use clap::Args;
use domain::{TenantId, TenantState};
use keys::LoginPassword;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use store::tenants::{self, IssuedLogin};
use tenantdb::role;

use super::{LIMITS, find_tenant};
use crate::{
    actor::record,
    args::Global,
    connection::{self, Database, database_failure},
    failure::{Done, Failure},
    show,
};

/// Print how to connect to PostgreSQL as one tenant. The tenant's role gets a password, shown once
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The tenant's id, domain, schema name or external id
    tenant: String,
    /// Make another password for a role that has one. The old password stops working
    #[arg(long)]
    new: bool,
    /// Start psql instead of printing the URL
    #[arg(long)]
    psql: bool,
}

impl Connect {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let issue = async |db: Database<'_>| Ok((db.url.to_owned(), self.issue(db.pool).await?));
        let (url, issued) = connection::with_database(global, issue).await?;
        let (id, IssuedLogin { role, schema }, password) = issued;
        let of_tenant = login_url(&url, role.as_str(), password.expose());
        if self.psql {
            return Err(psql(&of_tenant).into());
        }
        let told = json!({ "tenant_id": id, "role": role.as_str(),
            "schema": schema.as_str(), "database_url": of_tenant });
        show::result(global.json, &told, || {
            show::line(&of_tenant);
            show::note(format!(
                "The password is not shown again. Tables are found in schema {schema} first."
            ));
        });
        Ok(Done::Well)
    }

    async fn issue(&self, pool: &PgPool) -> anyhow::Result<(TenantId, IssuedLogin, LoginPassword)> {
        connection::refuse_copy(pool).await?;
        let mut conn = pool.acquire().await?;
        let id = find_tenant::resolve_in(&mut conn, &self.tenant).await?;
        drop(conn);
        let password = LoginPassword::mint();
        let mut tx = pool.begin().await?;
        store::open_stage(&mut tx, &[id], LIMITS).await?;
        let Some(login) = tenants::issue_login(&mut tx, id, self.new).await? else {
            return Err(refusal(&mut tx, id).await.into());
        };
        role::set_password(&mut tx, &login.role, &password.verifier()).await?;
        let detail = json!({ "role": login.role.as_str() });
        record(&mut tx, Some(id), "tenant.login_issued", detail).await?;
        tx.commit().await?;
        Ok((id, login, password))
    }
}

async fn refusal(conn: &mut PgConnection, id: TenantId) -> Failure {
    match tenants::find(conn, id).await {
        Err(error) => database_failure(&error),
        Ok(None) => Failure::new(format!("there is no tenant {id}")),
        Ok(Some(tenant)) if tenant.state == TenantState::Active => Failure::new(format!(
            "tenant {id} has a login already, and its password was shown once"
        ))
        .advise("`--new` makes another password; the old one stops working"),
        Ok(Some(tenant)) => Failure::new(format!(
            "tenant {id} is {}: only an active tenant can connect",
            tenant.state
        )),
    }
}

/// `database_url` with another user and password. Both are letters, digits and `_`.
fn login_url(database_url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = database_url.split_once("://").unwrap_or(("postgres", database_url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{user}:{password}@{host}{}", &rest[end..])
}

/// Becomes psql. The password is in its environment and not among its arguments, which all users of
/// the machine may read.
fn psql(url: &str) -> Failure {
    let password = url.split_once("://").and_then(|(_, rest)| rest.split(['@', ':']).nth(1));
    let password = password.unwrap_or_default();
    let without = url.replacen(&format!(":{password}@"), "@", 1);
    let error = process::Command::new("psql").arg(without).env("PGPASSWORD", password).exec();
    Failure::new(format!("could not start psql: {error}"))
        .advise("install psql; `--new` without `--psql` prints the URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_where_the_database_is() {
        for (url, login) in [
            ("postgres://u:p@db.example:5433/app", "postgres://tn_a_1:s3@db.example:5433/app"),
            (
                "postgresql://u@db/app?sslmode=require",
                "postgresql://tn_a_1:s3@db/app?sslmode=require",
            ),
            ("postgres:///app?host=/run/pg", "postgres://tn_a_1:s3@/app?host=/run/pg"),
            ("postgres://u:p%40x@[::1]:1/app", "postgres://tn_a_1:s3@[::1]:1/app"),
        ] {
            assert_eq!(login_url(url, "tn_a_1", "s3"), login);
        }
    }
}
