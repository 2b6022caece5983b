//! Black-box stories: one module per promise, through HTTP and the binaries, and
//! the rules the source tree itself keeps.

mod architecture;
mod legal_moves;
#[cfg(test)]
mod stories;
