//! What an `Idempotency-Key` stands for: a hash of all that a call asks for.

use sha2::{Digest as _, Sha256};

use crate::body::HowAsked;

/// The hash of a call, as far as its body has arrived.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of a call whose body has not arrived yet; `call` keeps two calls with one body apart.
    pub(crate) fn of(call: &str, asked: HowAsked<'_>) -> Self {
        let mut hash = Sha256::new();
        hash.update(call.as_bytes());
        // Only if there is one: a key lives longer than the release that first knew `run_at`.
        if let Some(run_at) = asked.run_at {
            hash.update(b" at ");
            hash.update(run_at.as_bytes());
        }
        hash.update([0]);
        hash.update(asked.mode.unwrap_or_default().as_bytes());
        hash.update([0]);
        Self(hash)
    }

    /// Takes the next piece of the body.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// SHA-256 of the call, its body included.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(call: &str, asked: HowAsked<'_>, body: &[u8]) -> [u8; 32] {
        let mut fingerprint = Fingerprint::of(call, asked);
        fingerprint.update(body);
        fingerprint.finish()
    }

    #[test]
    fn tells_two_calls_two_modes_two_times_and_two_bodies_apart() {
        let body = b"{}";
        let at_once = HowAsked::default();
        let hashes = [
            hash("batch", at_once, body),
            hash("single", at_once, body),
            hash("batch", HowAsked { mode: Some("atomic"), ..at_once }, body),
            hash("batch", HowAsked { run_at: Some("2030"), ..at_once }, body),
            hash("batch", at_once, b"{ }"),
        ];

        assert_eq!(std::collections::HashSet::from(hashes).len(), 5);
        assert_eq!(hash("batch", at_once, body), hashes[0]);
    }

    #[test]
    fn a_body_in_pieces_has_the_hash_of_the_whole() {
        let asked = HowAsked { mode: Some("atomic"), run_at: Some("2030") };

        let mut pieces = Fingerprint::of("batch", asked);
        for piece in [&b"{\"a"[..], b"", b"\": 1}"] {
            pieces.update(piece);
        }

        let hash = pieces.finish();
        // Keys are kept for a day, over an upgrade too: this form stays.
        assert_eq!(hash, *Sha256::digest(b"batch at 2030\0atomic\0{\"a\": 1}"));
    }
}
