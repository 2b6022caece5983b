//! Tenants that do whatever their sessions may do, until every batch is over.

use std::{str::FromStr as _, time::Duration};

use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions, raw_sql};
use tokio::task::JoinSet;

use super::{Size, begin};
use crate::{
    bed::{Bed, DATABASE},
    dice::Dice,
    support::eventually,
    tally::Fault,
};

/// Tenants that attack.
const ATTACKERS: usize = 3;

/// How long the work may take, under attack too.
const ENDS_IN: Duration = Duration::from_secs(90);

/// Advisory locks of the numbers that tenants have. They may be refused, unless [`GRANT`] came before.
const ADVISORY: &str = "select count(pg_advisory_lock(32330, g)) from generate_series(1, 400) g;
    select count(pg_advisory_lock(g)) from generate_series(1, 400) g";

/// As where no superuser installs.
const GRANT: &str = "grant execute on function pg_advisory_lock(bigint) to public;
    grant execute on function pg_advisory_lock(int, int) to public";

/// As it was.
const REVOKE: &str = "revoke execute on function pg_advisory_lock(bigint) from public;
    revoke execute on function pg_advisory_lock(int, int) from public";

/// Rings on every channel that processes listen on.
const RING: &str = "notify tenantry_jobs; notify tenantry_batch_finished";

/// A tenant that attacks.
struct Attacker {
    login: PgConnectOptions,
    schema: String,
}

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    let wish = bed.wishes.independent(ATTACKERS, 0);
    bed.ask(wish).await;
    all_over(bed).await;
    let attackers = newest(bed).await;
    let granted = dice.chance(50);
    if granted {
        raw_sql(GRANT).execute(&bed.pool).await.expect("the server answers");
    }
    let (held, floods) = attack(&attackers, granted).await;
    bed.tally.count(Fault::TenantAttacks, (held.len() + floods.len()) as u64);

    begin(bed, dice, size).await;
    all_over(bed).await;

    assert_eq!(floods.len(), ATTACKERS, "the floods go on");
    drop((held, floods));
    if granted {
        raw_sql(REVOKE).execute(&bed.pool).await.expect("the server answers");
    }
    bed.fault_is_over();
}

/// Every item has ended.
async fn all_over(bed: &Bed) {
    eventually("every item to end", ENDS_IN, async || {
        (bed.open_items().await == Some(0)).then_some(())
    })
    .await;
}

/// The tenants made last.
async fn newest(bed: &Bed) -> Vec<Attacker> {
    let newest = "select role_name, schema_name from tenantry.tenants where state = 'active'
        order by id desc limit $1";
    let newest: Vec<(String, String)> = sqlx::query_as(newest)
        .bind(ATTACKERS as i64)
        .fetch_all(&bed.pool)
        .await
        .expect("the server answers");
    assert_eq!(newest.len(), ATTACKERS);
    let url = bed.postgres.cluster().url(DATABASE);
    let url = PgConnectOptions::from_str(&url).expect("the cluster's URL is one");
    let attacker =
        |(role, schema): (String, String)| Attacker { login: url.clone().username(&role), schema };
    newest.into_iter().map(attacker).collect()
}

/// Each rings without end, holds advisory locks, a snapshot and locks on its tables, and takes all the
/// connections it may have.
async fn attack(attackers: &[Attacker], granted: bool) -> (Vec<PgConnection>, JoinSet<()>) {
    let (mut held, mut floods) = (Vec::new(), JoinSet::new());
    for (n, Attacker { login, schema }) in attackers.iter().enumerate() {
        let mut loud = login.connect().await.expect("a tenant may connect");
        floods.spawn(async move { while raw_sql(RING).execute(&mut loud).await.is_ok() {} });
        let mut locks = login.connect().await.expect("a tenant may connect");
        if n == 0 {
            let taken = raw_sql(ADVISORY).execute(&mut locks).await;
            assert!(taken.is_ok() || !granted, "{taken:?}");
        }
        let sql = format!(
            "begin isolation level repeatable read; select from {schema}.person;
             lock table {schema}.person, {schema}.tenant in access exclusive mode"
        );
        raw_sql(AssertSqlSafe(sql)).execute(&mut locks).await.expect("a tenant owns its tables");
        held.push(locks);
        while let Ok(more) = login.connect().await {
            held.push(more);
        }
    }
    (held, floods)
}
