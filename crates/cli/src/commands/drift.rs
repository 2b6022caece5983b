//! `tenantry drift`: how tenants' schemas differ from what their migrations make.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use clap::Args;
use doctor::{Drift as Found, References, TenantCheck};
use domain::Version;
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use store::{checks, tenants::FleetTenant};
use tenantdb::drift::Drifted;

use super::{
    doctor::unexamined,
    migrate::tenant::{every_tenant, require_shared, tenant_of},
};
use crate::{
    connection::{Database, refuse_copy},
    failure::{Done, Failure},
    show,
};

/// Tenants that are compared unless it is said how many.
const SAMPLE: u32 = 25;

/// Tenants after which the connection is replaced: a backend's caches grow with every schema it touches.
const CONNECTION_USES: usize = 200;

/// How long a look is good, where nothing is looked at by schedule.
const UNSCHEDULED_DAYS: u64 = 7;

/// Compare tenants' schemas with their migrations (works on DATABASE_URL)
///
/// Names each object that differs, with both definitions; exits 1 if there is one, or a schema cannot be compared.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Drift {
    /// This schema only
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// Those of all active and suspended tenants
    #[arg(long)]
    all: bool,
    /// So many, taken at random [default: 25]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,
}

/// A tenant and how its schema differs; `None` = it could not be compared.
struct Compared {
    tenant: FleetTenant,
    found: Option<Found>,
    why_not: String,
}

impl Drift {
    pub(crate) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { json, settings, pool, .. } = db;
        refuse_copy(pool).await?;
        let set = worker::configured_migrations(&settings.tenants).map_err(|e| {
            Failure::new(telemetry::chain(&e)).advise("correct the file; no tenant was compared")
        })?;
        let mut conn = doctor::connect(pool).await?;
        let installation = require_shared(&mut conn, &set).await?;
        let references = References::learn(&mut conn, set.clone()).await;
        let references = references.map_err(|e| unexamined(&e))?;
        let check = TenantCheck {
            installation: &installation,
            migrations: &set,
            references: &references,
            application_role: settings.tenants.application_role.as_deref(),
        };
        let days = match u64::from(settings.checks.every_days) {
            0 => UNSCHEDULED_DAYS,
            days => days,
        };
        let period = Duration::from_secs(days * 86_400);
        let mut compared = Vec::new();
        for (at, tenant) in self.tenants(pool).await?.into_iter().enumerate() {
            if at > 0 && at % CONNECTION_USES == 0 {
                conn = doctor::connect(pool).await?;
            }
            compared.extend(compare(&mut conn, &check, period, tenant).await?);
        }
        let server = sqlx::query_scalar::<_, String>("select current_setting('server_version')");
        let server = server.fetch_one(&mut conn).await?;
        show::result(json, &as_json(&compared, &server), || tell(&compared, &server));
        Ok(Done::well_if(compared.iter().all(Compared::is_sound)))
    }

    async fn tenants(&self, pool: &PgPool) -> anyhow::Result<Vec<FleetTenant>> {
        if let Some(schema) = &self.schema {
            return Ok(vec![tenant_of(&mut *pool.acquire().await?, schema).await?]);
        }
        let all = every_tenant(pool).await?;
        match self.all {
            true => Ok(all),
            false => Ok(at_random(all, self.sample.unwrap_or(SAMPLE) as usize)),
        }
    }
}

/// As many of the tenants, in the order of their ids.
fn at_random(mut drawn: Vec<FleetTenant>, most: usize) -> Vec<FleetTenant> {
    let dice = RandomState::new();
    drawn.sort_by_key(|tenant| dice.hash_one(tenant.id.get()));
    drawn.truncate(most);
    drawn.sort_by_key(|tenant| tenant.id);
    drawn
}

