//! The server's settings. Passed on the command line at each start, so that they
//! are always in step with the program.

/// Both kinds. A tenant of 20 tables takes about 460 locks in one transaction:
/// the default of 64 per connection is soon used up.
const ALWAYS: &[(&str, &str)] = &[
    ("max_locks_per_transaction", "256"),
    ("unix_socket_permissions", "0700"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("cluster_name", "tenantry"),
    ("jit", "off"),
];

/// Keeps what it is given, on a laptop or a small server.
const DURABLE: &[(&str, &str)] = &[
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("shared_buffers", "256MB"),
    ("work_mem", "8MB"),
    ("maintenance_work_mem", "128MB"),
    ("max_connections", "200"),
    ("max_wal_size", "2GB"),
    ("min_wal_size", "256MB"),
    ("checkpoint_timeout", "15min"),
    ("wal_compression", "on"),
    ("random_page_cost", "1.1"),
    ("autovacuum_naptime", "15s"),
    ("logging_collector", "on"),
    ("log_directory", "log"),
    ("log_filename", "pg-%a.log"),
    ("log_truncate_on_rotation", "on"),
    ("log_rotation_age", "1d"),
    ("log_rotation_size", "0"),
];

/// Fast, and worthless after a power cut.
const THROW_AWAY: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("autovacuum", "off"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "1h"),
    ("shared_buffers", "128MB"),
    ("max_connections", "300"),
    // In the data directory: segments elsewhere would outlive a crashed cluster
    // that is erased and never recovers.
    ("dynamic_shared_memory_type", "mmap"),
];

/// The settings of a cluster that keeps its data, or of one that does not.
pub(crate) fn settings(durable: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = if durable { DURABLE } else { THROW_AWAY };
    ALWAYS.iter().chain(own).copied()
}
