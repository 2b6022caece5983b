//! Typed configuration from config files and the environment.
