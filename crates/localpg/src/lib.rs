//! Finds PostgreSQL's binaries and runs a private cluster.
