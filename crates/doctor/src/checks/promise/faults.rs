//! What is wrong with one tenant.

use std::mem;

use domain::{SchemaName, TenantId};
use sqlx::PgConnection;
use tenantdb::{
    MigrationSet, Promise,
    drift::Drifted,
    elsewhere::{self, Elsewhere},
    ledger::{self, Entry},
    own_row::{self, OwnRow, Standing},
    shape::Difference,
    verify,
};

use super::{Drift, Promised, Tenant, references::Reference};
use crate::Kind;

/// Something wrong with a tenant.
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) what: String,
    pub(super) fixable: bool,
}

/// What a look at a tenant found.
#[derive(Default)]
pub(super) struct Looked {
    pub(super) faults: Vec<Fault>,
    /// The schema's objects and rows are not what the migrations make.
    pub(super) schema_differs: bool,
    /// Its users cannot get in.
    pub(super) shut_out: bool,
    /// `None` = its schema was not compared.
    pub(super) drift: Option<Drift>,
}

/// What is wrong with a tenant. A schema or role that is not there or bears another mark is not told
/// here: other checks do. Its shape means something at the newest version only.
pub(super) async fn faults(
    conn: &mut PgConnection,
    promised: &Promised<'_>,
    tenant: &Tenant,
) -> sqlx::Result<Looked> {
    let (schema, mut subject) = (&tenant.schema, promised.subject(tenant, None));
    let owned = tenantdb::schema::owner(conn, schema).await?.is_of(&subject.mark)
        && tenantdb::role::owner(conn, &tenant.role).await?.is(&subject.mark);
    if !owned {
        return Ok(Looked::default());
    }
    let neighbour = neighbour(conn, tenant.id).await?;
    subject.neighbour = neighbour.as_ref();
    let entry = ledger::read(conn, &[tenant.id]).await?.pop().flatten();
    let mut found = match &entry {
        Some(entry) => versions(promised.set, entry),
        None => vec![told(Kind::MigrationsBehind, ledger::missing(schema.as_str()))],
    };
    let is_behind = entry.is_some() && found.iter().all(|it| it.kind == Kind::MigrationsBehind);
    let reference = match &entry {
        Some(entry) if tenant.in_depth => promised.references.of(conn, tenant.id, entry).await?,
        _ => None,
    };
    let (mut looked, drift) = match reference {
        Some(reference) => {
            if found.is_empty() {
                found = rows_that_differ(conn, &reference.promise, tenant).await?;
            }
            let mut looked = verify::look(conn, &subject, &reference.promise).await?;
            let drift = drift(reference, mem::take(&mut looked.drift), &found);
            (looked, Some(drift))
        }
        None => {
            let whole = promised.references.whole();
            let looked = verify::look_at_rights(conn, &[subject], whole).await?;
            (looked.into_iter().next().unwrap_or_default(), None)
        }
    };
    let schema_differs = !looked.shape.is_empty() || !(found.is_empty() || is_behind);
    let shut_out = looked.shut_out;
    if tenant.is_suspended {
        looked = looked.while_suspended();
    }
    looked = promised.without_shared(conn, looked).await?;
    let mut more = Vec::new();
    if promised.has_elsewhere(tenant) {
        more = elsewhere::read(conn, promised.installation, Some(&tenant.role)).await?;
    }
    found.extend(differs(looked, more));
    Ok(Looked { faults: found, schema_differs, shut_out, drift })
}

/// What the schema is compared with, and how it differs: in migrations that were edited too.
fn drift(reference: Reference, objects: Vec<Drifted>, found: &[Fault]) -> Drift {
    let edited = found.iter().filter(|fault| fault.kind == Kind::MigrationEdited);
    let edited = edited.map(|fault| Drifted {
        object: fault.what.clone(),
        difference: Difference::Changed,
        reference: None,
        tenant: None,
    });
    let Reference { version, set_hash, .. } = reference;
    Drift { version, set_hash, objects: edited.chain(objects).collect() }
}

