//! Installs Tenantry in a database. First it checks what it needs and which roles would lose rights.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use domain::DatabaseMode;
use operations::{CarriedOver, Left, carry_over};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use store::StageLimits;
use tenantdb::{
    Shared, application_role,
    public_rights::{self, Loss, PublicRights},
    rights, share,
};

use super::lock_watch::watched;
use crate::{connection, failure::Failure, show};

/// Tenants without a row in the ledger that people are shown by name.
const SHOWN_TENANTS: usize = 20;

/// How long carrying over the tables of one portion of tenants may wait and run.
const LIMITS: StageLimits = StageLimits {
    statement: Duration::from_secs(120),
    lock: Duration::from_secs(5),
    silence: Duration::from_secs(10),
};

/// Roles that people are shown by name; programs get all.
const SHOWN_ROLES: usize = 20;

/// How a database stands once it is prepared.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) mode: DatabaseMode,
    before: PublicRights,
    left: PublicRights,
    /// Who would lose, or lost, what through PUBLIC; the own mode gave it back by name.
    losses: Vec<Loss>,
    /// Extensions that are installed for tenants and no longer in the settings.
    unlisted: Vec<String>,
    /// What is open to tenants besides what is listed.
    opened: Vec<String>,
    /// Version tables of tenants that a release before this one made.
    carried_over: CarriedOver,
}

/// Brings schema, queue and roles to the newest version, in the mode that is wanted, else in the one
/// that was chosen before, else in the own mode if no other role loses anything by it.
pub(crate) async fn install(
    pool: &PgPool,
    wanted: Option<DatabaseMode>,
    tenants: &settings::Tenants,
) -> anyhow::Result<Installed> {
    let shared = &shared_now(pool, tenants).await?;
    check(pool, wanted, shared, tenants.application_role.as_deref()).await?;
    connection::refuse_copy(pool).await?;
    watched(pool, make(pool, wanted, shared)).await
}

/// What tenants share by now: a table that a shared migration is to make is granted when that has made it.
async fn shared_now(pool: &PgPool, tenants: &settings::Tenants) -> anyhow::Result<Shared> {
    let shared = worker::shared(tenants);
    if tenants.shared_migrations_dir.is_none() {
        return Ok(shared);
    }
    let mut conn = pool.acquire().await.map_err(unreachable)?;
    let schema = worker::shared_schema(tenants);
    let there = share::without_what_comes(&mut conn, &shared, &schema).await;
    Ok(there.map_err(unreachable)?)
}

async fn make(
    pool: &PgPool,
    wanted: Option<DatabaseMode>,
    shared: &Shared,
) -> anyhow::Result<Installed> {
    store::migrate(pool).await.context("could not migrate schema tenantry")?;
    // what lacked the columns until now
    connection::refuse_copy(pool).await?;
    // before the queue, which would put into a schema of its own what it needs too
    let mut conn = pool.acquire().await.map_err(unreachable)?;
    let created = share::create_extensions(&mut conn, shared).await;
    created.context("could not create the extensions that `tenants.extensions` lists")?;
    drop(conn);
    queue::setup(pool).await.context("could not set up the queue")?;
    let installed = prepare(pool, wanted, shared).await?;
    let carried_over = carry_over(pool, LIMITS).await;
    let carried_over = carried_over.context("could not carry the version tables over")?;
    Ok(Installed { carried_over, ..installed })
}

/// Refuses, before anything is made, with all that is missing.
async fn check(
    pool: &PgPool,
    wanted: Option<DatabaseMode>,
    shared: &Shared,
    application: Option<&str>,
) -> anyhow::Result<()> {
    let mut conn = pool.acquire().await.map_err(unreachable)?;
    let losses = public_rights::losses(&mut conn).await.map_err(unreachable)?;
    let mode = decide(wanted, chosen_before(&mut conn).await?, &losses);
    let lacking = rights::lacking(&mut conn, mode).await.map_err(unreachable)?;
    let mut unfit = share::lacking(&mut conn, shared).await.map_err(unreachable)?;
    if let Some(role) = application {
        let role = application_role::lacking(&mut conn, role).await.map_err(unreachable)?;
        unfit.extend(role.into_iter().map(|it| format!("tenants.application_role: {it}")));
    }
    if lacking.is_empty() && unfit.is_empty() {
        return Ok(());
    }
    let shared = rights::lacking(&mut conn, DatabaseMode::Shared).await;
    let less_if_shared = shared.map_err(unreachable)?.len() < lacking.len();
    Err(refusal(&lacking, &unfit, less_if_shared).into())
}

