//! The `tenantry-api` process.
fn main() {}
