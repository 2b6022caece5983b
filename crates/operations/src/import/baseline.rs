//! Which version a schema is at: the one whose migrations make what is in it.

use std::{collections::HashMap, sync::Arc};

use domain::{Import, SchemaName, Version, codes};
use engine::{During, StepError};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tenantdb::{
    MigrationSet, Promise,
    drift::Drifted,
    imports::{self, Looked},
    migrations::Migration,
};
use tokio::sync::Mutex;

use crate::{migration_error::MigrationFailed, refusal::Refusal};

/// Differences that are told by name, at most.
const NAMED: usize = 20;

/// What the migrations make at each version. Each is learnt once in a process, when it is first asked for.
#[derive(Debug)]
pub struct Baselines {
    set: Arc<MigrationSet>,
    whole: Arc<Promise>,
    /// By the hash of the part of the set.
    parts: Mutex<HashMap<String, Arc<Promise>>>,
}

/// What a schema was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The version whose migrations make it; `None`: that of no migration, an empty schema.
    pub version: Option<String>,
    /// What differs and was allowed to, as sentences.
    pub drift: Vec<String>,
}

impl Baselines {
    /// With what the whole `set` makes.
    #[must_use]
    pub fn new(set: &Arc<MigrationSet>, whole: &Arc<Promise>) -> Self {
        let (set, whole) = (Arc::clone(set), Arc::clone(whole));
        Self { set, whole, parts: Mutex::default() }
    }

    /// Finds the version that the schema is at, and writes nothing. On a connection that is in no transaction.
    ///
    /// # Errors
    /// `import_refused` when the schema may not be imported; `import_differs` when it is not what the migrations make
    /// at the version asked for, or at any. Both name what is in the way.
    pub async fn compare(
        &self,
        conn: &mut PgConnection,
        schema: &SchemaName,
        asked: &Import,
    ) -> Result<Compared, StepError> {
        refuse(conn, schema).await?;
        let looked = Looked::at(conn, schema).await.during("read the schema")?;
        let mut closest: Option<(usize, Vec<Drifted>)> = None;
        for keeps in self.candidates(asked)? {
            let promise = self.promise(conn, keeps).await?;
            let differing = looked.differences(&promise);
            let (allowed, refused): (Vec<_>, Vec<_>) =
                differing.into_iter().partition(|it| asked.allows(&it.object));
            if refused.is_empty() {
                let drift = allowed.iter().map(Drifted::sentence).collect();
                return Ok(Compared {
                    version: self.version(keeps).map(|it| it.to_string()),
                    drift,
                });
            }
            if closest.as_ref().is_none_or(|(_, least)| refused.len() < least.len()) {
                closest = Some((keeps, refused));
            }
        }
        let (keeps, refused) = closest.unwrap_or_default();
        Err(self.differs(schema, keeps, &refused, asked)).during("compare the schema")
    }

    /// What the migrations make that a schema at this version has.
    pub(super) async fn promise_at(
        &self,
        conn: &mut PgConnection,
        version: Option<&str>,
    ) -> Result<Arc<Promise>, StepError> {
        let keeps = version.map_or(Ok(0), |version| self.place_of(version))?;
        self.promise(conn, keeps).await
    }

    /// How many migrations a schema can have: as many as asked for, or any number, the most first.
    fn candidates(&self, asked: &Import) -> Result<Vec<usize>, StepError> {
        match asked.baseline.as_deref() {
            None => Ok((0..=self.set.iter().len()).rev().collect()),
            Some("none") => Ok(vec![0]),
            Some(version) => Ok(vec![self.place_of(version)?]),
        }
    }

    fn place_of(&self, version: &str) -> Result<usize, StepError> {
        let unknown = || {
            let told = format!("the worker's tenant migrations have no version {version}");
            Refusal::told(codes::IMPORT_REFUSED, told)
        };
        let place = self.set.place(&Version::new(version)).ok_or_else(unknown);
        Ok(place.during("find the version")? + 1)
    }

    fn version(&self, keeps: usize) -> Option<&Version> {
        self.set.iter().take(keeps).next_back().map(Migration::version)
    }

    async fn promise(
        &self,
        conn: &mut PgConnection,
        keeps: usize,
    ) -> Result<Arc<Promise>, StepError> {
        if keeps == self.set.iter().len() {
            return Ok(Arc::clone(&self.whole));
        }
        let missing: Vec<&Migration> = self.set.iter().skip(keeps).collect();
        let part = self.set.without(&missing);
        // Held while one is learnt, so that each is learnt once.
        let mut parts = self.parts.lock().await;
        if let Some(known) = parts.get(part.hash()) {
            return Ok(Arc::clone(known));
        }
        let learnt = Promise::learn(conn, &part).await.map_err(MigrationFailed::of_new);
        let learnt = Arc::new(learnt.during("learn what the migrations make")?);
        parts.insert(part.hash().to_owned(), Arc::clone(&learnt));
        Ok(learnt)
    }

    fn differs(
        &self,
        schema: &SchemaName,
        keeps: usize,
        refused: &[Drifted],
        asked: &Import,
    ) -> Refusal {
        let version = self.version(keeps).map_or("none", Version::as_str);
        let at = match asked.baseline {
            Some(_) => format!("at version {version}"),
            None => format!("at any version; version {version} is the closest"),
        };
        let named: Vec<_> = refused.iter().take(NAMED).map(Drifted::sentence).collect();
        let more = refused.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let told = format!(
            "schema {schema} is not what the tenant migrations make {at}: {}{more}",
            named.join("; ")
        );
        let why = "the schema is not what the tenant migrations make";
        Refusal::permanent(codes::IMPORT_DIFFERS, why).telling(told)
    }
}

/// Makes sure that the schema may be imported.
pub(super) async fn refuse(conn: &mut PgConnection, schema: &SchemaName) -> Result<(), StepError> {
    let what = "look whether the schema may be imported";
    let refusals = imports::refusals(conn, schema).await.during(what)?;
    if refusals.is_empty() {
        return Ok(());
    }
    let told = format!("schema {schema} cannot be imported: {}", refusals.join("; "));
    let why = "the schema may not be imported";
    Err(Refusal::permanent(codes::IMPORT_REFUSED, why).telling(told)).during(what)
}