/// What is wrong with the tenant's sequences and its own row.
async fn rows_that_differ(
    conn: &mut PgConnection,
    promise: &Promise,
    tenant: &Tenant,
) -> sqlx::Result<Vec<Fault>> {
    let mut found = Vec::new();
    let behind = tenantdb::shape::sequences_behind(conn, &tenant.schema).await?;
    if !behind.is_empty() {
        found.push(told(Kind::SequenceBehind, behind.join("; ")));
    }
    if promise.has_own_row() {
        found.extend(own_row_fault(conn, tenant).await?);
    }
    Ok(found)
}

async fn own_row_fault(conn: &mut PgConnection, tenant: &Tenant) -> sqlx::Result<Option<Fault>> {
    let Some(registered) = store::tenants::find(conn, tenant.id).await? else { return Ok(None) };
    let row = own_row_of(&registered, &tenant.schema);
    let (kind, what) = match own_row::standing(conn, &row).await? {
        Standing::AsWanted => return Ok(None),
        Standing::Differs => {
            (Kind::OwnRowDiffers, "its row in its table `tenant` is not what the registry says")
        }
        Standing::Missing => (Kind::OwnRowMissing, "its table `tenant` has no row of it"),
    };
    Ok(Some(Fault { kind, what: what.to_owned(), fixable: true }))
}

/// The row that a registered tenant is to have in its schema.
pub(super) fn own_row_of<'a>(
    registered: &'a store::tenants::Tenant,
    schema: &'a SchemaName,
) -> OwnRow<'a> {
    OwnRow {
        schema,
        tenant: registered.id,
        name: &registered.name,
        domain: &registered.domain,
        settings: registered.settings.get(),
    }
}

/// What differs of shape, role and rights, in one.
fn differs(looked: verify::Faults, elsewhere: Vec<Elsewhere>) -> Option<Fault> {
    // PUBLIC's rights have a repair of their own; objects that the role owns are data
    let fixable = !(looked.role.is_empty() && looked.rights.is_empty())
        || elsewhere.iter().any(|it| it.remedy.is_some());
    let elsewhere = elsewhere.into_iter().map(|it| it.sentence);
    let told: Vec<String> = looked.into_sentences().into_iter().chain(elsewhere).collect();
    let what = told.join("; ");
    (!told.is_empty()).then_some(Fault { kind: Kind::ShapeDiffers, what, fixable })
}

/// Another tenant's schema, which the role must be refused. Several are read, as one's name may be none.
async fn neighbour(conn: &mut PgConnection, id: TenantId) -> sqlx::Result<Option<SchemaName>> {
    let names: Vec<String> = sqlx::query_scalar(
        // An order that tenants_by_state alone has: by the primary key the way there leads past
        // every tenant that is still pending.
        "select schema_name from tenantry.tenants
         where state between 'active' and 'active' and id <> $1
         order by state desc, id desc limit 8",
    )
    .bind(id.get())
    .fetch_all(conn)
    .await?;
    Ok(names.into_iter().find_map(|name| SchemaName::from_registry(name).ok()))
}

fn told(kind: Kind, what: String) -> Fault {
    Fault { kind, what, fixable: false }
}

fn versions(set: &MigrationSet, entry: &Entry) -> Vec<Fault> {
    let standing = set.compare(entry.records());
    let mut faults = Vec::new();
    for edited in &standing.edited {
        let what = format!("migration {} was edited after it had been applied", edited.version());
        faults.push(told(Kind::MigrationEdited, what));
    }
    if !standing.missing.is_empty() {
        let missing: Vec<&str> = standing.missing.iter().map(|m| m.version().as_str()).collect();
        let what = format!("its schema lacks migrations {}", missing.join(", "));
        faults.push(told(Kind::MigrationsBehind, what));
    }
    faults.extend(standing.unknown.iter().map(|version| {
        let what = format!("migration {version} is not among those at hand");
        told(Kind::MigrationUnknown, what)
    }));
    faults
}
