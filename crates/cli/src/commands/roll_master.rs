//! `tenantry keys roll-master`: another master key becomes the installation's.
//!
//! While both keys are configured, every process opens what either sealed, and workers seal with the
//! one that the database names. So processes may be restarted one by one before this command runs,
//! and again after it.

use std::time::Duration;

use clap::Args;
use keys::{MasterKeys, Sealer};
use serde_json::json;
use settings::Settings;
use sqlx::PgPool;
use store::master_keys;

use crate::{
    actor,
    connection::{self, Database},
    failure::{Done, Failure},
    show,
};

const PAGE: i64 = 500;

#[derive(Debug, Args)]
pub(crate) struct RollMaster {
    /// Erase the sealed API keys that neither master key opens; the tenants' keys stay valid. For a
    /// master key that is lost
    #[arg(long)]
    drop_unreadable: bool,
}

/// What became of the sealed secrets.
#[derive(Debug, Default)]
struct Tally {
    resealed: u64,
    unreadable: u64,
    dropped: u64,
}

impl RollMaster {
    pub(crate) async fn run(self, db: Database<'_>) -> anyhow::Result<Done> {
        let Database { settings, pool, .. } = db;
        connection::refuse_copy(pool).await?;
        let sealer = sealer(settings, pool).await?;
        // A worker without the new key signs off as soon as it hears of it.
        let before = workers(pool).await?;
        let id = self.make_current(pool, &sealer).await?;
        let mut tally = Tally::default();
        self.reseal(pool, &sealer, &mut tally).await?;
        let mut stopped = Vec::new();
        if !before.is_empty() {
            // What a worker had begun under the old key commits within the time of a stage, and it
            // follows the change at its next sign of life.
            let worker = &settings.worker;
            let wait = Duration::from_millis(worker.heartbeat_ms * 2 + worker.stage_timeout_ms);
            show::note(format!(
                "the master key is now {id}; waiting {} until the workers use it",
                show::duration(wait)
            ));
            tokio::time::sleep(wait).await;
            self.reseal(pool, &sealer, &mut tally).await?;
            let after = workers(pool).await?;
            stopped = before.into_iter().filter(|it| !after.contains(it)).collect();
        }
        tell(db.json, &id, &tally, &stopped);
        Ok(Done::well_if(tally.unreadable == 0 && stopped.is_empty()))
    }

    /// Makes the present key of `sealer` the installation's.
    async fn make_current(&self, pool: &PgPool, sealer: &Sealer) -> anyhow::Result<String> {
        let ours: Vec<String> = sealer.ids().map(|id| id.to_string()).collect();
        let id = ours[0].clone();
        let mut tx = pool.begin().await?;
        let before = master_keys::current(&mut tx).await?;
        if let Some(other) =
            before.as_ref().filter(|it| !ours.contains(it) && !self.drop_unreadable)
        {
            return Err(Failure::new(format!(
                "the installation's master key has the fingerprint {other}; the keys here have \
                 {}",
                ours.join(" and ")
            ))
            .advise(
                "put the installation's key into TENANTRY_MASTER_KEY_PREVIOUS; if it is lost, pass \
                 --drop-unreadable",
            )
            .into());
        }
        if before.as_ref() != Some(&id) {
            master_keys::replace(&mut tx, &id).await?;
            let detail = json!({ "from": before, "to": id });
            actor::record(&mut tx, None, "master_key.rolled", detail).await?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// Seals with the present key what another one sealed.
    async fn reseal(
        &self,
        pool: &PgPool,
        sealer: &Sealer,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let mut conn = pool.acquire().await?;
        tally.unreadable = 0;
        let mut after = 0;
        loop {
            let page = master_keys::sealed_after(&mut conn, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for secret in &page {
                match sealer.reseal(&secret.sealed, secret.tenant) {
                    Ok(None) => {}
                    Ok(Some(anew)) => {
                        master_keys::reseal(&mut conn, secret, &anew).await?;
                        tally.resealed += 1;
                    }
                    Err(_) if self.drop_unreadable => {
                        master_keys::erase(&mut conn, secret).await?;
                        tally.dropped += 1;
                    }
                    Err(_) => tally.unreadable += 1,
                }
            }
        }
    }
}

async fn sealer(settings: &Settings, pool: &PgPool) -> anyhow::Result<Sealer> {
    let present = settings.keys.require_master_key().map_err(|e| Failure::new(e.to_string()))?;
    let keys = MasterKeys::parse(present, settings.keys.master_key_previous.as_ref())?;
    let mut conn = pool.acquire().await?;
    let salt = master_keys::salt(&mut conn).await?;
    Ok(keys.sealer(salt.as_bytes()))
}

/// A sealer, where a master key is set and the installation has its random value.
pub(super) async fn sealer_if_set(
    settings: &Settings,
    pool: &PgPool,
) -> anyhow::Result<Option<Sealer>> {
    let Some(present) = &settings.keys.master_key else { return Ok(None) };
    let keys = MasterKeys::parse(present, settings.keys.master_key_previous.as_ref())?;
    let mut conn = pool.acquire().await?;
    // A database that is not migrated is a finding of the examination itself.
    Ok(master_keys::salt(&mut conn).await.ok().map(|salt| keys.sealer(salt.as_bytes())))
}

async fn workers(pool: &PgPool) -> anyhow::Result<Vec<String>> {
    let mut conn = pool.acquire().await?;
    let queue = store::queue_state::read(&mut conn, 1).await?;
    Ok(queue.workers.into_iter().map(|worker| worker.id).collect())
}

fn tell(json: bool, id: &str, tally: &Tally, stopped: &[String]) {
    let Tally { resealed, unreadable, dropped } = tally;
    if json {
        let told = json!({ "master_key": id, "resealed": resealed, "unreadable": unreadable,
            "dropped": dropped, "workers_stopped": stopped });
        return show::raw(&told.to_string());
    }
    show::line(format!(
        "master key {id}: {resealed} API keys sealed with it, {dropped} erased, {unreadable} unreadable"
    ));
    if !stopped.is_empty() {
        show::note(format!(
            "these workers have stopped, because they do not have the new key: {}; restart them \
             with both keys",
            stopped.join(", ")
        ));
    }
    if *unreadable > 0 {
        show::note(
            "put the key that sealed them into TENANTRY_MASTER_KEY_PREVIOUS and run this again, or \
             pass --drop-unreadable to erase them",
        );
    } else {
        show::note("TENANTRY_MASTER_KEY_PREVIOUS is not needed any more; restart without it");
    }
}
