//! The tenants that a command is about, where it names none: an operation on those that fit, looked at first.

use std::collections::BTreeMap;

use clap::Args;
use contract::{NothingToDo, Operation, Selection};
use domain::{Kind, Selector, TenantState};
use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{client, find_tenant, rollout, watching};
use crate::{
    args::Global,
    client::{API, Answer, Client},
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
        let nothing_first = async |_| Ok(());
        match self.send(global, client, (kind, params), None, !self.yes, nothing_first).await? {
            Some(answer) => watching::follow(global, client.operations(), &answer.parse()?).await,
            None => Ok(Done::Well),
        }
    }

    /// As [`Self::submit`], of a migration in waves; the operation, if one was submitted. Before the look `first`
    /// is done, or told where it `only_look`s: workers may wait for it.
    pub(super) async fn roll_out(
        &self,
        global: &Global,
        client: &Client,
        params: &impl Serialize,
        policy: Value,
        only_look: bool,
        first: impl AsyncFnOnce(bool) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Operation>> {
        let (only_look, policy) = (only_look || !self.yes, Some(policy));
        let what = (Kind::Migrate, params);
        let answer = self.send(global, client, what, policy, only_look, first).await?;
        answer.map(|answer| answer.parse()).transpose()
    }

    async fn send(
        &self,
        global: &Global,
        client: &Client,
        (kind, params): (Kind, &impl Serialize),
        policy: Option<Value>,
        only_look: bool,
        first: impl AsyncFnOnce(bool) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Answer>> {
        let selector = self.selector();
        if selector == Selector::default() {
            let advice = "name a tenant, `--all`, or what the tenants have";
            return Err(Failure::usage("no tenant is named").advise(advice).into());
        }
        let path = format!("{API}/operations");
        // As it is written: no number loses a digit.
        let mut body: BTreeMap<&str, Box<RawValue>> = BTreeMap::from([
            ("kind", to_raw_value(&kind)?),
            ("selector", to_raw_value(&selector)?),
            ("params", to_raw_value(params)?),
            ("dry_run", to_raw_value(&true)?),
        ]);
        if let Some(policy) = policy {
            body.insert("policy", to_raw_value(&policy)?);
        }
        first(only_look).await?;
        let looked = client.send(&path, &body, &[]).await?;
        let selection: Selection = looked.parse()?;
        if only_look {
            match global.json {
                true => show::raw(&looked.text),
                false if selection.waves.is_some() => rollout::plan(&selection),
                false => tell(&selection),
            }
            return Ok(None);
        }
        body.insert("dry_run", to_raw_value(&false)?);
        body.insert("digest", to_raw_value(&selection.digest)?);
        let answer = client.send(&path, &body, &[]).await?;
        if answer.status == 200 {
            let _: NothingToDo = answer.parse()?;
            show::note("no tenant fits: nothing was done");
            return Ok(None);
        }
        Ok(Some(answer))
    }
}

/// A tenant that is named, or all that fit.
#[derive(Debug, Args)]
pub(crate) struct Tenants {
    /// Its id, domain, schema name, or your own (external) id for it
    #[arg(required_unless_present = "Selected", conflicts_with = "Selected")]
    pub(super) tenant: Option<String>,
    #[command(flatten)]
    pub(super) selected: Selected,
}

impl Tenants {
    /// Has `one` done to the tenant that is named, by its id, or else an operation on those that fit; and follows
    /// it to its end.
    pub(super) async fn change(
        &self,
        global: &Global,
        (kind, params): (Kind, &impl Serialize),
        one: impl AsyncFnOnce(&Client, i64) -> anyhow::Result<Answer>,
    ) -> anyhow::Result<Done> {
        let client = client(global)?;
        let Some(tenant) = &self.tenant else {
            return self.selected.submit(global, &client, kind, params).await;
        };
        let id = find_tenant::resolve(&client, tenant).await?;
        let answer = one(&client, id).await?;
        watching::follow(global, client.operations(), &answer.parse()?).await
    }

    /// The same where one is changed by a POST of the operation's parameters.
    pub(super) async fn post(
        &self,
        global: &Global,
        kind: Kind,
        params: &impl Serialize,
    ) -> anyhow::Result<Done> {
        let path = |id| format!("{API}/tenants/{id}/{}", kind.as_str());
        let one = async |client: &Client, id| client.send(&path(id), params, &[]).await;
        self.change(global, (kind, params), one).await
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
