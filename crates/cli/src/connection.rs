//! Which API, with which token, and which database: options first, then what `dev` left behind.

use std::time::Duration;

use sqlx::Connection as _;
use store::origin::{self, OriginError};

use crate::{
    args::Global,
    commands::config_check,
    failure::Failure,
    show,
    stack::{Ready, ready},
};

/// Where the API answers when nobody says.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Where `dev` keeps everything, below the directory it is started in.
pub(crate) const DEFAULT_DATA_DIR: &str = ".tenantry";

/// What `dev` writes there once all answers.
pub(crate) const READY_FILE: &str = "ready.json";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    /// For whom the calls are made.
    pub(crate) on_behalf_of: Option<String>,
    /// The file both came from, when they did.
    pub(crate) from_ready_file: bool,
}

impl Target {
    /// The API that the options name, else the one that runs from this directory.
    pub(crate) fn find(global: &Global) -> Self {
        Self::choose(global, running_here())
    }

    fn choose(global: &Global, here: Option<Ready>) -> Self {
        let trim = |url: &str| url.trim_end_matches('/').to_owned();
        let wanted = global.url.as_deref().map(trim);
        // The local token goes to the local API only, never to an address given by hand.
        let here = here.filter(|r| wanted.as_deref().is_none_or(|url| url == trim(&r.url)));
        let from_ready_file = here.is_some();
        let (here_url, here_token) = here.map(|r| (trim(&r.url), r.token)).unzip();
        Self {
            url: wanted.or(here_url).unwrap_or_else(|| DEFAULT_URL.to_owned()),
            token: global.token.clone().filter(|t| !t.is_empty()).or(here_token),
            on_behalf_of: global.on_behalf_of.clone().filter(|whom| !whom.is_empty()),
            from_ready_file,
        }
    }
}

/// What the `dev` of this directory, or of one above it, has written; `None` if none runs.
pub(crate) fn running_here() -> Option<Ready> {
    let cwd = std::env::current_dir().ok()?;
    let mut files = cwd.ancestors().map(|dir| dir.join(DEFAULT_DATA_DIR).join(READY_FILE));
    files.find_map(|file| ready::read(&file).ok())
}

/// The database that the settings name, else that of the `dev` running here.
pub(crate) fn database_url(settings: &settings::Settings) -> anyhow::Result<String> {
    use secrecy::ExposeSecret as _;
    if let Some(url) = settings.database.read_url()? {
        return Ok(url.expose_secret().to_owned());
    }
    running_here().map(|ready| ready.database_url).ok_or_else(|| {
        Failure::new("no database: DATABASE_URL is not set")
            .advise("set DATABASE_URL, or start `tenantry dev` in this directory")
            .into()
    })
}

/// Connections of one command: it works over one, and looks something up over another.
const CONNECTIONS: u32 = 2;

/// Connections to the database at `url`, which answers.
pub(crate) async fn pool(url: &str, settings: &settings::Settings) -> anyhow::Result<sqlx::PgPool> {
    let database = settings::Database { max_connections: CONNECTIONS, ..settings.database.clone() };
    let options = store::options(url, &database, "tenantry").map_err(|_| {
        Failure::usage("DATABASE_URL is not a PostgreSQL URL").advise(
            "write it as postgres://user:password@host:port/name; within the password @ is %40, \
             / is %2F, : is %3A, # is %23 and ? is %3F",
        )
    })?;
    let patience = Duration::from_millis(database.acquire_timeout_ms);
    // A pool would wait as long for a server that refuses, and not give its words.
    let reached = store::reach(&options, patience).await.map_err(|e| {
        Failure::new(telemetry::chain(&e)).advise("check DATABASE_URL, and that the server runs")
    })?;
    if let Some(unencrypted) = reached.unencrypted {
        show::note(format!("warning: {unencrypted}"));
    }
    reached.conn.close().await.map_err(|e| database_failure(&e))?;
    Ok(store::pool(reached.options, &database))
}

