//! What tenants' sessions hold of what all share is told, with the role and the session.

use std::str::FromStr as _;

use doctor::{Kind, Subject};
use sqlx::{ConnectOptions as _, PgConnection, postgres::PgConnectOptions, raw_sql};

use super::{
    plant::spelled,
    ward::{Ward, scope},
};

/// A session logged in as a tenant's role, in a transaction that has run `sql`.
async fn transaction(ward: &Ward, tenant: i64, sql: &'static str) -> PgConnection {
    let options = PgConnectOptions::from_str(&ward.db.url).unwrap();
    let mut conn = options.username(ward.role(tenant).as_str()).connect().await.unwrap();
    raw_sql("begin").execute(&mut conn).await.unwrap();
    raw_sql(spelled(sql)).execute(&mut conn).await.unwrap();
    conn
}

/// The sentence of the one finding of `kind`, and what it is about.
async fn told(ward: &Ward, kind: Kind) -> Option<(Subject, String)> {
    let report = doctor::examine(&ward.db.pool, &scope().only([kind])).await.unwrap();
    let mut findings = report.findings.into_iter();
    let told = findings.next().map(|finding| (finding.subject, finding.sentence));
    assert_eq!(findings.next(), None);
    told
}

fn role(ward: &Ward, tenant: i64) -> Subject {
    Subject::Role(ward.role(tenant).as_str().to_owned())
}

#[tokio::test]
async fn a_transaction_of_a_tenant_that_is_open_for_long_is_told() {
    let ward = Ward::healthy().await;
    let before = told(&ward, Kind::TenantTransactionOld).await;

    let _open = transaction(&ward, 1, "select 1").await;

    let (subject, sentence) = told(&ward, Kind::TenantTransactionOld).await.unwrap();
    assert_eq!((before, subject), (None, role(&ward, 1)));
    assert!(sentence.contains("has had a transaction open since"), "{sentence}");
}

#[tokio::test]
async fn locks_of_a_tenant_on_our_tables_are_told_and_those_on_its_own_are_not() {
    let ward = Ward::healthy().await;
    let _at_home = transaction(&ward, 2, "lock table t_2.person in access exclusive mode").await;
    let before = told(&ward, Kind::TenantHoldsLocks).await;
    ward.run(
        "do $$ declare r text := (select role_name from TENANTS where id = 1); begin
            execute format('grant usage on schema tenantry to %I', r);
            execute format('grant select on tenantry.tenants to %I', r);
         end $$",
    )
    .await;

    let _ours = transaction(&ward, 1, "select 1 from TENANTS").await;

    let (subject, sentence) = told(&ward, Kind::TenantHoldsLocks).await.unwrap();
    assert_eq!((before, subject), (None, role(&ward, 1)));
    assert!(sentence.contains("of them on Tenantry's tables"), "{sentence}");
}

#[tokio::test]
async fn limits_that_may_take_all_connections_are_told_and_nothing_of_it_is_wrong() {
    let ward = Ward::healthy().await;
    let _few = transaction(&ward, 1, "select 1").await;
    let before = told(&ward, Kind::ConnectionsNotEnough).await;
    ward.run(
        "do $$ begin
            execute format('alter role %I connection limit 100000',
                (select role_name from TENANTS where id = 1));
         end $$",
    )
    .await;

    let (_, sentence) = told(&ward, Kind::ConnectionsNotEnough).await.unwrap();

    assert_eq!(before, None);
    assert!(sentence.contains("may open 99999 connections more"), "{sentence}");
    assert!(sentence.contains("tenants.connection_limit"), "{sentence}");
    assert!(Kind::ConnectionsNotEnough.is_notice());
}
