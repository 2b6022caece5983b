//! API keys: mint, hash, checksum, seal and open.