/// As [`pool`], for migrations: a statement may take its time.
pub(crate) async fn patient_pool(
    url: &str,
    settings: &settings::Settings,
) -> anyhow::Result<sqlx::PgPool> {
    let mut patient = settings.clone();
    patient.database.statement_timeout_ms = 0;
    pool(url, &patient).await
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Database<'a> {
    pub(crate) json: bool,
    pub(crate) settings: &'a settings::Settings,
    pub(crate) url: &'a str,
    pub(crate) pool: &'a sqlx::PgPool,
}

pub(crate) async fn with_database<T>(
    global: &Global,
    work: impl AsyncFnOnce(Database<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let settings = &config_check::load()?;
    let url = &database_url(settings)?;
    let pool = &patient_pool(url, settings).await?;
    let done = work(Database { json: global.json, settings, url, pool }).await;
    pool.close().await;
    done
}

/// Refuses a database that is a copy of the one its installation lives in. One without Tenantry
/// passes.
pub(crate) async fn refuse_copy(pool: &sqlx::PgPool) -> anyhow::Result<()> {
    let mut conn = pool.acquire().await.map_err(|e| database_failure(&e))?;
    match origin::check(&mut conn).await {
        Err(error) if error.is_not_migrated() => Ok(()),
        checked => checked.map_err(|e| copied(&e).into()),
    }
}

/// What to say of a copy, or of a database that does not tell.
pub(crate) fn copied(error: &OriginError) -> Failure {
    match error.database() {
        Some(error) => database_failure(error),
        None => Failure::new(error.to_string()).advise("docs/BACKUP.md tells what to do"),
    }
}

/// What a command ended with: an error of the database itself becomes words and advice.
pub(crate) fn explained(error: anyhow::Error) -> anyhow::Error {
    // with a context it says already what could not be done
    let bare = error.chain().next().and_then(|top| top.downcast_ref::<sqlx::Error>());
    match bare.map(database_failure) {
        Some(failure) => failure.into(),
        None => error,
    }
}

/// What to say when the database refuses: the two usual reasons, else its own words.
pub(crate) fn database_failure(error: &sqlx::Error) -> Failure {
    let undefined_table =
        |e: &dyn sqlx::error::DatabaseError| matches!(e.code().as_deref(), Some("42P01" | "3F000"));
    if error.as_database_error().is_some_and(undefined_table) {
        return Failure::new("Tenantry is not installed in this database")
            .advise("`tenantry migrate public up` installs it");
    }
    Failure::new(format!("the database refused: {}", telemetry::chain(error)))
        .advise("check DATABASE_URL, and that the server runs")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn local() -> Ready {
        Ready {
            url: "http://127.0.0.1:4000".to_owned(),
            token: "tto_local".to_owned(),
            database_url: "postgres://x/y".to_owned(),
            pid: 1,
            env: BTreeMap::new(),
        }
    }

    fn global(url: Option<&str>, token: Option<&str>) -> Global {
        let [url, token] = [url, token].map(|it| it.map(str::to_owned));
        Global { url, token, ..Global::default() }
    }

    #[test]
    fn an_error_of_the_database_is_put_into_words_unless_a_context_says_what_failed() {
        let closed = || anyhow::Error::new(sqlx::Error::PoolClosed);

        let bare = explained(closed());
        let known = explained(closed().context("could not keep the mode"));

        assert!(bare.is::<Failure>() && bare.to_string().starts_with("the database refused: "));
        assert_eq!(known.to_string(), "could not keep the mode");
    }

    #[test]
    fn finds_the_api_that_runs_here() {
        let target = Target::choose(&global(None, None), Some(local()));

        assert_eq!(target.url, "http://127.0.0.1:4000");
        assert_eq!(target.token.as_deref(), Some("tto_local"));
    }

    #[test]
    fn never_sends_the_local_token_to_another_address() {
        let target =
            Target::choose(&global(Some("https://elsewhere.example"), None), Some(local()));

        assert_eq!(target.token, None);
    }

    #[test]
    fn a_token_given_by_hand_wins() {
        let given = global(Some("http://127.0.0.1:4000/"), Some("tto_mine"));
        let target = Target::choose(&given, Some(local()));

        assert_eq!(target.url, "http://127.0.0.1:4000");
        assert_eq!(target.token.as_deref(), Some("tto_mine"));
    }
}
