//! The rules of the registry: ids, names, domains, settings, states. No I/O.
