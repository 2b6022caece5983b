//! The tenants that a command is about, where it names none: an operation on those that fit, looked at first.

use clap::Args;
use contract::{NothingToDo, Selection};
use domain::{Kind, Selector, TenantState};
use serde::Serialize;
use serde_json::json;

use super::watching;
use crate::{
    args::Global,
    client::{API, Client},
    failure::{Done, Failure},
    show::{self, Table},
};

/// Tenants that fit all that is given.
#[derive(Debug, Args)]
pub(crate) struct Selected {
    /// Every tenant that it can be done to
    #[arg(long, conflicts_with_all = ["with_label", "with_feature", "with_status", "name_prefix"])]
    all: bool,
    /// Tenants with this label
    #[arg(long, value_name = "KEY=VALUE")]
    with_label: Option<String>,
    /// Tenants with this feature
    #[arg(long, value_name = "FEATURE")]
    with_feature: Option<String>,
    /// Tenants with this status; may be repeated
    #[arg(long, value_name = "STATUS")]
    with_status: Vec<TenantState>,
    /// Tenants whose name begins with this
    #[arg(long, value_name = "TEXT")]
    name_prefix: Option<String>,
    /// Do it; without this, only say which tenants it would be
    #[arg(long)]
    yes: bool,
}

impl Selected {
    fn selector(&self) -> Selector {
        Selector {
            all: self.all,
            status: self.with_status.clone(),
            feature: self.with_feature.clone(),
            label: self.with_label.clone(),
            name_prefix: self.name_prefix.clone(),
            ..Selector::default()
        }
    }

    /// Looks which tenants it would be, and does it to exactly these if that is wished.
    pub(super) async fn submit(
        &self,
        global: &Global,
        client: &Client,
        kind: Kind,
        params: &impl Serialize,
    ) -> anyhow::Result<Done> {
        let selector = self.selector();
        if selector == Selector::default() {
            let advice = "name a tenant, `--all`, or what the tenants have";
            return Err(Failure::usage("no tenant is named").advise(advice).into());
        }
        let path = format!("{API}/operations");
        let mut body =
            json!({ "kind": kind, "selector": selector, "params": params, "dry_run": true });
        let looked = client.send(&path, &body, &[]).await?;
        let selection: Selection = looked.parse()?;
        if !self.yes {
            match global.json {
                true => show::raw(&looked.text),
                false => tell(&selection),
            }
            return Ok(Done::Well);
        }
        body["dry_run"] = json!(false);
        body["digest"] = json!(selection.digest);
        let answer = client.send(&path, &body, &[]).await?;
        if answer.status == 200 {
            let _: NothingToDo = answer.parse()?;
            show::note("no tenant fits: nothing was done");
            return Ok(Done::Well);
        }
        watching::follow(global, client.operations(), &answer.parse()?).await
    }
}

fn tell(selection: &Selection) {
    if !selection.sample.is_empty() {
        let mut table = Table::new(&[">id", "tenant"]);
        for tenant in &selection.sample {
            table.row([tenant.tenant_id.to_string(), tenant.tenant_name.clone()]);
        }
        table.print();
    }
    let shown = selection.sample.len();
    show::note(format!("{shown} of {}; nothing was done: add --yes to do it", selection.tenants));
}
