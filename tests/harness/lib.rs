//! The harness of the database tests.
