//! A caller that does as the manual says: what got no answer is sent again, with the same
//! `Idempotency-Key`, to whichever replica answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::support::Client;

/// Longest wait for one answer.
const ANSWERS_IN: Duration = Duration::from_secs(10);

/// How long is tried: longer than any fault lasts.
const GIVES_UP_AFTER: Duration = Duration::from_secs(90);

/// Between two tries.
const REST: Duration = Duration::from_millis(100);

/// Calls the replicas of the API.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    client: Client,
    replicas: Arc<Mutex<Vec<String>>>,
}

/// What a replica answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The body; null if it is no JSON.
    pub(crate) body: Value,
}

impl Caller {
    /// A caller with a token; nobody answers it yet.
    pub(crate) fn new(token: &str) -> Self {
        Self { client: Client::anonymous("").with_token(token), replicas: Arc::default() }
    }

    /// Replica number `n` answers at `url` from now on.
    pub(crate) fn knows(&self, n: usize, url: &str) {
        let mut all = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
        if n < all.len() {
            url.clone_into(&mut all[n]);
        } else {
            all.push(url.to_owned());
        }
    }

    /// One POST to replica number `n`, or to whatever stands for it; `None` without an answer.
    pub(crate) async fn once(
        &self,
        n: usize,
        path: &str,
        body: &Value,
        key: &str,
    ) -> Option<Reply> {
        let replica = {
            let all = self.replicas.lock().unwrap_or_else(PoisonError::into_inner);
            all[n % all.len()].clone()
        };
        let mut request = self.client.request(reqwest::Method::POST, &format!("{replica}{path}"));
        if !body.is_null() {
            request = request.json(body).header("idempotency-key", key);
        }
        let response = request.timeout(ANSWERS_IN).send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        Some(Reply { status, body: serde_json::from_str(&text).unwrap_or_default() })
    }

    /// POSTs until a replica answers and is not at a loss itself.
    ///
    /// # Panics
    /// If none does for a long time, or one answers 500: a fault from outside has a name.
    pub(crate) async fn surely(&self, path: &str, body: &Value, key: &str) -> Reply {
        let began = Instant::now();
        for n in 0.. {
            if let Some(reply) = self.once(n, path, body, key).await {
                assert_ne!(reply.status, 500, "POST {path} answered {:#}", reply.body);
                if reply.status < 500 && reply.status != 429 {
                    return reply;
                }
            }
            assert!(began.elapsed() < GIVES_UP_AFTER, "nobody answers POST {path}");
            tokio::time::sleep(REST).await;
        }
        unreachable!("it is tried without end")
    }
}
