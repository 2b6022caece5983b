//! `tenantry tenant application-role`: lets the application's role become the tenants that exist.

use clap::Args;
use domain::{InstallationId, RoleName, TenantId, TenantState};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use store::tenants::{self, Filter};
use tenantdb::application_role;

use super::LIMITS;
use crate::{
    actor,
    connection::{self, Database},
    failure::{Done, Failure},
    show,
};

/// Tenants that one transaction takes. Each is a row lock and a lock of its role.
const PORTION: i64 = 100;

/// Let the role of `tenants.application_role` become every active tenant by SET ROLE
///
/// New tenants let it by themselves. It works in portions of 100 tenants: stopped half-way, it goes on
/// where it was when it is run again. At the end it measures what the first SET ROLE costs here.
#[derive(Debug, Args)]
pub(crate) struct ApplicationRole {
    /// Take this role out of every tenant's role instead: the application has another one now, or none
    #[arg(long, value_name = "ROLE")]
    revoke: Option<String>,
}

impl ApplicationRole {
    pub(crate) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { settings, pool, .. } = db;
        connection::refuse_copy(pool).await?;
        let configured = settings.tenants.application_role.as_deref();
        let told = match (self.revoke, configured) {
            (Some(role), Some(configured)) if role == configured => {
                return Err(Failure::new(format!(
                    "`tenants.application_role` is {role}: new tenants would get it again"
                ))
                .advise("remove or change the setting, restart the workers, then run this again")
                .into());
            }
            (Some(role), _) => revoke(pool, &role).await?,
            (None, Some(role)) => {
                let limit = settings.tenants.application_role_limit;
                refuse_unfit(&mut *pool.acquire().await?, role, limit).await?;
                grant(pool, role).await?
            }
            (None, None) => {
                return Err(Failure::new("`tenants.application_role` is not set")
                    .advise("set it to the role of your application; `--revoke ROLE` takes one out")
                    .into());
            }
        };
        if db.json {
            show::raw(&told.to_string());
        }
        Ok(Done::Well)
    }
}

/// Refuses a role that is not fit, or that may not become as many tenants as there are.
async fn refuse_unfit(conn: &mut PgConnection, role: &str, limit: u32) -> anyhow::Result<()> {
    let lacking = application_role::lacking(conn, role).await?;
    if !lacking.is_empty() {
        let what = format!("`tenants.application_role` cannot be used: {}", lacking.join("; "));
        return Err(Failure::new(what).advise("correct this; nothing was changed").into());
    }
    let active = Filter { state: Some(TenantState::Active), ..Filter::default() };
    let there = tenants::count(conn, &active, i64::from(limit) + 1).await?;
    if there > i64::from(limit) {
        let what = format!(
            "there are more than {limit} tenants, and role {role} may become {limit} \
             (`tenants.application_role_limit`)"
        );
        let advice = "tenants can log in by themselves: `tenantry tenant connect`; a higher limit \
                      makes each new tenant slow the application down for longer";
        return Err(Failure::new(what).advise(advice).into());
    }
    Ok(())
}

/// Makes the role a member of all tenants' roles, and tells what it costs.
async fn grant(pool: &PgPool, role: &str) -> anyhow::Result<serde_json::Value> {
    let (mut after, mut granted, mut seen) = (None, 0, 0);
    let mut any: Option<RoleName> = None;
    loop {
        let page = tenants::fleet_page(&mut *pool.acquire().await?, after, None, PORTION).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let named = page.iter().filter_map(|tenant| Some((tenant.id, tenant.names().ok()?.1)));
        let (ids, roles): (Vec<TenantId>, Vec<RoleName>) = named.unzip();
        granted += grant_portion(pool, role, &ids, &roles).await?;
        seen += ids.len();
        show::note(format!("role {role} may now become {seen} tenants ({granted} added)"));
        any = roles.into_iter().next_back().or(any);
    }
    let measured = match any {
        Some(tenant) => Some(measure(pool, role, &tenant).await?),
        None => None,
    };
    let (memberships, first_set_role_ms) = measured.unzip();
    Ok(json!({ "role": role, "tenants": seen, "granted": granted,
        "memberships": memberships, "first_set_role_ms": first_set_role_ms }))
}

async fn grant_portion(
    pool: &PgPool,
    role: &str,
    ids: &[TenantId],
    roles: &[RoleName],
) -> anyhow::Result<usize> {
    let mut conn = pool.acquire().await?;
    if application_role::missing(&mut conn, roles, role).await?.is_empty() {
        return Ok(0);
    }
    drop(conn);
    let mut tx = pool.begin().await?;
    store::open_stage(&mut tx, ids, LIMITS).await?;
    let granted = application_role::grant(&mut tx, roles, role).await?;
    let detail = json!({ "role": role, "tenants": granted });
    actor::record(&mut tx, None, "tenant.application_role_granted", detail).await?;
    tx.commit().await?;
    Ok(granted)
}

/// How many memberships the role has, and how long the first SET ROLE takes with them, in ms.
async fn measure(pool: &PgPool, role: &str, tenant: &RoleName) -> anyhow::Result<(u32, f64)> {
    let options = store::with_settings((*pool.connect_options()).clone());
    let mut fresh = store::open(&options).await?;
    let took = application_role::time_first_set_role(&mut fresh, role, tenant).await?;
    let count = application_role::count(&mut fresh, role, u32::MAX).await?;
    let ms = took.as_secs_f64() * 1e3;
    show::note(format!(
        "role {role} is a member of {count} roles: its first SET ROLE in a session, and its first after \
         each new tenant, takes {ms:.1} ms on this server"
    ));
    Ok((count, ms))
}

async fn revoke(pool: &PgPool, role: &str) -> anyhow::Result<serde_json::Value> {
    let mut conn = pool.acquire().await?;
    let installation = store::installation(&mut conn).await?;
    let there = sqlx::query_scalar("select to_regrole(quote_ident($1)) is not null").bind(role);
    if !there.fetch_one(&mut *conn).await? {
        return Err(Failure::new(format!("there is no role {role}")).into());
    }
    drop(conn);
    let mut revoked = 0;
    loop {
        let taken = revoke_portion(pool, &installation, role).await?;
        if taken == 0 {
            if revoked == 0 {
                show::note(format!("role {role} was in no tenant's role"));
            }
            return Ok(json!({ "role": role, "revoked": revoked }));
        }
        revoked += taken;
        show::note(format!("role {role} is out of {revoked} roles"));
    }
}

async fn revoke_portion(
    pool: &PgPool,
    installation: &InstallationId,
    role: &str,
) -> anyhow::Result<usize> {
    let mut tx = pool.begin().await?;
    store::open_stage(&mut tx, &[], LIMITS).await?;
    let held = application_role::held(&mut tx, installation, role, PORTION).await?;
    for tenant in &held {
        application_role::revoke(&mut tx, tenant, role).await?;
    }
    if !held.is_empty() {
        let detail = json!({ "role": role, "tenants": held.len() });
        actor::record(&mut tx, None, "tenant.application_role_revoked", detail).await?;
    }
    tx.commit().await?;
    Ok(held.len())
}
