use domain::*;
use std::time::{Duration, Instant};
use tenantdb::*;
#[tokio::test]
async fn bench() {
    let db = harness::fresh_db().await;
    let id: String = sqlx::query_scalar("select id from tenantry.installation")
        .fetch_one(&db.pool)
        .await
        .unwrap();
    let inst = InstallationId::parse(&id).unwrap();
    let set = MigrationSet::embedded();
    let mut conn = db.pool.acquire().await.unwrap();
    let promise = Promise::learn(&mut conn, &set).await.unwrap();
    let mut sums = [Duration::ZERO; 8];
    let n = 400;
    for i in 1..=n {
        let t = TenantId::new(i);
        let mark = Mark { installation: inst.clone(), tenant: t };
        let schema = SchemaName::parse(&format!("tenant_x_{i}")).unwrap();
        let role = RoleName::of(&inst, t);
        let mut k = 0;
        let mut at = Instant::now();
        macro_rules! lap {
            () => {
                if i > 20 {
                    sums[k] += at.elapsed();
                }
                k += 1;
                at = Instant::now();
            };
        }
        let mut tx = db.pool.begin_with(lock::begin(t)).await.unwrap();
        lap!();
        role::claim(&mut tx, &role, &schema, 20, &mark).await.unwrap();
        lap!();
        schema::claim(&mut tx, &schema, &mark).await.unwrap();
        lap!();
        migrations::apply(&mut tx, &schema, &set).await.unwrap();
        lap!();
        grants::grant(&mut tx, &schema, &role, &promise).await.unwrap();
        lap!();
        verify::verify(&mut tx, &schema, &role, &mark, &set, &promise, None).await.unwrap();
        lap!();
        tx.commit().await.unwrap();
        lap!();
        let _ = k;
    }
    let names = ["begin+lock", "role", "schema", "apply", "grant", "verify", "commit"];
    for (n2, s) in names.iter().zip(sums) {
        println!("{n2}: {:?}", s / (n as u32 - 20));
    }
    println!("sum {:?}", sums.iter().sum::<Duration>() / (n as u32 - 20));
    drop(conn);
    // throughput, 4 connections
    let start = Instant::now();
    let mut js = vec![];
    for w in 0..4i64 {
        let (pool, inst, set, promise) =
            (db.pool.clone(), inst.clone(), set.clone(), promise.clone());
        js.push(tokio::spawn(async move {
            for i in 0..250 {
                let id = 10_000 + w * 1000 + i;
                let t = TenantId::new(id);
                let mark = Mark { installation: inst.clone(), tenant: t };
                let schema = SchemaName::parse(&format!("tenant_x_{id}")).unwrap();
                let role = RoleName::of(&inst, t);
                let mut tx = pool.begin_with(lock::begin(t)).await.unwrap();
                role::claim(&mut tx, &role, &schema, 20, &mark).await.unwrap();
                schema::claim(&mut tx, &schema, &mark).await.unwrap();
                migrations::apply(&mut tx, &schema, &set).await.unwrap();
                grants::grant(&mut tx, &schema, &role, &promise).await.unwrap();
                verify::verify(&mut tx, &schema, &role, &mark, &set, &promise, None).await.unwrap();
                tx.commit().await.unwrap();
            }
        }));
    }
    for j in js {
        j.await.unwrap();
    }
    println!("4 conns: {:.0}/s", 1000.0 / start.elapsed().as_secs_f64());
}
