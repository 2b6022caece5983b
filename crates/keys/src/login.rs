//! The password of a tenant's role, and what PostgreSQL stores of it.
//!
//! The server gets a SCRAM-SHA-256 verifier (RFC 5802, RFC 7677) in place of the password, so that the
//! password stands in no statement and in no log of the server.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};

use crate::{hash::hmac, random};

/// Random characters of a password: 190 bits.
const LENGTH: usize = 32;

/// PostgreSQL's own number of iterations. More would cost the server at each login, and a random
/// password needs none.
const ITERATIONS: u32 = 4096;

/// Bytes of a salt, as PostgreSQL draws them.
const SALT: usize = 16;

/// A password that nobody else has. `Debug` prints nothing of it.
pub struct LoginPassword(Zeroizing<String>);

impl LoginPassword {
    /// A fresh password from the operating system's CSPRNG.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn mint() -> Self {
        Self(random::base62(LENGTH))
    }

    /// The password itself, for the one who is to have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What `alter role … password` takes in its place.
    ///
    /// # Panics
    /// When the operating system has no random source.
    #[must_use]
    pub fn verifier(&self) -> String {
        let mut salt = [0u8; SALT];
        random::fill(&mut salt);
        verifier(&self.0, &salt, ITERATIONS)
    }
}

impl fmt::Debug for LoginPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginPassword(***)")
    }
}

/// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`. The password is ASCII, which `SASLprep`
/// leaves as it is.
fn verifier(password: &str, salt: &[u8], iterations: u32) -> String {
    let mut salted = Zeroizing::new([0u8; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut *salted);
    let stored = Sha256::digest(hmac(&*salted, b"Client Key"));
    let server = hmac(&*salted, b"Server Key");
    format!(
        "SCRAM-SHA-256${iterations}:{}${}:{}",
        STANDARD.encode(salt),
        STANDARD.encode(stored),
        STANDARD.encode(server)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3: its client proof and server signature follow from these.
    #[test]
    fn makes_the_keys_of_the_rfc() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();

        let made = verifier("pencil", &salt, 4096);

        let (_, keys) = made.rsplit_once('$').unwrap();
        let (stored, server) = keys.split_once(':').unwrap();
        let auth = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let auth = auth.replace(' ', "");
        let signature = hmac(&STANDARD.decode(server).unwrap(), auth.as_bytes());
        assert_eq!(STANDARD.encode(signature), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let client = hmac(&STANDARD.decode(stored).unwrap(), auth.as_bytes());
        let client: Vec<u8> = client.iter().zip(proof).map(|(a, b)| a ^ b).collect();
        assert_eq!(STANDARD.encode(Sha256::digest(client)), stored);
    }

    #[test]
    fn no_two_passwords_and_no_two_verifiers_are_alike() {
        let (one, other) = (LoginPassword::mint(), LoginPassword::mint());

        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.verifier(), one.verifier());
        assert_eq!(one.expose().len(), LENGTH);
        assert!(!format!("{one:?}").contains(one.expose()));
    }
}
