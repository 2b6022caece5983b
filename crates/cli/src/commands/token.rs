//! `tenantry token`: operator tokens, straight on the database, so that the first one can be made.

use chrono::{DateTime, Utc};
use clap::{
    Subcommand,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use domain::Role;
use serde_json::json;
use sqlx::PgPool;
use store::operators;

use super::config_check;
use crate::{
    actor::record,
    args::Global,
    connection,
    failure::{Done, Failure},
    show::{self, Table, short_time},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Create a token and print it; it is shown only once
    Create {
        /// A name for it
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, default_value_t = Role::Operator, value_parser = role())]
        role: Role,
        /// When it expires: 90d, 12h, or never
        #[arg(long, default_value = "90d", value_parser = expiry)]
        expires: Expiry,
    },
    /// List all tokens, without their secrets
    List,
    /// Revoke a token; in force within 5 seconds
    Revoke {
        /// Its name
        name: String,
    },
}

fn role() -> impl TypedValueParser<Value = Role> {
    let help = |role: &Role| match role {
        Role::Viewer => "Read everything but API keys",
        Role::Operator => {
            "Make, suspend and resume tenants; steer operations; issue and reveal keys"
        }
        Role::Admin => "Everything, migrations too",
    };
    let roles = Role::ALL.iter().map(|role| PossibleValue::new(role.as_str()).help(help(role)));
    PossibleValuesParser::new(roles).try_map(|role| role.parse::<Role>())
}

/// How long a token lives; `None` = until it is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry(Option<chrono::Duration>);

fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry(None));
    }
    let wrong = || "not a duration; use 90d, 12h or never".to_owned();
    let (number, days) = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(number), _) => (number, true),
        (None, Some(number)) => (number, false),
        (None, None) => return Err(wrong()),
    };
    let number: i64 = number.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
    let time =
        if days { chrono::Duration::try_days(number) } else { chrono::Duration::try_hours(number) };
    // A year has 366 days at most; nobody outlives a hundred of them here.
    time.filter(|t| t.num_days() <= 36_600).map(|t| Expiry(Some(t))).ok_or_else(wrong)
}

impl Token {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        let settings = config_check::load()?;
        let url = connection::database_url(&settings)?;
        let pool = connection::pool(&url, &settings).await?;
        let done = self.on(global, &pool).await;
        pool.close().await;
        done
    }

    async fn on(self, global: &Global, pool: &PgPool) -> anyhow::Result<Done> {
        connection::refuse_copy(pool).await?;
        match self {
            Self::Create { name, role, expires } => {
                let ends = expires.0.map(|time| Utc::now() + time);
                create(global, pool, &name, role, ends).await
            }
            Self::List => list(global, pool).await,
            Self::Revoke { name } => revoke(global, pool, &name).await,
        }
    }
}

async fn create(
    global: &Global,
    pool: &PgPool,
    name: &str,
    role: Role,
    expires_at: Option<DateTime<Utc>>,
) -> anyhow::Result<Done> {
    let token = ::keys::OperatorToken::mint();
    let mut tx = pool.begin().await?;
    let new = operators::NewOperator { name, role, hash: &token.hash(), expires_at };
    let Some(id) = operators::create(&mut tx, new).await? else {
        return Err(Failure::new(format!("a valid token with the name `{name}` exists"))
            .advise(format!("use another name, or revoke it with `tenantry token revoke {name}`"))
            .into());
    };
    let detail = json!({ "id": id, "name": name, "role": role, "expires_at": expires_at });
    record(&mut tx, None, "token.created", detail).await?;
    tx.commit().await?;
    let told = json!({ "id": id, "name": name, "role": role, "expires_at": expires_at,
        "token": token.expose() });
    show::result(global.json, &told, || {
        let ends = expires_at.map_or_else(|| "never".to_owned(), |at| short_time(Some(at)));
        show::line(token.expose());
        show::note(format!("token `{name}`: role {role}, expires {ends}; it is not shown again"));
        show::note("use it: `export TENANTRY_TOKEN=…`");
    });
    Ok(Done::Well)
}

async fn list(global: &Global, pool: &PgPool) -> anyhow::Result<Done> {
    let mut conn = pool.acquire().await?;
    let tokens = operators::list(&mut conn).await?;
    if global.json {
        show::raw(&serde_json::to_string(&tokens)?);
        return Ok(Done::Well);
    }
    let mut table =
        Table::new(&["name", "role", "=status", "?=created", "=expires", "?=last used"]);
    for token in tokens {
        let expired = token.expires_at.is_some_and(|at| at <= Utc::now());
        let status = match (token.revoked_at, expired) {
            (Some(_), _) => "revoked",
            (None, true) => "expired",
            (None, false) => "active",
        };
        table.row([
            token.name,
            token.role.to_string(),
            status.to_owned(),
            short_time(Some(token.created_at)),
            token.expires_at.map_or_else(|| "never".to_owned(), |at| short_time(Some(at))),
            short_time(token.last_used_at),
        ]);
    }
    table.print();
    Ok(Done::Well)
}

async fn revoke(global: &Global, pool: &PgPool, name: &str) -> anyhow::Result<Done> {
    let mut tx = pool.begin().await?;
    let Some(id) = operators::revoke(&mut tx, name).await? else {
        return Err(Failure::new(format!("no valid token has the name `{name}`"))
            .advise("`tenantry token list` shows them")
            .into());
    };
    record(&mut tx, None, "token.revoked", json!({ "id": id, "name": name })).await?;
    tx.commit().await?;
    let told = json!({ "id": id, "name": name, "revoked": true });
    show::result(global.json, &told, || show::line(format!("token `{name}` is revoked")));
    Ok(Done::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_days_hours_and_never() {
        assert_eq!(expiry("90d"), Ok(Expiry(chrono::Duration::try_days(90))));
        assert_eq!(expiry("12h"), Ok(Expiry(chrono::Duration::try_hours(12))));
        assert_eq!(expiry("never"), Ok(Expiry(None)));
    }

    #[test]
    fn refuses_times_that_are_none_or_end_before_they_begin() {
        for bad in ["", "d", "0d", "-1d", "9999999999999999d", "5w", "5é", "40000d"] {
            assert!(expiry(bad).is_err(), "{bad}");
        }
    }
}
