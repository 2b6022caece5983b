//! Tracing subscriber, error chains, metric names and their units.
