//! A server with so few lock slots that some tenants, or all, cannot be made.

use crate::{
    bed::{Bed, Plan},
    dice::Dice,
    tally::Fault,
    wish::Fate,
};

/// 10 slots for each of 24 connections, and what PostgreSQL has to spare.
const FEW_SLOTS: &[(&str, &str)] =
    &[("max_locks_per_transaction", "10"), ("max_connections", "24")];

/// Small pools, and a few tries: what cannot be made is given up.
const SETTINGS: &[(&str, &str)] = &[
    ("TENANTRY__DATABASE__MAX_CONNECTIONS", "4"),
    ("TENANTRY__WORKER__CONCURRENCY", "4"),
    ("TENANTRY__WORKER__MAX_ATTEMPTS", "4"),
    ("TENANTRY__WORKER__BACKOFF_CAP_MS", "200"),
    ("TENANTRY__QUEUE__MAX_CONNECTIONS", "2"),
];

/// Tables that greedy schemas get, each with an index of its own.
const TABLES: usize = 900;

/// What the server says when it has no slot left.
const REFUSAL: &str = "out of shared memory";

pub(super) async fn bed() -> Bed {
    // Tables appear only where the schema's name asks for them: others stay small.
    let greedy = format!(
        "do $$ begin
            if current_schema() like 'greedy%' then
                for n in 1..{TABLES} loop
                    execute format('create table many_%s (id bigint primary key)', n);
                end loop;
            end if;
        end $$;"
    );
    Bed::make(Plan {
        apis: 1,
        workers: 1,
        postgres: FEW_SLOTS,
        settings: SETTINGS,
        migrations: &[("0004_greedy.sql".to_owned(), greedy)],
        ..Plan::default()
    })
    .await
}

pub(super) async fn run(bed: &mut Bed, dice: &mut Dice) {
    let before = bed.postgres.said(REFUSAL);
    let size = dice.count(5, 10);
    let mut wish = bed.wishes.independent(size, 0);
    for at in [0, size / 2] {
        let name = format!("greedy_{}_{at}", dice.between(0, 1 << 40));
        wish.body["tenants"][at]["schema_name"] = serde_json::json!(name);
        wish.fates[at] = Fate::Failed;
    }
    let id = bed.ask(wish).await;
    crate::support::eventually("the batch to be over", std::time::Duration::from_secs(60), {
        async || (bed.open_items().await == Some(0)).then_some(())
    })
    .await;
    bed.fault_is_over();
    let refused = bed.postgres.said(REFUSAL) - before;
    assert!(refused > 0, "the server had slots enough");
    bed.tally.count(Fault::LocksUsedUp, refused as u64);
    let told: Vec<String> = sqlx::query_scalar(
        "select format('%s: %s', error_code, error_message) from tenantry.operation_items
         where operation_id = $1 and state = 'failed'",
    )
    .bind(id)
    .fetch_all(&bed.pool)
    .await
    .expect("the server answers");
    assert_eq!(told.len(), 2, "{told:?}");
    for words in &told {
        // The second when the server had no slot left to record why the last try failed.
        let clear = ["database_unavailable: ", "attempts_exhausted: "];
        assert!(clear.iter().any(|code| words.starts_with(code)), "no clear error: {words}");
        assert!(!words.contains(REFUSAL), "the server's own words are not for callers: {words}");
    }
}
