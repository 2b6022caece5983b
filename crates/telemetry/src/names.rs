//! Metric names and labels; [`describe`] has their units and what they count. Names are a contract with
//! dashboards.
//!
//! No label ever names a tenant, an operation or an operator: series must not grow
//! with the fleet. Per-tenant facts are in tables.

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// Items that reached an end, by [`label::OUTCOME`] (`succeeded`, `failed`, …). Count.
pub const ITEMS_TOTAL: &str = "tenantry_items_total";
/// Answered requests, by [`label::ROUTE`], [`label::METHOD`] and [`label::STATUS`]. Count.
pub const API_REQUESTS_TOTAL: &str = "tenantry_api_requests_total";
pub const TAKEOVERS_TOTAL: &str = "tenantry_takeovers_total";
/// Tries that failed and will be made again, by [`label::CODE`] of the error. Count.
pub const RETRIES_TOTAL: &str = "tenantry_item_retries_total";
pub const FENCED_TOTAL: &str = "tenantry_fenced_writes_total";
/// Operations that ended, by [`label::STATE`]. Count.
pub const SETTLED_TOTAL: &str = "tenantry_operations_ended_total";
/// Time for one stage, commit included, by [`label::STAGE`]. Seconds.
pub const STAGE_SECONDS: &str = "tenantry_stage_seconds";
/// Time for one step's apply, by [`label::STEP`]. Seconds.
pub const STEP_SECONDS: &str = "tenantry_step_seconds";
pub const ITEM_WAIT_SECONDS: &str = "tenantry_item_wait_seconds";
/// Time for one request, by [`label::ROUTE`]. Seconds.
pub const API_REQUEST_SECONDS: &str = "tenantry_api_request_seconds";
pub const WORKER_BUSY: &str = "tenantry_worker_busy";
pub const QUEUE_WAITING: &str = "tenantry_queue_waiting";

/// Spare tenants, by [`label::STATE`]: `ready` to be taken, or `stale`, built by what is not in force
/// here. Count.
pub const POOL_SPARES: &str = "tenantry_pool_spares";
pub const POOL_SIZE: &str = "tenantry_pool_size";
pub const POOL_TAKEN_TOTAL: &str = "tenantry_pool_taken_total";
pub const POOL_BUILT_TOTAL: &str = "tenantry_pool_built_total";
pub const POOL_DROPPED_TOTAL: &str = "tenantry_pool_dropped_total";

/// Looks at tenants, by [`label::STATE`]: `healthy`, `unhealthy` or `error`. Count.
pub const CHECKS_TOTAL: &str = "tenantry_checks_total";
/// Open findings, by [`label::KIND`]. Count.
pub const FINDINGS_OPEN: &str = "tenantry_findings_open";
/// Tenants by their last look, by [`label::STATE`]: `unhealthy`, or `error`. Count.
pub const TENANTS_UNHEALTHY: &str = "tenantry_tenants_unhealthy";
pub const OLDEST_CHECK_SECONDS: &str = "tenantry_oldest_check_seconds";

/// Label keys. Each has few values, all known when the program is built.
pub mod label {
    /// How an item ended: an item state.
    pub const OUTCOME: &str = "outcome";
    /// A route's pattern (`/tenants/{id}`), never a path.
    pub const ROUTE: &str = "route";
    pub const METHOD: &str = "method";
    pub const STATUS: &str = "status";
    pub const STAGE: &str = "stage";
    pub const STEP: &str = "step";
    pub const CODE: &str = "code";
    /// What doctor calls a finding.
    pub const KIND: &str = "kind";
    /// An operation's final state, a spare's, or a tenant's health.
    pub const STATE: &str = "state";
}

/// Bounds of stages, steps and requests, in seconds. A tenant takes about 4 ms at
/// its fastest; the default time-out of a stage and of a request is 30 s.
pub const WORK_BUCKETS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Bounds of waits, in seconds: from the promised 100 ms of an idle worker to the
/// hour an operation has by default.
pub const WAIT_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0,
];

/// Every histogram with its bounds, in seconds.
pub const HISTOGRAMS: &[(&str, &[f64])] = &[
    (STAGE_SECONDS, WORK_BUCKETS),
    (STEP_SECONDS, WORK_BUCKETS),
    (ITEM_WAIT_SECONDS, WAIT_BUCKETS),
    (API_REQUEST_SECONDS, WORK_BUCKETS),
];

/// Gives every metric its unit and help text. [`Metrics::install`] calls it.
///
/// [`Metrics::install`]: crate::Metrics::install
pub fn describe() {
    describe_counter!(ITEMS_TOTAL, Unit::Count, "Items that reached an end.");
    describe_counter!(API_REQUESTS_TOTAL, Unit::Count, "Answered requests.");
    describe_counter!(TAKEOVERS_TOTAL, Unit::Count, "Items taken over from a silent worker.");
    describe_counter!(RETRIES_TOTAL, Unit::Count, "Failed tries that will be made again.");
    describe_counter!(FENCED_TOTAL, Unit::Count, "Writes refused to a former owner of an item.");
    describe_counter!(SETTLED_TOTAL, Unit::Count, "Operations that ended.");
    describe_histogram!(STAGE_SECONDS, Unit::Seconds, "Time for one stage, commit included.");
    describe_histogram!(STEP_SECONDS, Unit::Seconds, "Time for one step's apply.");
    describe_histogram!(ITEM_WAIT_SECONDS, Unit::Seconds, "From enqueueing to the first claim.");
    describe_histogram!(API_REQUEST_SECONDS, Unit::Seconds, "Time for one request.");
    describe_gauge!(
        WORKER_BUSY,
        Unit::Count,
        "Tenants this worker has taken from the queue and not finished."
    );
    describe_gauge!(QUEUE_WAITING, Unit::Count, "Items that wait for a worker.");
    describe_gauge!(POOL_SPARES, Unit::Count, "Tenants built in advance.");
    describe_gauge!(POOL_SIZE, Unit::Count, "Tenants to be kept built in advance.");
    describe_counter!(POOL_TAKEN_TOTAL, Unit::Count, "Tenants that got one built in advance.");
    describe_counter!(POOL_BUILT_TOTAL, Unit::Count, "Tenants built in advance so far.");
    describe_counter!(POOL_DROPPED_TOTAL, Unit::Count, "Tenants built in advance for nobody.");
    describe_counter!(CHECKS_TOTAL, Unit::Count, "Looks at tenants.");
    describe_gauge!(FINDINGS_OPEN, Unit::Count, "Findings that are open, up to 10,000 of a kind.");
    describe_gauge!(
        TENANTS_UNHEALTHY,
        Unit::Count,
        "Tenants that were not healthy when last looked at, up to 10,000."
    );
    describe_gauge!(
        OLDEST_CHECK_SECONDS,
        Unit::Seconds,
        "Age of the oldest last look at a tenant, or time that a tenant has waited for its first one."
    );
}

/// Gives a worker's series without labels a first value of 0, so that a rate has a beginning. The
/// API does not call it: a process exports no series of another one.
pub fn begin_worker() {
    for name in
        [TAKEOVERS_TOTAL, POOL_TAKEN_TOTAL, POOL_BUILT_TOTAL, POOL_DROPPED_TOTAL, FENCED_TOTAL]
    {
        counter!(name).increment(0);
    }
    gauge!(WORKER_BUSY).increment(0.0);
}
