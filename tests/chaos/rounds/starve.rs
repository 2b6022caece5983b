//! Nothing is broken, and there is not enough of it: the server's connections are used up, or a
//! replica's pool.

use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

use super::{Size, begin};
use crate::{
    bed::{Asked, Bed, DATABASE},
    dice::Dice,
    tally::Fault,
};

/// Requests to the replica with the small pool at once.
const REQUESTS: usize = 40;

/// A pool of two, and little patience.
const SMALL_POOL: &[(&str, &str)] = &[
    ("TENANTRY__DATABASE__MAX_CONNECTIONS", "2"),
    ("TENANTRY__DATABASE__ACQUIRE_TIMEOUT_MS", "100"),
];

/// All sessions of the programs.
const END_ALL: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity
    where datname = current_database() and application_name like 'tenantry-%'";

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice, size: Size) {
    begin(bed, dice, size).await;
    for _ in 0..size.times(dice, 1, 4) {
        bed.feed(dice).await;
        use_up_the_server(bed, dice).await;
    }
    use_up_a_pool(bed, dice).await;
}

/// Takes every connection there is, those of the programs too, and holds them for a while.
async fn use_up_the_server(bed: &mut Bed, dice: &mut Dice) {
    let url = bed.postgres.cluster().url(DATABASE);
    let mut taken = Vec::new();
    while let Ok(conn) = PgConnection::connect(&url).await {
        taken.push(conn);
    }
    assert!(!taken.is_empty(), "the server had no connection left to take");
    bed.number(END_ALL).await;
    let until = tokio::time::Instant::now() + dice.millis(500, 2_500);
    while tokio::time::Instant::now() < until {
        match PgConnection::connect(&url).await {
            Ok(conn) => taken.push(conn),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    bed.tally.count(Fault::ConnectionsUsedUp, 1);
    for conn in taken {
        conn.close().await.ok();
    }
    bed.fault_is_over();
}

/// Asks for many batches at once at a replica with two connections: each is accepted, or refused
/// in words and accepted when it is sent again.
async fn use_up_a_pool(bed: &mut Bed, dice: &mut Dice) {
    let replica = bed.apis.len() - 1;
    bed.apis[replica].terminate(Duration::from_secs(40)).await;
    bed.apis[replica] = bed.start_api(replica, SMALL_POOL).await;
    let wishes: Vec<_> =
        (0..REQUESTS).map(|_| bed.wishes.independent(dice.count(1, 3), 0)).collect();
    let path = "/api/v1/tenants/batch";
    let posts = wishes.iter().map(|wish| bed.caller.once(replica, path, &wish.body, &wish.key));
    let mut refused = 0_u32;
    for reply in join_all(posts).await {
        let reply = reply.expect("the replica answers");
        assert!(reply.status == 202 || reply.status == 503, "{} {}", reply.status, reply.body);
        if reply.status == 503 {
            refused += 1;
            assert_ne!(reply.body["code"], Value::Null, "a refusal has a name");
            assert_ne!(reply.body["detail"], Value::Null, "a refusal says why");
        }
    }
    bed.tally.count(Fault::PoolUsedUp, u64::from(refused > 0));
    for wish in wishes {
        let id = crate::bed::ask(&bed.caller, &wish).await;
        bed.asked.push(Asked { id, fates: wish.fates });
    }
    bed.apis[replica].terminate(Duration::from_secs(40)).await;
    bed.apis[replica] = bed.start_api(replica, &[]).await;
    bed.fault_is_over();
}
