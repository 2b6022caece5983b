//! Talks to the API: one method a verb, answers kept as they came so that `--json` can print them.

mod operations;
mod problem;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use indexmap::IndexMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

pub(crate) use operations::{Filters, Operations, Under};

use crate::{connection::Target, failure::Failure, show};

pub(crate) const API: &str = "/api/v1";

/// One JSON document a line.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// How long an API that does not accept connections is given to start.
const PATIENCE: Duration = Duration::from_secs(3);

/// First pause between two tries to connect; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How often one call gives way to `429 Too Many Requests` before it fails.
const MAX_YIELDS: u32 = 10;

/// Longest that one `Retry-After` is obeyed.
const MAX_YIELD: Duration = Duration::from_secs(60);

/// Longest an answer may take to begin. Above the API's own limit of 45 s for `Prefer: wait`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// The fields of an answer in the order in which the API sent them, each as it was written.
pub(crate) type Fields = IndexMap<String, Box<RawValue>>;

/// A good answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The HTTP status, 200 to 299.
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.text)
            .context("the API's answer has another form than this version of tenantry expects")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    target: Target,
}

impl Client {
    /// A caller with a token; without one the error says how to get it.
    pub(crate) fn new(target: Target) -> anyhow::Result<Self> {
        if target.token.is_some() {
            return Self::anonymous(target);
        }
        let what =
            format!("TENANTRY_TOKEN is not set, and the API at {} needs a token", target.url);
        let advice = "make one with `tenantry token create --name me --role operator` and set \
                      TENANTRY_TOKEN (or pass --token)";
        Err(Failure::new(what).advise(advice).into())
    }

    /// A caller that shows no token, for health checks.
    pub(crate) fn anonymous(target: Target) -> anyhow::Result<Self> {
        // A second call finds the first one's provider in place, which is just as good.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .read_timeout(ANSWER_TIMEOUT);
        if is_loopback(&target.url) {
            http = http.no_proxy();
        }
        let http = http.build().context("could not prepare the HTTP client")?;
        Ok(Self { http, target })
    }

    /// Reads `path` (from the root, with its query).
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(self.request(Method::GET, path)).await
    }

    /// Prints `path` in `media_type` while it arrives: a list may be larger than the memory.
    pub(crate) async fn print(&self, path: &str, media_type: &str) -> anyhow::Result<()> {
        let request = self.request(Method::GET, path).header(header::ACCEPT, media_type);
        let mut response = self.response(request).await?;
        if !response.status().is_success() {
            return self.read(response).await.map(drop);
        }
        while let Some(part) = response.chunk().await.context("the API's answer broke off")? {
            if show::part(&part).is_err() {
                // The reader has left.
                break;
            }
        }
        Ok(())
    }

    /// Posts to `path`, without a body.
    pub(crate) async fn post(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(self.request(Method::POST, path)).await
    }

    /// Posts `body`, with extra headers.
    pub(crate) async fn send(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let mut request = self.request(Method::POST, path).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request).await
    }

    /// Puts `body`.
    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<Answer> {
        self.call(self.request(Method::PUT, path).json(body)).await
    }

    /// Sends a change as a merge patch, with extra headers.
    pub(crate) async fn patch(
        &self,
        path: &str,
        patch: String,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Answer> {
        let request = self.request(Method::PATCH, path).body(patch);
        let mut request = request.header(header::CONTENT_TYPE, "application/merge-patch+json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.call(request).await
    }

    /// Posts lines of JSON.
    pub(crate) async fn send_lines(&self, path: &str, lines: String) -> anyhow::Result<Answer> {
        let request = self.request(Method::POST, path).body(lines);
        self.call(request.header(header::CONTENT_TYPE, NDJSON)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.call(self.request(Method::DELETE, path)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let Target { url, token, on_behalf_of, .. } = &self.target;
        let request = self.http.request(method, format!("{url}{path}"));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        match on_behalf_of {
            // In UTF-8: a text as a header's value may have ASCII alone.
            Some(whom) => request.header("Tenantry-Actor", whom.as_bytes()),
            None => request,
        }
    }

    async fn call(&self, request: RequestBuilder) -> anyhow::Result<Answer> {
        self.read(self.response(request).await?).await
    }

    /// The answer's head; after 429 it asks again.
    async fn response(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let mut yields = 0;
        loop {
            let again = request.try_clone().context("could not prepare the request")?;
            let response = self.connect(again).await?;
            if response.status() == StatusCode::TOO_MANY_REQUESTS && yields < MAX_YIELDS {
                yields += 1;
                let wait = asked_to_wait(&response).unwrap_or(Duration::from_secs(1));
                tokio::time::sleep(wait.min(MAX_YIELD)).await;
                continue;
            }
            return Ok(response);
        }
    }

    /// Sends, and tries again while nothing accepts the connection: nothing was sent then, so it
    /// is safe for every method.
    async fn connect(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            let again = request.try_clone().context("could not prepare the request")?;
            match again.send().await {
                Ok(response) => return Ok(response),
                Err(e) if e.is_connect() && began.elapsed() + pause < PATIENCE => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(e) => return Err(self.unreachable(e).into()),
            }
        }
    }

    async fn read(&self, response: Response) -> anyhow::Result<Answer> {
        let (status, wait) = (response.status(), asked_to_wait(&response));
        let under = Under::of_path(response.url().path());
        let text = response.text().await.context("the API's answer broke off")?;
        if status.is_success() {
            Ok(Answer { status: status.as_u16(), text })
        } else {
            Err(problem::explain((status.as_u16(), under), &text, wait).into())
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let url = &self.target.url;
        if error.is_timeout() {
            return Failure::new(format!("the API at {url} did not answer in time"))
                .advise(format!("look at its log, or run `tenantry health {url}`"));
        }
        // Its own words repeat the address with the path.
        let cause = telemetry::chain(&error.without_url());
        let failure = Failure::new(format!("could not reach the API at {url}: {cause}"));
        if self.target.from_ready_file {
            failure.advise("start it again with `tenantry dev`")
        } else if url.starts_with("https:") {
            failure.advise(
                "look at --url; a certificate of a private authority is trusted if SSL_CERT_FILE \
                 names the authority's",
            )
        } else {
            failure
                .advise("start one with `tenantry dev`, or name another with --url or TENANTRY_URL")
        }
    }
}

/// What `Retry-After` says, in seconds.
fn asked_to_wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

/// A query string of those parameters that have a value.
pub(crate) fn query(parameters: Filters<'_>) -> String {
    let mut url = reqwest::Url::parse("http://x/").expect("a constant URL is one");
    for (name, value) in parameters {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    url.query().map_or_else(String::new, |query| format!("?{query}"))
}

/// A proxy cannot reach this machine's own addresses.
fn is_loopback(url: &str) -> bool {
    reqwest::Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).is_some_and(
        |host| {
            let bare = host.trim_matches(['[', ']']);
            host == "localhost" || bare.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_machine() {
        for near in ["http://127.0.0.1:80", "http://localhost", "http://[::1]:9/x"] {
            assert!(is_loopback(near), "{near}");
        }
        for far in ["https://tenantry.example", "http://10.0.0.7:8080", "nonsense"] {
            assert!(!is_loopback(far), "{far}");
        }
    }

    #[test]
    fn a_query_has_only_what_was_given_and_escapes_it() {
        let made = query(&[("q", Some("a&b c".to_owned())), ("status", None)]);

        assert_eq!(made, "?q=a%26b+c");
        assert_eq!(query(&[("q", None)]), "");
    }
}
