//! Looks at one tenant: what workers do by schedule, and what a caller asks for.

use std::time::{Duration, Instant};

use domain::{InstallationId, TenantHealth, TenantId, TenantState, Version};
use sqlx::{Connection as _, PgConnection};
use tenantdb::{
    MigrationSet, Owner,
    door::{self, Door},
    drift::Drifted,
    role, schema,
};

use super::{
    Promised, References, Tenant,
    faults::{Fault, faults},
    is_about_one, why_unseen,
};
use crate::{Finding, Kind, Subject, registered};

/// What a look at one tenant can find beside [`WALKED`](super::WALKED).
pub(crate) const OF_ONE: &[Kind] = &[
    Kind::TenantWithoutSchema,
    Kind::TenantWithoutRole,
    Kind::SuspendedTenantLetIn,
    Kind::WrongMark,
];

/// What tenants are held against when one of them is looked at.
#[derive(Debug, Clone)]
pub struct TenantCheck<'a> {
    pub installation: &'a InstallationId,
    pub migrations: &'a MigrationSet,
    pub references: &'a References,
    /// The role that may become every tenant: `tenants.application_role`.
    pub application_role: Option<&'a str>,
}

/// What a look at one tenant came to.
#[derive(Debug, Clone)]
pub struct TenantReport {
    /// Its schema is there, is its own, and is what the migrations make.
    pub schema_valid: bool,
    /// Its role can get in and use its schema; false while it is suspended.
    pub db_accessible: bool,
    pub health: TenantHealth,
    /// What was found. A tenant that lacks migrations and nothing else is healthy: a rollout takes
    /// its time.
    pub findings: Vec<Finding>,
    pub duration: Duration,
    /// How its schema differs from what its migrations make; `None` = it was not compared.
    pub drift: Option<Drift>,
    /// What was looked at; nothing if the server refused it.
    pub(crate) subjects: Vec<Subject>,
}

/// How a tenant's schema differs from what its migrations make.
#[derive(Debug, Clone)]
pub struct Drift {
    /// The newest of these migrations; `None` = there are none.
    pub version: Option<Version>,
    /// The hash of the set that has these alone.
    pub set_hash: String,
    pub objects: Vec<Drifted>,
}

/// What one look saw.
struct Seen {
    tenant: Tenant,
    findings: Vec<Finding>,
    schema_differs: bool,
    shut_out: bool,
    drift: Option<Drift>,
}

impl TenantCheck<'_> {
    /// Looks at the tenant, and once more under its lock if something is wrong: it may be changed
    /// at this moment. `None` unless it is active or suspended.
    ///
    /// # Errors
    /// When the database fails, and not only for this tenant: what it refuses there is the report.
    pub async fn look(
        &self,
        conn: &mut PgConnection,
        id: TenantId,
    ) -> sqlx::Result<Option<TenantReport>> {
        let began = Instant::now();
        let promised = Promised {
            installation: self.installation,
            set: self.migrations,
            references: self.references,
            application_role: self.application_role,
            elsewhere: None,
            shared: None,
        };
        let report = match look_twice(conn, &promised, id).await {
            Err(error) if is_about_one(&error) || matches!(error, sqlx::Error::Decode(_)) => {
                Some(TenantReport::unseen(id, &error))
            }
            seen => seen?.map(TenantReport::of),
        };
        Ok(report.map(|report| TenantReport { duration: began.elapsed(), ..report }))
    }
}

async fn look_twice(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    id: TenantId,
) -> sqlx::Result<Option<Seen>> {
    let seen = look_once(conn, promised, id).await?;
    if seen.as_ref().is_none_or(|seen| seen.findings.is_empty()) {
        return Ok(seen);
    }
    let mut tx = conn.begin().await?;
    registered::lock(&mut tx, id).await?;
    let seen = look_once(&mut tx, promised, id).await?;
    tx.rollback().await?;
    Ok(seen)
}

