//! How the tenants of one batch hang together.

use crate::state::words;

words! {
    /// How the tenants of one batch hang together.
    #[derive(Default)]
    Mode: "a mode of a batch" {
        /// Each on its own: one that fails does not touch the others.
        #[default]
        Independent = "independent",
        /// All or none: one that fails takes the others back.
        Atomic = "atomic",
    }
}
