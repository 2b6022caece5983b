//! Trouble with API keys.

use doctor::{Kind, Scope, Subject};
use keys::MasterKeys;
use secrecy::SecretString;

use super::{
    plant::spelled,
    ward::{Ward, tenant},
};

#[tokio::test]
async fn a_tenant_that_never_got_a_key_is_told() {
    for lost in [
        "delete from KEYS where tenant_id = 1",
        "update KEYS k set revoked_at = t.activated_at - interval '1 minute'
         from TENANTS t where t.id = k.tenant_id and t.id = 1",
    ] {
        let ward = Ward::healthy().await;
        ward.run(lost).await;

        ward.only_reports(Kind::TenantWithoutLiveKey, tenant(1)).await;
    }
}

#[tokio::test]
async fn a_tenant_whose_only_key_expired_is_told_and_one_with_a_new_key_is_not() {
    let ward = Ward::healthy().await;
    ward.run("update KEYS set expires_at = now() where tenant_id = 1").await;
    ward.only_reports(Kind::TenantWithoutLiveKey, tenant(1)).await;

    ward.issue_key(1, None).await;

    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn a_secret_that_was_confirmed_for_its_tenant_was_not_erased_early() {
    let early = || vec![(Kind::SecretErasedEarly, Subject::Key(1))];
    for (action, tenant, expected) in [
        ("keys.acknowledged", 1, vec![]),
        ("keys.rotated", 1, early()),
        ("keys.acknowledged", 2, early()),
    ] {
        let ward = Ward::healthy().await;
        ward.run("update KEYS set sealed = null, sealed_until = null where tenant_id = 1").await;
        sqlx::query(
            "insert into tenantry.audit_log (actor, action, tenant_id) values ('operator:me', $1, $2)",
        )
        .bind(action)
        .bind(tenant)
        .execute(&ward.db.pool)
        .await
        .unwrap();

        assert_eq!(ward.found().await, expected, "{action} of tenant {tenant}");
    }
}

#[tokio::test]
async fn a_key_that_an_operator_revoked_is_no_trouble() {
    let ward = Ward::healthy().await;
    ward.run("update KEYS set revoked_at = now() where tenant_id = 1").await;

    assert_eq!(ward.found().await, []);
}

#[tokio::test]
async fn two_keys_from_provisioning_are_told() {
    let ward = Ward::healthy().await;
    ward.issue_key(1, Some(1)).await;

    ward.only_reports(Kind::SeveralLiveKeys, tenant(1)).await;
}

#[tokio::test]
async fn a_key_that_an_operation_rotated_is_no_trouble() {
    let ward = Ward::healthy().await;
    ward.run(
        "with o as (insert into BATCHES (id, kind, state, mode, total, finished_at)
                    values (gen_random_uuid(), 'rotate_keys', 'queued', 'independent', 1, null) returning id)
         insert into KEYS (tenant_id, operation_id, hash, prefix, last4, sealed, sealed_until)
         select 1, o.id, sha256('new'), 'tk_', 'abcd', 'x', now() + interval '1 day' from o",
    )
    .await;
    let found = ward.found().await;

    assert!(!found.iter().any(|(kind, _)| *kind == Kind::SeveralLiveKeys), "{found:?}");
}

#[tokio::test]
async fn a_key_being_rolled_is_no_trouble_and_a_third_one_is() {
    let ward = Ward::healthy().await;
    ward.issue_key(1, None).await;
    assert_eq!(ward.found().await, []);

    ward.issue_key(1, None).await;

    ward.only_reports(Kind::SeveralLiveKeys, tenant(1)).await;
}

#[tokio::test]
async fn the_key_of_a_tenant_that_is_gone_is_revoked() {
    for state in ["update TENANTS set state = 'deleted' where id = 7", "select 1"] {
        let ward = Ward::healthy().await;
        ward.run(state).await;
        ward.issue_key(7, Some(2)).await;

        ward.heals(Kind::KeyWithoutTenant, Subject::Key(7), &["key 7"]).await;
    }
}

#[tokio::test]
async fn a_secret_past_its_time_is_erased_and_its_key_stays_good() {
    let ward = Ward::healthy().await;
    ward.run("update KEYS set sealed_until = now() - interval '1 hour' where tenant_id = 1").await;

    ward.heals(Kind::SealedPastItsTime, Subject::Key(1), &["key 1"]).await;

    let good: bool = sqlx::query_scalar(spelled(
        "select revoked_at is null and sealed is null from KEYS where id = 1",
    ))
    .fetch_one(&ward.db.pool)
    .await
    .unwrap();
    assert!(good);
}

#[tokio::test]
async fn a_secret_that_the_master_key_does_not_open_is_told_and_so_is_another_master_key() {
    let ward = Ward::healthy().await;
    let mut conn = ward.db.pool.acquire().await.unwrap();
    let salt = store::master_keys::salt(&mut conn).await.unwrap();
    let sealer = |byte: u8| {
        let key = SecretString::from(format!("{byte:02x}").repeat(32));
        MasterKeys::parse(&key, None).unwrap().sealer(salt.as_bytes())
    };
    let minter = keys::Minter::new("tk_", 32).unwrap();
    let minted = minter.mint(&domain::TenantName::parse("Acme").unwrap());
    ward.run(
        "update KEYS set sealed = null, sealed_until = null;
         insert into tenantry.audit_log (actor, action, operation_id)
         select distinct 'operator:me', 'keys.acknowledged', operation_id from KEYS",
    )
    .await;
    sqlx::query(spelled(
        "update KEYS set sealed = $1, sealed_until = now() + interval '1 hour' where id = 1",
    ))
    .bind(sealer(1).seal(&minted, domain::TenantId::new(1)))
    .execute(&mut *conn)
    .await
    .unwrap();
    let id = sealer(1).ids().next().unwrap().to_string();
    store::master_keys::replace(&mut conn, &id).await.unwrap();
    let found = async |byte| {
        let scope = Scope { sealer: Some(sealer(byte)), ..super::ward::scope() };
        let report = doctor::examine(&ward.db.pool, &scope).await.unwrap();
        report.findings.into_iter().map(|it| (it.kind, it.subject)).collect::<Vec<_>>()
    };

    let (well, ill) = (found(1).await, found(2).await);

    assert_eq!(well, []);
    let expected = [
        (Kind::MasterKeyDiffers, Subject::MasterKey(id)),
        (Kind::SealedUnreadable, Subject::Key(1)),
    ];
    assert_eq!(ill, expected);
}