/// `lacking` is what any installation needs, `unfit` what the settings ask for.
fn refusal(lacking: &[String], unfit: &[String], less_if_shared: bool) -> Failure {
    let mut what = match lacking {
        [] => "Tenantry cannot be set up in this database as the settings say",
        _ => "Tenantry cannot be installed in this database",
    }
    .to_owned();
    for lack in lacking.iter().chain(unfit) {
        what += "\n  - ";
        what += lack;
    }
    let mut advice =
        "correct this, or use another database or user in DATABASE_URL; nothing was changed"
            .to_owned();
    if less_if_shared {
        advice += ". `--shared` leaves PUBLIC its rights";
    }
    Failure::new(what).advise(advice)
}

/// The mode in the database, which may be older or empty: before there were modes, all were own.
async fn chosen_before(conn: &mut PgConnection) -> anyhow::Result<Option<DatabaseMode>> {
    let refused = match store::database_mode(conn).await {
        Ok(mode) => return Ok(mode),
        Err(error) => error,
    };
    match refused.as_database_error().and_then(|e| e.code()).as_deref() {
        Some("42703") => Ok(Some(DatabaseMode::Own)),
        Some("42P01" | "3F000" | "42501") => Ok(None),
        _ => Err(unreachable(refused).into()),
    }
}

fn decide(
    wanted: Option<DatabaseMode>,
    before: Option<DatabaseMode>,
    losses: &[Loss],
) -> DatabaseMode {
    let unused = if losses.is_empty() { DatabaseMode::Own } else { DatabaseMode::Shared };
    wanted.or(before).unwrap_or(unused)
}

/// Roles, rights and the mode, in one transaction with the look at who loses what.
async fn prepare(
    pool: &PgPool,
    wanted: Option<DatabaseMode>,
    shared: &Shared,
) -> anyhow::Result<Installed> {
    let mut tx = pool.begin().await.map_err(unreachable)?;
    let installation =
        store::installation(&mut tx).await.context("could not read who this installation is")?;
    let chosen = store::database_mode(&mut tx).await.context("could not read the mode")?;
    let during = "could not read the rights of PUBLIC";
    let before = public_rights::read(&mut tx).await.context(during)?;
    let losses = public_rights::losses(&mut tx).await.context(during)?;
    let mode = decide(wanted, chosen, &losses);
    tenantdb::bootstrap_as(&mut tx, &installation, mode, &losses)
        .await
        .context("could not prepare the roles")?;
    let granted = share::grant(&mut tx, &installation, shared).await;
    granted.context("could not grant what tenants share")?;
    tenantdb::hand_over(&mut tx, &installation).await.map_err(not_handed_over)?;
    store::set_database_mode(&mut tx, mode).await.context("could not keep the mode")?;
    let unlisted = share::unlisted(&mut tx, shared).await.context(during)?;
    let opened = share::opened(&mut tx, &installation, shared).await.context(during)?;
    let left = public_rights::read(&mut tx).await.context(during)?;
    tx.commit().await.context("could not prepare the roles")?;
    let carried_over = CarriedOver::default();
    Ok(Installed { mode, before, left, losses, unlisted, opened, carried_over })
}

fn not_handed_over(error: sqlx::Error) -> Failure {
    let cause = telemetry::chain(&error);
    Failure::new(format!("could not give the owner of schema tenantry its makers: {cause}"))
        .advise("run `tenantry migrate public up` once with a superuser in DATABASE_URL")
}

fn unreachable(error: sqlx::Error) -> Failure {
    Failure::new(format!("could not reach the database: {}", telemetry::chain(&error)))
        .advise("check DATABASE_URL, and that the server runs")
}

