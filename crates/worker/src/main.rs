//! The `tenantry-worker` process.
fn main() {}
