//! The story of one tenant: the steps, the plan, provisioning one item, settling its batch.
