//! Finds operators by the hash of their token.
//!
//! What was found is remembered for a few seconds: a revoked token works no longer than that. What
//! was not found is remembered too. Look-ups that come together share one statement, so a flood of
//! unknown tokens costs the database a statement at a time and delays no other look-up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use store::operators::{self, Operator};
use tokio::sync::oneshot;

use crate::{context::Context, http::problem::Problem};

/// How long a look-up is remembered. Below the 5 s within which a revocation must take effect.
const REMEMBERED: Duration = Duration::from_secs(4);

/// How long an unknown token is remembered. No operator can get it later: tokens are random.
const UNKNOWN: Duration = Duration::from_secs(60);

/// Most look-ups remembered of each kind; more are looked up more often.
const MOST_REMEMBERED: usize = 1024;

/// Most tokens one statement looks up.
const MOST_AT_ONCE: usize = 256;

/// A token's SHA-256.
pub(crate) type Hash = [u8; 32];

/// Finds operators, and remembers them for a moment.
#[derive(Default)]
pub(crate) struct Authenticator {
    remembered: Mutex<HashMap<Hash, Remembered>>,
    unknown: Mutex<HashMap<Hash, Instant>>,
    asked: Mutex<Vec<Asked>>,
    /// Held by the caller that looks up what was asked.
    looking: tokio::sync::Mutex<()>,
}

struct Remembered {
    operator: Arc<Operator>,
    until: Instant,
}

impl Remembered {
    fn is_live(&self) -> bool {
        let expired = self.operator.expires_at.is_some_and(|at| at <= Utc::now());
        self.until > Instant::now() && !expired
    }
}

/// `None` when no live operator has the token.
type Found = Result<Option<Arc<Operator>>, Unavailable>;

/// The look-up failed; the caller that made it has the cause.
struct Unavailable;

struct Asked {
    hash: Hash,
    answer: oneshot::Sender<Found>,
}

impl Authenticator {
    /// The live operator whose token has this hash, if there is one.
    pub(crate) async fn find(
        &self,
        cx: &Context,
        hash: Hash,
    ) -> Result<Option<Arc<Operator>>, Problem> {
        if let Some(operator) = self.recall(&hash) {
            return Ok(Some(operator));
        }
        if locked(&self.unknown).get(&hash).is_some_and(|until| *until > Instant::now()) {
            return Ok(None);
        }
        loop {
            let (answer, answered) = oneshot::channel();
            locked(&self.asked).push(Asked { hash, answer });
            // Without an answer the caller that looked for this one too is gone: ask again.
            if let Some(found) = self.answer(cx, answered).await? {
                return found.map_err(|Unavailable| Problem::no_answer());
            }
        }
    }

    /// What another caller's look-up found, or this one's; `None` when the other did not end.
    async fn answer(
        &self,
        cx: &Context,
        mut answered: oneshot::Receiver<Found>,
    ) -> Result<Option<Found>, Problem> {
        loop {
            let _looking = tokio::select! {
                biased;
                found = &mut answered => return Ok(found.ok()),
                looking = self.looking.lock() => looking,
            };
            match answered.try_recv() {
                Ok(found) => return Ok(Some(found)),
                Err(oneshot::error::TryRecvError::Closed) => return Ok(None),
                Err(oneshot::error::TryRecvError::Empty) => self.look_up(cx).await?,
            }
        }
    }

    /// Looks up the tokens that were asked for longest.
    async fn look_up(&self, cx: &Context) -> Result<(), Problem> {
        let asked: Vec<Asked> = {
            let mut asked = locked(&self.asked);
            let n = asked.len().min(MOST_AT_ONCE);
            asked.drain(..n).filter(|a| !a.answer.is_closed()).collect()
        };
        let hashes: Vec<Hash> = asked.iter().map(|a| a.hash).collect();
        let found = read(cx, &hashes).await;
        for Asked { hash, answer } in asked {
            let operator = found.as_ref().map(|found| found.get(&hash).cloned());
            if let Ok(operator) = &operator {
                self.remember(hash, operator.clone());
            }
            // Fails when the caller is gone.
            answer.send(operator.map_err(|_| Unavailable)).ok();
        }
        found.map(drop)
    }

    fn recall(&self, hash: &Hash) -> Option<Arc<Operator>> {
        let remembered = locked(&self.remembered);
        remembered.get(hash).filter(|r| r.is_live()).map(|r| r.operator.clone())
    }

    fn remember(&self, hash: Hash, operator: Option<Arc<Operator>>) {
        let now = Instant::now();
        match operator {
            Some(operator) => {
                let new = Remembered { operator, until: now + REMEMBERED };
                keep(&mut locked(&self.remembered), hash, new, Remembered::is_live);
            }
            None => {
                let until = now + UNKNOWN;
                keep(&mut locked(&self.unknown), hash, until, |until| *until > now);
            }
        }
    }
}

/// The live operators among those with `hashes`.
async fn read(cx: &Context, hashes: &[Hash]) -> Result<HashMap<Hash, Arc<Operator>>, Problem> {
    let mut conn = cx.pool().acquire().await?;
    let found = operators::authenticate(&mut conn, hashes).await?;
    for operator in found.values().filter(|operator| operator.stale) {
        operators::touch(&mut conn, operator.id).await?;
    }
    Ok(found.into_iter().map(|(hash, operator)| (hash, Arc::new(operator))).collect())
}

/// Puts `value` into `map`, unless it is full of what is live.
fn keep<T>(map: &mut HashMap<Hash, T>, hash: Hash, value: T, is_live: impl Fn(&T) -> bool) {
    if map.len() >= MOST_REMEMBERED && !map.contains_key(&hash) {
        map.retain(|_, value| is_live(value));
    }
    if map.len() < MOST_REMEMBERED || map.contains_key(&hash) {
        map.insert(hash, value);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic is done while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
