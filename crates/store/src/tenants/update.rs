//! Changes what the registry says of tenants.

use std::collections::HashMap;

use domain::{Changeable, Labels, TenantId, TenantState};
use serde_json::value::RawValue;
use sqlx::{PgConnection, types::Json};

use super::list::row_version;
use crate::decode::decode;

/// A tenant that is about to be changed.
#[derive(Debug, Clone)]
pub struct Locked {
    pub state: TenantState,
    /// As [`super::Tenant::version`].
    pub version: String,
    pub now: Changeable,
}

/// What can be changed of `tenants`, as it is now. Nobody else changes it before the transaction ends. A tenant
/// that there is not is left out.
pub async fn lock_changeable(
    conn: &mut PgConnection,
    tenants: &[TenantId],
) -> sqlx::Result<HashMap<TenantId, Locked>> {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.get()).collect();
    let rows = sqlx::query!(
        r#"select id, state, name, domain, external_id, description,
               settings as "settings: Json<Box<RawValue>>", labels as "labels: Json<Labels>",
               updated_at, xmin::text as "xmin!"
           from tenantry.tenants where id = any($1::bigint[]) order by id for no key update"#,
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let locked = rows.into_iter().map(|row| {
        let now = Changeable {
            name: row.name,
            domain: row.domain,
            external_id: row.external_id,
            description: row.description,
            settings: row.settings.0,
            labels: row.labels.0,
        };
        let version = row_version(row.updated_at, &row.xmin);
        Ok((TenantId::new(row.id), Locked { state: decode(&row.state)?, version, now }))
    });
    locked.collect()
}

/// Makes tenants, whose rows are locked, what is `wanted` of them; says of each which fields are other ones
/// now. One statement.
///
/// # Errors
/// [`taken_name`] says whether another tenant has a name that is wanted.
pub async fn update(
    conn: &mut PgConnection,
    wanted: &[(TenantId, Changeable)],
) -> sqlx::Result<HashMap<TenantId, Vec<String>>> {
    let ids: Vec<i64> = wanted.iter().map(|(id, _)| id.get()).collect();
    let texts = |of: fn(&Changeable) -> Option<&str>| -> Vec<Option<&str>> {
        wanted.iter().map(|(_, it)| of(it)).collect()
    };
    let settings: Vec<Json<&RawValue>> = wanted.iter().map(|(_, it)| Json(&*it.settings)).collect();
    let labels: Vec<Json<&Labels>> = wanted.iter().map(|(_, it)| Json(&it.labels)).collect();
    let changed = sqlx::query_file!(
        "queries/tenants/update.sql",
        &ids,
        &texts(|it| Some(&it.name)) as &[Option<&str>],
        &texts(|it| Some(&it.domain)) as &[Option<&str>],
        &texts(|it| it.external_id.as_deref()) as &[Option<&str>],
        &texts(|it| it.description.as_deref()) as &[Option<&str>],
        &settings as &[Json<&RawValue>],
        &labels as &[Json<&Labels>],
    )
    .map(|row| (TenantId::new(row.id), row.changed))
    .fetch_all(conn)
    .await?;
    Ok(changed.into_iter().collect())
}

/// A name that only one tenant can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenName {
    Domain,
    ExternalId,
}

/// The name over which [`update`] failed, if another tenant has it.
#[must_use]
pub fn taken_name(error: &sqlx::Error) -> Option<TakenName> {
    match error.as_database_error()?.constraint()? {
        "tenants_live_domain" => Some(TakenName::Domain),
        "tenants_live_external_id" => Some(TakenName::ExternalId),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(value: &serde_json::Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    #[tokio::test]
    async fn an_update_says_what_it_changed_and_moves_the_version_of_those_alone() {
        let db = harness::fresh_db().await;
        sqlx::query(
            r#"insert into tenantry.tenants (name, domain, schema_name, role_name, state, settings, labels)
               select 'A' || n, n || '.example', 's' || n, 'r' || n, 'active',
                   '{"metadata": {"n": 12345678901234567890123, "a": 1}}', '{"tier": "gold"}'
               from generate_series(1, 2) n"#,
        )
        .execute(&db.pool)
        .await
        .unwrap();
        let (one, two) = (TenantId::new(1), TenantId::new(2));
        let mut tx = db.pool.begin().await.unwrap();
        let before = lock_changeable(&mut tx, &[two, one, TenantId::new(3)]).await.unwrap();

        let mut wanted = before[&one].now.clone();
        wanted.settings = raw(&json!({ "metadata": { "a": 2 } }));
        wanted.external_id = Some("x".to_owned());
        let same = Changeable {
            settings: RawValue::from_string(
                r#"{"metadata": {"a": 1.0, "n": 12345678901234567890123}}"#.to_owned(),
            )
            .unwrap(),
            ..before[&two].now.clone()
        };
        let changed = update(&mut tx, &[(one, wanted), (two, same)]).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(changed[&one], ["external_id", "settings"]);
        assert_eq!(changed[&two], Vec::<String>::new());
        let mut tx = db.pool.begin().await.unwrap();
        let after = lock_changeable(&mut tx, &[one, two]).await.unwrap();
        assert_eq!((before.len(), after[&one].version == before[&one].version), (2, false));
        assert_eq!(after[&two].version, before[&two].version);
        assert_eq!(after[&one].now.settings.get(), r#"{"metadata": {"a": 2}}"#);
        let taken = Changeable { domain: "2.example".to_owned(), ..after[&one].now.clone() };
        let error = update(&mut tx, &[(one, taken)]).await.unwrap_err();
        assert_eq!(taken_name(&error), Some(TakenName::Domain));
    }
}
