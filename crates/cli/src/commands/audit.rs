//! `tenantry audit`: lists the audit log, writes its months to files, and drops months that are in one.

mod list;

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use store::{
    ErrorClass,
    audit::{self, Verdict},
};
use tempfile::NamedTempFile;

use crate::{
    actor::{actor, record},
    args::Global,
    connection::{self, Database},
    failure::{Done, Failure},
    show,
};

const PAGE: i64 = 5_000;

/// Tries to drop a month while others use the log; each waits 1 s for its lock.
const TRIES: u32 = 5;

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    List(list::List),
    /// Write a month to a new file, one JSON object a line, and record its rows and SHA-256 (works on
    /// DATABASE_URL)
    Export {
        /// The month, in UTC, such as 2026-08
        #[arg(long, value_parser = month)]
        month: NaiveDate,
        /// The file to write; it must not exist
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Drop a month that is over and exported (works on DATABASE_URL)
    Drop {
        /// The month, in UTC, such as 2026-08
        #[arg(long, value_parser = month)]
        month: NaiveDate,
        /// Do not ask; it cannot be undone
        #[arg(long)]
        yes: bool,
    },
}

fn month(text: &str) -> Result<NaiveDate, String> {
    let form = |at, c: u8| if at == 4 { c == b'-' } else { c.is_ascii_digit() };
    let fits = text.len() == 7 && text.bytes().enumerate().all(|(at, c)| form(at, c));
    let first = fits.then(|| NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok());
    first.flatten().ok_or_else(|| "not a month; write it as 2026-08".to_owned())
}

fn named(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

impl Audit {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Done> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Export { month, to } => {
                connection::with_database(global, async |db| export(db, month, &to).await).await
            }
            Self::Drop { month, yes } => {
                if !yes {
                    ask(month)?;
                }
                connection::with_database(global, async |db| drop_month(db, month).await).await
            }
        }
    }
}

/// Asks for confirmation at a terminal; without one, refuses and names `--yes`.
fn ask(month: NaiveDate) -> Result<(), Failure> {
    let month = named(month);
    let refused = Failure::usage(format!("this drops {month} from the audit log"));
    if !io::stdin().is_terminal() {
        return Err(refused.advise("pass --yes to confirm"));
    }
    show::note(format!("this drops {month} from the audit log; type {month} to confirm:"));
    let mut answer = String::new();
    match io::stdin().read_line(&mut answer) {
        Ok(_) if answer.trim() == month => Ok(()),
        _ => Err(refused.advise("it was not confirmed, and nothing is dropped")),
    }
}

/// The file is there before its export is recorded: a month is dropped only if it is in a file.
async fn export(db: Database<'_>, month: NaiveDate, to: &Path) -> anyhow::Result<Done> {
    connection::refuse_copy(db.pool).await?;
    if to.try_exists().with_context(|| format!("could not look at {}", to.display()))? {
        return Err(exists(to).into());
    }
    let (rows, sha256) = write(db.pool, month, to).await?;
    let actor = actor();
    let mut tx = db.pool.begin().await?;
    let made = audit::Export { month, actor: &actor, rows, sha256: &sha256 };
    audit::record_export(&mut tx, made).await?;
    let told = json!({ "month": named(month), "rows": rows, "sha256": sha256, "file": to.to_string_lossy() });
    record(&mut tx, None, "audit.exported", told.clone()).await?;
    tx.commit().await?;
    show::result(db.json, &told, || {
        show::line(format!(
            "{} of {} are in {}",
            show::counted(rows.unsigned_abs(), "row"),
            named(month),
            to.display()
        ));
        show::line(format!("SHA-256 {sha256}"));
    });
    Ok(Done::Well)
}

/// Writes the month as one moment has it; says how many rows, and the SHA-256 of the file.
async fn write(pool: &PgPool, month: NaiveDate, to: &Path) -> anyhow::Result<(i64, String)> {
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritable = || format!("could not write {}", to.display());
    let mut file = BufWriter::new(NamedTempFile::new_in(dir).with_context(unwritable)?);
    let (mut hash, mut rows, mut after) = (Sha256::new(), 0, i64::MIN);
    let begin = "begin isolation level repeatable read read only";
    let mut tx = pool.begin_with(begin).await?;
    loop {
        let page = audit::export(&mut tx, month, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        for (_, mut line) in page {
            line.push('\n');
            hash.update(&line);
            file.write_all(line.as_bytes()).with_context(unwritable)?;
            rows += 1;
        }
    }
    let file =
        file.into_inner().map_err(io::IntoInnerError::into_error).with_context(unwritable)?;
    file.as_file().sync_all().with_context(unwritable)?;
    file.persist_noclobber(to).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => anyhow::Error::new(exists(to)),
        _ => anyhow::Error::new(e.error).context(unwritable()),
    })?;
    File::open(dir).and_then(|dir| dir.sync_all()).with_context(unwritable)?;
    Ok((rows, hex::encode(hash.finalize())))
}

fn exists(file: &Path) -> Failure {
    Failure::new(format!("{} exists", file.display())).advise("name a new file")
}

async fn drop_month(db: Database<'_>, month: NaiveDate) -> anyhow::Result<Done> {
    connection::refuse_copy(db.pool).await?;
    let mut tries = 1;
    let rows = loop {
        let mut tx = db.pool.begin().await?;
        match audit::drop_month(&mut tx, month).await {
            Ok(verdict) => {
                let rows = dropped(verdict, month)?;
                let detail = json!({ "month": named(month), "rows": rows });
                record(&mut tx, None, "audit.dropped", detail).await?;
                tx.commit().await?;
                break rows;
            }
            Err(error) if store::classify(&error) != ErrorClass::Transient => {
                return Err(error.into());
            }
            Err(_) if tries < TRIES => tries += 1,
            Err(_) => {
                return Err(Failure::new("the audit log is in use")
                    .advise("wait for the end of a long transaction, such as a backup")
                    .into());
            }
        }
        // Others that wait behind this lock have their turn.
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let month = named(month);
    let told = json!({ "month": month, "rows": rows, "dropped": true });
    show::result(db.json, &told, || {
        show::line(format!("{} of {month} are dropped", show::counted(rows.unsigned_abs(), "row")));
    });
    Ok(Done::Well)
}

/// Rows that the month had, or why it is still there.
fn dropped(verdict: Verdict, month: NaiveDate) -> Result<i64, Failure> {
    let month = named(month);
    let export = format!("`tenantry audit export --month {month} --to FILE` exports it");
    Err(match verdict {
        Verdict::Dropped { rows } => return Ok(rows),
        Verdict::NotOver => Failure::new(format!("{month} is not over")),
        Verdict::NoRows => Failure::new(format!("the audit log has no rows of {month}")),
        Verdict::NotExported => Failure::new(format!("{month} was never exported")).advise(export),
        Verdict::Changed { rows, exported } => Failure::new(format!(
            "the audit log has {} of {month}, and the newest export has {exported}",
            show::counted(rows.unsigned_abs(), "row")
        ))
        .advise(export),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_one_spelling() {
        assert_eq!(month("2026-08"), Ok(NaiveDate::from_ymd_opt(2026, 8, 1).unwrap()));
        for bad in
            ["", "2026-8", "2026-13", "2026-00", "2026-08-01", "08-2026", "+026-08", "２026-08"]
        {
            assert!(month(bad).is_err(), "{bad}");
        }
    }
}