/// Looks at the tenant as workers do, and keeps what was found; nothing if it is gone meanwhile.
async fn compare(
    conn: &mut PgConnection,
    check: &TenantCheck<'_>,
    period: Duration,
    tenant: FleetTenant,
) -> anyhow::Result<Option<Compared>> {
    let taken = checks::take(conn, tenant.id).await?;
    let Some(report) = check.look(conn, tenant.id).await? else {
        checks::forget(conn, tenant.id).await?;
        return Ok(None);
    };
    doctor::keep_tenant(conn, taken, &report, period).await?;
    let why: Vec<&str> = report.findings.iter().map(|it| it.sentence.as_str()).collect();
    Ok(Some(Compared { tenant, why_not: why.join("; "), found: report.drift }))
}

fn tell(compared: &[Compared], server: &str) {
    for Compared { tenant, found, why_not } in compared {
        let name = format!("tenant {} ({})", tenant.id, tenant.schema);
        match found {
            None => show::line(show::plain(&format!("{name} was not compared: {why_not}"))),
            Some(Found { objects, .. }) if objects.is_empty() => {}
            Some(Found { version, objects, .. }) => {
                show::line(format!("{name}, {}:", at(version.as_ref())));
                objects.iter().for_each(tell_object);
            }
        }
    }
    show::line(summary(compared, server));
}

fn tell_object(it: &Drifted) {
    show::line(show::plain(&format!("  {}: {}", it.difference.as_str(), it.object)));
    for (whose, definition) in [("reference", &it.reference), ("tenant", &it.tenant)] {
        if let Some(definition) = definition {
            let definition = definition.replace('\n', "\n      ");
            show::line(show::plain(&format!("    {whose}: {definition}")));
        }
    }
}

fn at(version: Option<&Version>) -> String {
    version.map_or("before the first migration".to_owned(), |it| format!("version {it}"))
}

/// How many differ, and what they were compared with.
fn summary(compared: &[Compared], server: &str) -> String {
    let mut versions: BTreeMap<String, u64> = BTreeMap::new();
    let (mut drifted, mut unseen) = (0, 0);
    for Compared { found, .. } in compared {
        match found {
            None => unseen += 1,
            Some(Found { version, objects, set_hash }) => {
                drifted += u64::from(!objects.is_empty());
                let short = set_hash.get(..12).unwrap_or(set_hash);
                *versions.entry(format!("{} (set {short})", at(version.as_ref()))).or_default() +=
                    1;
            }
        }
    }
    let verdict = match drifted {
        0 => "no drift".to_owned(),
        some => format!("{} drifted", show::counted(some, "tenant")),
    };
    let not_compared = match unseen {
        0 => String::new(),
        some => format!(", {some} not compared"),
    };
    let with = versions.iter().map(|(version, count)| {
        format!("{} with what the migrations make at {version}", show::counted(*count, "tenant"))
    });
    let with: Vec<String> = with.collect();
    let with = if with.is_empty() { "no tenant".to_owned() } else { with.join(", ") };
    format!("{verdict}{not_compared}; compared {with}, on this server (PostgreSQL {server})")
}

fn as_json(compared: &[Compared], server: &str) -> Value {
    let object = |it: &Drifted| {
        json!({ "object": it.object, "difference": it.difference.as_str(),
            "reference": it.reference, "tenant": it.tenant })
    };
    let tenant = |Compared { tenant, found, why_not }: &Compared| {
        let objects = found.as_ref().map(|it| it.objects.iter().map(object).collect::<Vec<_>>());
        json!({ "tenant_id": tenant.id, "schema_name": tenant.schema,
            "version": found.as_ref().and_then(|it| it.version.as_ref()),
            "set": found.as_ref().map(|it| &it.set_hash),
            "drift": objects, "error": found.is_none().then_some(why_not) })
    };
    let ok = compared.iter().all(Compared::is_sound);
    json!({ "ok": ok, "server_version": server,
        "tenants": compared.iter().map(tenant).collect::<Vec<_>>() })
}

impl Compared {
    fn is_sound(&self) -> bool {
        self.found.as_ref().is_some_and(|it| it.objects.is_empty())
    }
}
