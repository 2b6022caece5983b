//! Authenticates the caller and checks its role.
//!
//! A token that has not the form of one is refused without a look-up. Others are looked up by
//! their SHA-256, so the time a look-up takes tells nothing about a token. Wrong tokens count
//! against the address they come from, and never against a caller whose token is good.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use domain::{OperatorId, Principal, Role};
use store::audit;

use crate::{
    context::Context,
    http::{
        admission::Place, client_address::client_address, problem::Problem, request_id::RequestId,
        shares::Key,
    },
    submission::idempotency::Act,
};

/// The operator a request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) id: OperatorId,
    pub(crate) role: Role,
    /// `operator:<name>`, as the audit names it.
    pub(crate) actor: Arc<str>,
    /// For whom the operator says to act. It gives no rights.
    pub(crate) on_behalf_of: Option<Principal>,
    pub(crate) request_id: RequestId,
    pub(crate) address: Option<String>,
}

impl Caller {
    /// Who it is, as the audit log names them.
    pub(crate) fn by(&self) -> audit::By<'_> {
        audit::By {
            actor: &self.actor,
            role: Some(self.role),
            on_behalf_of: self.on_behalf_of.as_ref().map(Principal::as_str),
            request_id: Some(self.request_id.as_str()),
            address: self.address.as_deref(),
            once: None,
        }
    }

    /// The same of an act that takes effect once.
    pub(crate) fn by_once<'a>(&'a self, act: &'a Act) -> audit::By<'a> {
        audit::By { once: act.once(self.id), ..self.by() }
    }

    /// Whether its role allows what needs the role `needed`.
    ///
    /// # Errors
    /// 403 when it does not.
    pub(crate) fn may(&self, needed: Role) -> Result<(), Problem> {
        match self.role.allows(needed) {
            true => Ok(()),
            false => Err(Problem::role_too_low(self.role, needed)),
        }
    }

    /// An audit row of what this caller does.
    pub(crate) fn did<'a>(&'a self, action: &'a str) -> audit::Entry<'a> {
        self.by().did(action)
    }
}

/// The caller, for the log line of the request.
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
    caller.may(needs)?;
    Ok(caller.clone())
}

/// Lets requests of live operators through, as often as they may ask.
pub(crate) async fn authenticate(
    State(cx): State<Context>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let address = address(&cx, &request);
    let hash = bearer(request.headers()).and_then(keys::parse_operator_token);
    let operator = match hash {
        Some(hash) => cx.authenticator.find(&cx, hash).await?,
        None => None,
    };
    let Some(operator) = operator else {
        cx.rate_limit.check(Key::Address(address))?;
        return Err(Problem::unauthenticated());
    };
    cx.rate_limit.check(Key::Operator(operator.id))?;
    if let Some(place) = request.extensions().get::<Place>() {
        let share = cx.calls_of.of(operator.id);
        place.enter(share).map_err(|_| Problem::too_many_calls())?;
    }
    let actor: Arc<str> = format!("operator:{}", operator.name).into();
    let request_id = request.extensions().get().cloned();
    let caller = Caller {
        id: operator.id,
        role: operator.role,
        actor: actor.clone(),
        on_behalf_of: on_behalf_of(request.headers())?,
        request_id: request_id.unwrap_or_else(|| RequestId::of(request.headers())),
        address: address.map(|ip| ip.to_string()),
    };
    request.extensions_mut().insert(caller);
    let mut response = next.run(request).await;
    response.extensions_mut().insert(CallerName(actor));
    Ok(response)
}

/// The client's address, if the request came over a connection.
fn address(cx: &Context, request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip();
    Some(client_address(peer, request.headers(), &cx.settings.api.trusted_proxies))
}

/// For whom the caller acts, from the `Tenantry-Actor` header: at most one, in UTF-8.
///
/// # Errors
/// 400 when it is not 1 to 255 characters that can be printed.
fn on_behalf_of(headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
    let mut values = headers.get_all("tenantry-actor").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none());
    text.and_then(|text| Principal::parse(text).ok()).map(Some).ok_or_else(|| {
        let detail = "Tenantry-Actor must be one header of 1 to 255 characters that can be printed";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_header", detail)
    })
}

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
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
        let mut two = HeaderMap::new();
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer tto_x"));
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer tto_y"));
        assert_eq!(bearer(&two), None);
    }
}
