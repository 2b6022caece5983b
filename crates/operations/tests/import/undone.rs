//! What an import leaves when it is refused or undone, and the contract of its steps.

use domain::Kind;
use engine::{AnyStep, Bench, StepCx, assert_contract};
use serde_json::json;

use crate::{
    Fixture,
    bench::{self, submit, tenant_state},
};

/// A schema of a role that the connected one cannot act as, and one with such a table.
#[tokio::test]
async fn an_owner_that_the_installer_cannot_act_as_is_named() {
    let it = Fixture::start().await;
    it.schema("zeta", 1).await;
    let mut tx = it.pool().begin().await.unwrap();
    let become_other =
        "create role zeta_installer; grant create on schema public to zeta_installer;
        set local role zeta_installer";
    sqlx::raw_sql(become_other).execute(&mut *tx).await.unwrap();
    let schema = domain::SchemaName::parse("zeta").unwrap();

    let refused = tenantdb::imports::refusals(&mut tx, &schema).await.unwrap();

    let of_table = "table zeta.ticket belongs to role zeta_app, which zeta_installer cannot act as \
        (run: grant zeta_app to zeta_installer)";
    assert!(refused.iter().any(|why| why == of_table), "{refused:?}");
    assert!(
        refused.iter().any(|why| why.starts_with("schema zeta belongs to role zeta_app")),
        "{refused:?}"
    );
    sqlx::raw_sql("reset role; grant zeta_app to zeta_installer; set local role zeta_installer")
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(tenantdb::imports::refusals(&mut tx, &schema).await.unwrap(), [""; 0]);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn every_step_keeps_the_contract() {
    let it = Fixture::start().await;
    it.schema("eta", 2).await;
    let (item, _) = submit(it.pool(), "eta").await;
    let mut claim = bench::claim(it.pool(), item).await;
    claim.kind = Kind::Import;
    claim.result = Some(json!({ "version": "0002", "drift": [] }));
    let plan = operations::import::plan(&it.parts).unwrap();
    let steps: Vec<&dyn AnyStep> = plan.stages()[1].steps().iter().map(AsRef::as_ref).collect();

    for (index, step) in steps.iter().enumerate() {
        assert_contract(it.pool(), &Bench { claim: &claim, before: &steps[..index] }, *step).await;
    }

    assert_eq!(steps.len(), 9);
}

/// However far it came: nothing is left of an import that a worker died in, or that is undone.
#[tokio::test]
async fn an_import_that_is_undone_leaves_nothing() {
    let it = Fixture::start().await;
    it.schema("theta", 2).await;
    let before = it.picture("theta").await;
    let (item, tenant) = submit(it.pool(), "theta").await;
    let mut claim = bench::claim(it.pool(), item).await;
    claim.kind = Kind::Import;
    claim.result = Some(json!({ "version": "0002", "drift": [] }));
    let plan = operations::import::plan(&it.parts).unwrap();
    let steps: Vec<&dyn AnyStep> = plan.stages()[1].steps().iter().map(AsRef::as_ref).collect();

    for done in 0..=steps.len() {
        let mut tx = it.pool().begin().await.unwrap();
        let mut cx = StepCx::new(&claim, &mut tx);
        for step in &steps[..done] {
            step.apply_any(&mut cx).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = it.pool().begin().await.unwrap();
        let mut cx = StepCx::new(&claim, &mut tx);
        for step in steps.iter().rev() {
            step.undo_any(&mut cx).await.unwrap();
        }
        tx.commit().await.unwrap();

        assert_eq!(it.picture("theta").await, before, "after {done} steps");
        assert_eq!(bench::remains(it.pool(), tenant).await, (true, false, false));
        assert_eq!(tenant_state(it.pool(), tenant).await, "pending");
        assert_eq!(it.ask("select tenant_id::text from tenantry.imports").await, [""; 0]);
    }
}

/// The mark is the schema's comment, and it was overwritten. A purge ends as `stuck` and drops nothing; a release drops
/// the tenant's role and leaves the schema as it is.
#[tokio::test]
async fn a_schema_that_no_longer_bears_its_tenants_mark_is_not_given_back_and_not_dropped() {
    let it = Fixture::start().await;
    let mut tenants = Vec::new();
    for name in ["theta", "iota"] {
        it.schema(name, 2).await;
        let (tenant, state, error) = it.import(name, json!({})).await;
        assert_eq!(state, "succeeded", "{error}");
        it.execute(format!("comment on schema {name} is 'taken over'")).await;
        tenants.push(tenant);
    }
    let dropping = json!({ "grace_days": 0, "name_hold_days": 0, "drop_imported": true });

    it.act(Kind::Delete, tenants[0], dropping).await;
    let purged = it.act(Kind::Purge, tenants[0], json!({ "large": true })).await;
    let released = it.act(Kind::Release, tenants[1], json!({})).await;

    assert_eq!(purged, ["stuck: not_ours: schema theta does not bear this tenant's mark"]);
    assert_eq!(released, ["succeeded"]);
    for name in ["theta", "iota"] {
        let left = format!(
            "select concat_ws(' ', obj_description('{name}'::regnamespace, 'pg_namespace'), title)
             from {name}.ticket"
        );
        assert_eq!(it.ask(left).await, ["taken over theirs"], "{name}");
    }
}