impl Installed {
    pub(crate) fn tell(&self, line: &dyn Fn(&str)) {
        match self.mode {
            DatabaseMode::Own => self.tell_own(line),
            DatabaseMode::Shared => self.tell_shared(line),
        }
        for extension in &self.unlisted {
            line(&format!(
                "extension {extension} is in schema tenantry_extensions, and `tenants.extensions` does \
                 not list it any more: if no tenant uses it, drop it by hand"
            ));
        }
        self.opened.iter().for_each(|it| line(it));
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.carried_over.left.is_empty()
    }

    /// Tells people which version tables were carried over into the ledger, and which were not.
    pub(crate) fn tell_carried_over(&self) {
        let CarriedOver { done, left } = &self.carried_over;
        if *done > 0 {
            show::note(format!("the version tables of {done} tenants are in the ledger now"));
        }
        for Left { tenant, schema, error } in left.iter().take(SHOWN_TENANTS) {
            let schema = show::plain(schema);
            let why = error.as_ref().map_or_else(
                || {
                    format!(
                        "it has no table tenantry_migrations; record what it has: \
                         `tenantry migrate tenant record --schema {schema} --at VERSION`"
                    )
                },
                |error| telemetry::chain(error),
            );
            show::note(format!(
                "tenant {tenant}, schema {schema}, has no row in the ledger: {why}"
            ));
        }
        if left.len() > SHOWN_TENANTS {
            show::note(format!(
                "and {} more; `tenantry doctor` names all",
                left.len() - SHOWN_TENANTS
            ));
        }
    }

    /// Tells people of a shared database; of its own nobody needs to be told.
    pub(super) fn warn(&self) {
        self.tell_carried_over();
        if self.mode == DatabaseMode::Shared {
            self.tell(&|text| show::note(text));
        }
    }

    fn tell_own(&self, line: &dyn Fn(&str)) {
        line("mode own: PUBLIC may neither connect to this database nor use schema public");
        if !self.before.ours.is_empty() {
            line(&format!("  revoked from PUBLIC: {}", self.before.ours.join(", ")));
        }
        self.tell_roles(line, "granted by name to ", "");
        if !self.left.superusers.is_empty() {
            line(&format!(
                "  PUBLIC keeps {}: only a superuser may revoke it, so a tenant can fill the server's \
                 table of locks; `tenantry migrate public up` as a superuser closes this",
                self.left.superusers.join(", ")
            ));
        }
    }

    fn tell_shared(&self, line: &dyn Fn(&str)) {
        line("mode shared: other roles may use this database, and PUBLIC keeps its rights");
        if self.left.ours.is_empty() {
            line(
                "  what was revoked from PUBLIC before stays revoked: grant it by hand where others \
                 need it",
            );
        }
        self.tell_roles(line, "", " has through PUBLIC alone");
        line(&format!("  tenants' roles have what PUBLIC has: {}", self.left.all().join(", ")));
        line(
            "  `tenantry migrate public up --revoke-public` revokes them and grants the roles above \
             the same by name",
        );
    }

    fn tell_roles(&self, line: &dyn Fn(&str), before: &str, after: &str) {
        let roles = self.roles();
        for (role, rights) in roles.iter().take(SHOWN_ROLES) {
            line(&format!("  {before}{}{after}: {}", show::plain(role), rights.join(", ")));
        }
        if roles.len() > SHOWN_ROLES {
            line(&format!("  and {} more roles; --json lists all", roles.len() - SHOWN_ROLES));
        }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let (own, roles) = (self.mode == DatabaseMode::Own, self.roles());
        json!({
            "revoked": own.then_some(&self.before.ours),
            "granted": own.then_some(&roles),
            "would_lose": (!own).then_some(&roles),
            "public_has": self.left.all(),
            "extensions_not_listed": self.unlisted,
            "opened_by_shared_tables": self.opened,
        })
    }

    /// What [`Self::tell_carried_over`] tells, for programs.
    pub(crate) fn ledger_json(&self) -> serde_json::Value {
        let CarriedOver { done, left } = &self.carried_over;
        let left = left.iter().map(|Left { tenant, schema, error }| {
            json!({ "tenant_id": tenant, "schema": schema,
                "error": error.as_ref().map(|error| telemetry::chain(error)) })
        });
        json!({ "carried_over": done, "without_row": left.collect::<Vec<_>>() })
    }

    fn roles(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut roles: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Loss { role, right, .. } in &self.losses {
            roles.entry(role).or_default().push(right);
        }
        roles
    }
}