async fn look_once(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    id: TenantId,
) -> sqlx::Result<Option<Seen>> {
    let Some(registered) = store::tenants::find(conn, id).await? else { return Ok(None) };
    let is_suspended = match registered.state {
        TenantState::Active => false,
        TenantState::Suspended => true,
        _ => return Ok(None),
    };
    let names = registered::names(&registered.schema, &registered.role);
    let (schema, role) = names.map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    let tenant = Tenant { id, schema, role, in_depth: true, is_suspended };
    let findings = missing(conn, promised, &tenant).await?;
    if !findings.is_empty() {
        let (schema_differs, shut_out, drift) = (true, true, None);
        return Ok(Some(Seen { tenant, findings, schema_differs, shut_out, drift }));
    }
    let mut looked = faults(conn, promised, &tenant).await?;
    if is_suspended {
        looked.faults.extend(let_in(conn, &tenant).await?);
    }
    let finding = |Fault { kind, what, fixable }| Finding {
        kind,
        subject: Subject::Tenant(id),
        sentence: what,
        fixable,
    };
    let findings = looked.faults.into_iter().map(finding).collect();
    let (schema_differs, shut_out) = (looked.schema_differs, looked.shut_out);
    Ok(Some(Seen { tenant, findings, schema_differs, shut_out, drift: looked.drift }))
}

/// Whether schema and role are there and the tenant's, told as the checks of all tenants tell it.
async fn missing(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
) -> sqlx::Result<Vec<Finding>> {
    let Tenant { id, schema, role, .. } = tenant;
    let mark = promised.subject(tenant, None).mark;
    let of_schema = schema::owner(conn, schema).await?;
    let of_role = role::owner(conn, role).await?;
    let mut found = Vec::new();
    let mut tell = |kind, subject, sentence, fixable| {
        found.push(Finding { kind, subject, sentence, fixable });
    };
    if of_schema == Owner::Nobody {
        let sentence = format!("its schema {schema} does not exist");
        tell(Kind::TenantWithoutSchema, Subject::Tenant(*id), sentence, false);
    } else if !of_schema.is_of(&mark) {
        let sentence = format!("schema {schema} is that of tenant {id} and does not bear its mark");
        tell(Kind::WrongMark, Subject::Schema(schema.to_string()), sentence, false);
    }
    if of_role == Owner::Nobody {
        let sentence = format!("its role {role} does not exist");
        let fixable = of_schema != Owner::Nobody;
        tell(Kind::TenantWithoutRole, Subject::Tenant(*id), sentence, fixable);
    } else if !of_role.is(&mark) {
        let sentence = format!("role {role} is that of tenant {id} and does not bear its mark");
        tell(Kind::WrongMark, Subject::Role(role.to_string()), sentence, false);
    }
    Ok(found)
}

/// Whether the role of a suspended tenant can get in. While its suspension is under way, a worker
/// will see to it.
async fn let_in(conn: &mut PgConnection, tenant: &Tenant) -> sqlx::Result<Option<Fault>> {
    let door = Door { role: &tenant.role, schema: &tenant.schema };
    let rights = door::rights(conn, &[door]).await?[0];
    if rights == door::CLOSED || store::tenants::is_being_suspended(conn, tenant.id).await? {
        return Ok(None);
    }
    let can = match (rights.login, rights.usage) {
        (true, true) => "log in and use its schema",
        (true, false) => "log in",
        _ => "use its schema",
    };
    let what = format!("it is suspended and its role may {can}");
    Ok(Some(Fault { kind: Kind::SuspendedTenantLetIn, what, fixable: true }))
}

impl TenantReport {
    fn of(seen: Seen) -> Self {
        let Seen { tenant, findings, schema_differs, shut_out, drift } = seen;
        let wrong =
            findings.iter().any(|it| it.kind != Kind::MigrationsBehind && !it.kind.is_notice());
        let healthy = !schema_differs && !wrong && (tenant.is_suspended || !shut_out);
        Self {
            schema_valid: !schema_differs,
            db_accessible: !shut_out,
            health: if healthy { TenantHealth::Healthy } else { TenantHealth::Unhealthy },
            findings,
            duration: Duration::ZERO,
            drift,
            subjects: vec![
                Subject::Tenant(tenant.id),
                Subject::Schema(tenant.schema.to_string()),
                Subject::Role(tenant.role.to_string()),
            ],
        }
    }

    /// The server refused the look.
    fn unseen(tenant: TenantId, error: &sqlx::Error) -> Self {
        let sentence = format!("it could not be looked at: {}", why_unseen(error));
        let subject = Subject::Tenant(tenant);
        Self {
            schema_valid: false,
            db_accessible: false,
            health: TenantHealth::Error,
            findings: vec![Finding { kind: Kind::NotLookedAt, subject, sentence, fixable: false }],
            duration: Duration::ZERO,
            drift: None,
            subjects: Vec::new(),
        }
    }
}
