//! `tenantry health`: for containers that have neither shell nor curl.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::tenant_health::TenantsHealth;
use crate::{
    args::Global,
    client::Client,
    connection::Target,
    failure::{Done, Failure},
    show,
};

/// Longest an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Health {
    #[command(subcommand)]
    of: Option<Of>,
    /// The address, for a worker its port 8081; without a path, `/readyz` [default: the API]
    url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Of {
    Tenants(TenantsHealth),
}

impl Health {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        if let Some(Of::Tenants(tenants)) = self.of {
            return tenants.run(global).await;
        }
        let url = self.url.unwrap_or_else(|| Target::find(global).url);
        let (base, path) = split(&url)?;
        let target = Target { url: base, token: None, on_behalf_of: None, from_ready_file: false };
        let client = Client::anonymous(target)?;
        let answer = tokio::time::timeout(PATIENCE, client.get(&path)).await.map_err(|_| {
            Failure::new(format!("{url} did not answer within {} s", PATIENCE.as_secs()))
        })??;
        if global.json {
            show::raw(&answer.text);
        } else {
            let warning = answer.parse::<contract::Health>().ok().and_then(|it| it.warning);
            show::line(warning.map_or("ok".to_owned(), |it| show::plain(&format!("ok, but {it}"))));
        }
        Ok(Done::Well)
    }
}

fn split(url: &str) -> anyhow::Result<(String, String)> {
    let parsed = reqwest::Url::parse(url)
        .ok()
        .filter(|parsed| parsed.has_host() && parsed.scheme().starts_with("http"))
        .ok_or_else(|| {
            Failure::usage(format!("`{url}` is not a URL"))
                .advise("write it as http://127.0.0.1:8080")
        })?;
    let path = match parsed.path() {
        "" | "/" => "/readyz",
        path => path,
    };
    Ok((parsed.origin().ascii_serialization(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_readiness_unless_told_what_to_ask() {
        let base = "http://127.0.0.1:8080".to_owned();

        assert_eq!(split("http://127.0.0.1:8080").unwrap(), (base.clone(), "/readyz".to_owned()));
        assert_eq!(split("http://127.0.0.1:8080/healthz").unwrap(), (base, "/healthz".to_owned()));
        assert!(split("127.0.0.1:8080").is_err());
    }
}
