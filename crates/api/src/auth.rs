//! Who calls, and whether they may.
//!
//! A token is looked up by its SHA-256, so the time a look-up takes tells nothing about a token.
//! What was found is remembered for a few seconds: a revoked token works no longer than that.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};
use chrono::Utc;
use domain::{OperatorId, Role};
use store::{
    audit,
    operators::{self, Operator},
};

use crate::{context::Context, problem::Problem, rate_limit::Key, request_id::RequestId};

/// How long a look-up is remembered. Below the 5 s within which a revocation must take effect.
const REMEMBERED: Duration = Duration::from_secs(4);

/// Most look-ups remembered; more live operators than that are looked up more often.
const MOST_REMEMBERED: usize = 1024;

/// The operator a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) id: OperatorId,
    pub(crate) role: Role,
    /// `operator:<name>`, as the audit names it.
    pub(crate) actor: Arc<str>,
    pub(crate) request_id: RequestId,
    pub(crate) address: Option<String>,
}

impl Caller {
    /// An audit row of what this caller does.
    pub(crate) fn did<'a>(&'a self, action: &'a str) -> audit::Entry<'a> {
        audit::Entry {
            actor: &self.actor,
            action,
            request_id: Some(self.request_id.as_str()),
            address: self.address.as_deref(),
            ..audit::Entry::default()
        }
    }
}

/// Who asked, for the log line of the request.
#[derive(Debug, Clone)]
pub(crate) struct CallerName(Arc<str>);

impl CallerName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A caller that may look.
pub(crate) struct CanView(#[expect(dead_code, reason = "proof that the role was checked")] Caller);

/// A caller that may submit, cancel, retry, pause and reveal.
pub(crate) struct CanOperate(pub(crate) Caller);

/// A caller that may do what concerns everybody, or cannot be taken back.
pub(crate) struct CanAdminister(pub(crate) Caller);

impl FromRequestParts<Context> for CanView {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        allowed(parts, Role::Viewer).map(Self)
    }
}

impl FromRequestParts<Context> for CanOperate {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        allowed(parts, Role::Operator).map(Self)
    }
}

impl FromRequestParts<Context> for CanAdminister {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        allowed(parts, Role::Admin).map(Self)
    }
}

fn allowed(parts: &Parts, needs: Role) -> Result<Caller, Problem> {
    let caller = parts.extensions.get::<Caller>().ok_or_else(Problem::unauthenticated)?;
    if caller.role.allows(needs) {
        Ok(caller.clone())
    } else {
        Err(Problem::role_too_low(caller.role, needs))
    }
}

/// Lets requests of live operators through, as often as they may ask.
pub(crate) async fn authenticate(
    State(cx): State<Context>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let hash = bearer(request.headers())
        .map(keys::hash_operator_token)
        .ok_or_else(Problem::unauthenticated)?;
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let operator = cx.authenticator().operator(&cx, hash, address).await?;
    cx.rate_limit().check(Key::Operator(operator.id))?;
    let actor: Arc<str> = format!("operator:{}", operator.name).into();
    let request_id = request.extensions().get().cloned();
    let caller = Caller {
        id: operator.id,
        role: operator.role,
        actor: actor.clone(),
        request_id: request_id.unwrap_or_else(|| RequestId::of(request.headers())),
        address: address.map(|ip| ip.to_string()),
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(CallerName(actor));
    Ok(response)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Finds operators by the hash of their token, and remembers them for a moment.
#[derive(Default)]
pub(crate) struct Authenticator {
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
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

impl Authenticator {
    async fn operator(
        &self,
        cx: &Context,
        hash: [u8; 32],
        address: Option<IpAddr>,
    ) -> Result<Arc<Operator>, Problem> {
        if let Some(operator) = self.recall(&hash) {
            return Ok(operator);
        }
        // Guessing costs a query a guess: it is counted before.
        cx.rate_limit().check(Key::Address(address))?;
        let mut conn = cx.pool().acquire().await?;
        let found = operators::authenticate(&mut conn, &hash).await?;
        let operator = Arc::new(found.ok_or_else(Problem::unauthenticated)?);
        if operator.stale {
            operators::touch(&mut conn, operator.id).await?;
        }
        self.remember(hash, operator.clone());
        Ok(operator)
    }

    fn recall(&self, hash: &[u8; 32]) -> Option<Arc<Operator>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(hash).filter(|r| r.is_live()).map(|r| r.operator.clone())
    }

    fn remember(&self, hash: [u8; 32], operator: Arc<Operator>) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED {
            remembered.retain(|_, r| r.is_live());
        }
        if remembered.len() < MOST_REMEMBERED {
            remembered.insert(hash, Remembered { operator, until: Instant::now() + REMEMBERED });
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn reads_a_bearer_token_and_nothing_else() {
        let token = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            bearer(&headers).map(str::to_owned)
        };

        assert_eq!(token("Bearer tto_x").as_deref(), Some("tto_x"));
        assert_eq!(token("bearer  tto_x").as_deref(), Some("tto_x"));
        assert_eq!(token("Basic dXNlcg=="), None);
        assert_eq!(token("tto_x"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
