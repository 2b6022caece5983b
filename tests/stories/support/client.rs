//! Calls the API as any HTTP client would.

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

/// A caller of one API.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) text: String,
}

impl Client {
    /// A caller without a token.
    pub(crate) fn anonymous(url: &str) -> Self {
        // Another test of this process may have installed it: just as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, url: url.to_owned(), token: None }
    }

    /// The same caller with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request to be completed and [sent](Self::send).
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON, with further headers.
    pub(crate) async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(Method::POST, path).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }

    /// POST without a body.
    pub(crate) async fn command(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// DELETE.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }
}

impl Answer {
    /// The body as JSON, if the answer has this status.
    ///
    /// # Panics
    /// If it has another, or is no JSON.
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("no JSON: {e}: {}", self.text))
    }

    /// The code of the problem that the body is, if the answer has this status.
    ///
    /// # Panics
    /// If it has another, or is no problem.
    pub(crate) fn problem(&self, status: u16) -> String {
        let body = self.json(status);
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], status);
        body["code"].as_str().expect("a problem has a code").to_owned()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The names of an object's fields, sorted.
pub(crate) fn keys_of(object: &Value) -> Vec<&str> {
    let fields = object.as_object().unwrap_or_else(|| panic!("no object: {object}"));
    let mut names: Vec<_> = fields.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
