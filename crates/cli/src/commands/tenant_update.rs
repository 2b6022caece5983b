//! `tenantry tenant update`: changes one tenant or all that fit by options, or each of a list by a file.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use domain::Kind;
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{client, find_tenant, selected::Selected, watching};
use crate::{
    args::Global,
    client::API,
    failure::{Done, Failure},
    input,
};

/// Change a tenant, or all that fit: what no option names stays as it is
#[derive(Debug, Args)]
pub(crate) struct TenantUpdate {
    /// Its id, domain, schema name, or your own (external) id for it
    #[arg(
        required_unless_present_any = ["file", "Selected"],
        conflicts_with_all = ["file", "Selected"]
    )]
    tenant: Option<String>,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    change: Change,
    /// Only if nobody has changed it since: the `version` that `tenant show` shows
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["file", "Selected"])]
    if_match: Option<String>,
    /// Change each tenant of this file; a line is {"id": 7, "patch": {"description": "…"}}; `-` reads
    /// standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["Change", "Selected"])]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Change {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Where it answers
    #[arg(long)]
    domain: Option<String>,
    /// Your own id for it
    #[arg(long, value_name = "ID", conflicts_with = "no_external_id")]
    external_id: Option<String>,
    /// Remove your own id for it
    #[arg(long)]
    no_external_id: bool,
    /// What it is for
    #[arg(long, value_name = "TEXT", conflicts_with = "no_description")]
    description: Option<String>,
    /// Remove the description
    #[arg(long)]
    no_description: bool,
    /// Settings as JSON, or @FILE; merged into those it has, and null gives a default back
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
    /// Set a label
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Remove a label
    #[arg(long, value_name = "KEY")]
    remove_label: Vec<String>,
}

/// Whether such a label can be is the API's business.
fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err("write it as KEY=VALUE".to_owned()),
    }
}

impl TenantUpdate {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let client = client(global)?;
        let answer = match (&self.file, &self.tenant) {
            (Some(file), _) => {
                let lines = input::text_of(file)?;
                let lines = lines.strip_prefix('\u{feff}').unwrap_or(&lines).to_owned();
                client.send_lines(&format!("{API}/tenants/update"), lines).await?
            }
            (None, Some(tenant)) => {
                let patch = self.change.patch()?;
                let id = find_tenant::resolve(&client, tenant).await?;
                let tag = self.if_match.as_deref().map(quoted);
                let header = tag.as_deref().map(|tag| ("if-match", tag));
                client.patch(&format!("{API}/tenants/{id}"), patch, header.as_slice()).await?
            }
            (None, None) => {
                let params = OfMany { patch: RawValue::from_string(self.change.patch()?)? };
                return self.selected.submit(global, &client, Kind::Update, &params).await;
            }
        };
        watching::follow(global, client.operations(), &answer.parse()?).await
    }
}

/// The parameters of kind `update`, for all tenants that it is about.
#[derive(Debug, Serialize)]
struct OfMany {
    patch: Box<RawValue>,
}

/// A version as a tag.
fn quoted(version: &str) -> String {
    match version {
        "*" => version.to_owned(),
        tag if tag.starts_with('"') => tag.to_owned(),
        version => format!("\"{version}\""),
    }
}

impl Change {
    /// The merge patch that the options ask for.
    fn patch(&self) -> anyhow::Result<String> {
        let mut patch: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
        let texts = [
            ("tenant_name", &self.name, false),
            ("domain", &self.domain, false),
            ("external_id", &self.external_id, self.no_external_id),
            ("description", &self.description, self.no_description),
        ];
        for (field, text, removed) in texts {
            if text.is_some() || removed {
                patch.insert(field, to_raw_value(text)?);
            }
        }
        if let Some(settings) = &self.settings {
            patch.insert("settings", read_settings(settings)?);
        }
        let mut labels: BTreeMap<&str, Value> = BTreeMap::new();
        labels.extend(self.label.iter().map(|(key, value)| (key.as_str(), json!(value))));
        labels.extend(self.remove_label.iter().map(|key| (key.as_str(), Value::Null)));
        if !labels.is_empty() {
            patch.insert("labels", to_raw_value(&labels)?);
        }
        if patch.is_empty() {
            let advice = "`tenantry tenant update --help` lists what can be changed";
            return Err(Failure::usage("nothing is to be changed").advise(advice).into());
        }
        serde_json::to_string(&patch).context("could not write the change")
    }
}

/// JSON, or that of the file behind an `@`. As it is written: no number loses a digit.
fn read_settings(settings: &str) -> anyhow::Result<Box<RawValue>> {
    let text = match settings.strip_prefix('@') {
        Some(file) => input::text_of(file.as_ref())?,
        None => settings.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|e| Failure::usage(format!("--settings: not valid JSON: {e}")).into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        update: TenantUpdate,
    }

    fn typed(arguments: &[&str]) -> Result<TenantUpdate, clap::Error> {
        let all = ["update"].into_iter().chain(arguments.iter().copied());
        Typed::try_parse_from(all).map(|typed| typed.update)
    }

    fn patch(arguments: &[&str]) -> String {
        let all: Vec<&str> = ["7"].iter().chain(arguments).copied().collect();
        typed(&all).unwrap().change.patch().unwrap()
    }

    #[test]
    fn options_become_a_merge_patch() {
        assert_eq!(
            patch(&["--name", "A", "--no-external-id", "--label", "a=b=c", "--remove-label", "d"]),
            r#"{"external_id":null,"labels":{"a":"b=c","d":null},"tenant_name":"A"}"#
        );
        assert_eq!(
            patch(&["--settings", r#"{"metadata": {"n": 1.10}}"#, "--description", ""]),
            r#"{"description":"","settings":{"metadata": {"n": 1.10}}}"#
        );
    }

    #[test]
    fn what_excludes_each_other_and_what_is_nothing_is_refused() {
        for wrong in [
            &["7", "--external-id", "a", "--no-external-id"][..],
            &["7", "--file", "x"],
            &["7", "--all"],
            &["--all", "--file", "x"],
            &["--all", "--name", "a", "--if-match", "v"],
            &["--file", "x", "--name", "a"],
            &["--file", "x", "--if-match", "a"],
            &["--name", "a"],
            &["7", "--label", "a"],
        ] {
            assert!(typed(wrong).is_err(), "{wrong:?}");
        }
        assert!(typed(&["--with-label", "plan=trial", "--label", "plan=free"]).is_ok());
        assert!(typed(&["7"]).unwrap().change.patch().is_err());
        assert!(read_settings("{").is_err());
    }

    #[test]
    fn a_version_is_quoted_once() {
        assert_eq!(
            (quoted("a-1"), quoted("\"a-1\""), quoted("*")),
            ("\"a-1\"".into(), "\"a-1\"".into(), "*".into())
        );
    }
}
