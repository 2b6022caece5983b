//! `tenantry restore drop-roles`: removes the roles of an installation whose database is gone.

use domain::InstallationId;
use serde_json::json;
use sqlx::PgPool;
use tenantdb::left_roles;

use crate::{
    args::Global,
    failure::{Done, Failure},
    show,
};

/// Drops them unless a database of this server needs one.
pub(super) async fn run(
    global: &Global,
    pool: &PgPool,
    installation: &InstallationId,
) -> anyhow::Result<Done> {
    let mut conn = pool.acquire().await?;
    if let Some(database) = left_roles::used_by(&mut conn, installation).await? {
        return Err(Failure::new(format!(
            "roles of installation {installation} have rights in database `{database}`"
        ))
        .advise("drop that database first, if it is not needed")
        .into());
    }
    let dropped = left_roles::drop_all(&mut conn, installation).await?;
    if global.json {
        show::raw(&json!({ "installation": installation, "dropped": dropped }).to_string());
    } else {
        show::line(format!("{dropped} roles of installation {installation} are dropped"));
    }
    Ok(Done::Well)
}
