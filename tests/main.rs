//! Black-box stories: one module per promise, through HTTP and the binaries, and
//! the rules the source tree itself keeps.

mod architecture;
#[cfg(test)]
mod stories;
