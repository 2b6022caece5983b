//! What others keep in the same database, and every byte of it.

use sqlx::PgPool;

/// The strangers' schemas.
pub(crate) const SCHEMAS: &[&str] = &["ledger_of_others", "tenant_legacy_1", "marked_by_others"];

/// A role whose name is like those that Tenantry makes for another installation.
pub(crate) const ROLE: &str = "tn_deadbeef_1";

/// Rows, a large value out of line, a sequence, an index, a function and a comment.
const PLANT: &str = "
create schema {schema};
create table {schema}.book (id bigint generated always as identity primary key, entry text, raw bytea);
alter table {schema}.book alter column raw set storage external;
insert into {schema}.book (entry, raw)
    select 'entry ' || n, decode(repeat(md5(n::text), 200), 'hex') from generate_series(1, 200) n;
create index book_by_entry on {schema}.book (entry);
create function {schema}.count_all() returns bigint language sql as 'select count(*) from {schema}.book';";

/// The rule of somebody else that no schema whose name says so may have the table `picky`, nor get
/// such a name when it has.
pub(crate) const DOOM: &str = "
create function public.refuse_the_doomed() returns event_trigger language plpgsql as $$ begin
    if exists (select from pg_event_trigger_ddl_commands() c
               where c.object_identity like 'doomed%picky'
                  or (c.object_type = 'schema' and c.object_identity like 'doomed%')) then
        raise exception 'it is doomed';
    end if;
end $$;
create event trigger refuse_the_doomed on ddl_command_end when tag in ('CREATE TABLE', 'ALTER SCHEMA')
    execute function public.refuse_the_doomed();";

/// Files of relations, with their checksums; catalogue entries; rows.
const FINGERPRINT: &str = "
select line from (
    select format('schema %s %s %s %s %s', n.oid, n.nspname, n.nspowner, n.nspacl,
                  obj_description(n.oid, 'pg_namespace'))
    from pg_namespace n where n.nspname = any($1)
    union all
    select format('relation %s %s %s %s %s %s', c.oid, c.relname, c.relkind, c.relfilenode, c.relacl,
                  md5(pg_read_binary_file(pg_relation_filepath(c.oid))))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any($1)
       or c.oid in (select b.reltoastrelid from pg_class b
                    join pg_namespace s on s.oid = b.relnamespace where s.nspname = any($1))
    union all
    select format('function %s %s %s', p.oid, p.proname, md5(p.prosrc))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any($1)
    union all
    select format('rows %s %s', c.oid::regclass,
                  md5(query_to_xml(format('select * from %s order by id', c.oid::regclass),
                                   true, false, '')::text))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any($1) and c.relkind = 'r'
    union all
    select format('role %s %s %s %s %s %s', r.oid, r.rolname, r.rolcanlogin, r.rolconnlimit,
                  r.rolconfig, shobj_description(r.oid, 'pg_authid'))
    from pg_roles r where r.rolname = $2
) as all_of_it (line)
order by line";

/// Makes the strangers' things, and settles them: nothing but a writer changes a byte from now on.
pub(crate) async fn plant(pool: &PgPool) {
    for schema in SCHEMAS {
        execute(pool, PLANT.replace("{schema}", schema)).await;
    }
    execute(pool, DOOM.to_owned()).await;
    execute(pool, "comment on schema ledger_of_others is 'do not touch'".to_owned()).await;
    execute(pool, "comment on schema marked_by_others is 'tenantry:deadbeef:1'".to_owned()).await;
    execute(pool, format!("create role {ROLE} nologin connection limit 7")).await;
    for schema in SCHEMAS {
        execute(pool, format!("vacuum (freeze, analyze) {schema}.book")).await;
    }
    execute(pool, "checkpoint".to_owned()).await;
}

/// Every byte of theirs, and the identities of all their objects.
pub(crate) async fn fingerprint(pool: &PgPool) -> sqlx::Result<Vec<String>> {
    // What was written is in the files now.
    sqlx::query("checkpoint").execute(pool).await?;
    sqlx::query_scalar(FINGERPRINT).bind(SCHEMAS).bind(ROLE).fetch_all(pool).await
}

async fn execute(pool: &PgPool, sql: String) {
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await;
    done.expect("the strangers came first and can do as they like");
}
