//! A tenant goes as a whole, and nothing of anybody else goes with it.

use domain::SchemaName;
use sqlx::Connection as _;
use tenantdb::{
    MigrationSet, Owner,
    removal::{self, AT_ONCE, Leaving, Remains},
};

use crate::makers::owned;
use crate::support::{Site, Tenant, site};

impl Tenant {
    fn leaving(&self) -> Leaving<'_> {
        Leaving { schema: &self.schema, role: &self.role, mark: self.mark.clone(), imported: false }
    }
}

async fn remains(site: &Site, schema: &SchemaName) -> Remains {
    let mut conn = site.db.pool.acquire().await.unwrap();
    removal::remains(&mut conn, &[schema]).await.unwrap().remove(0)
}

/// Whatever a set of migrations may make in a schema.
const OF_THE_TENANT: &str = "
    create type acme.mood as enum ('a', 'b');
    create type acme.pair as (x int, y acme.mood);
    create domain acme.short as text check (length(value) < 9);
    create sequence acme.numbers;
    create function acme.f(acme.pair) returns int language sql as 'select 1';
    create function acme.t() returns trigger language plpgsql as 'begin return new; end';
    create table acme.parent (id int primary key default nextval('acme.numbers'), m acme.mood, s acme.short,
        p acme.pair);
    create table acme.child (id bigint generated always as identity primary key,
        parent int references acme.parent, note text default 'x') partition by range (id);
    create table acme.child_1 partition of acme.child for values from (0) to (10);
    create index on acme.child (note);
    create view acme.seen as select * from acme.parent;
    create materialized view acme.counted as select count(*) from acme.seen;
    create rule quiet as on delete to acme.parent do instead nothing;
    create trigger t before insert on acme.parent for each row execute function acme.t();
    alter table acme.parent enable row level security;
    create policy p on acme.parent using (acme.f(p) = 1);
    create statistics acme.st on id, m from acme.parent;
    create collation acme.c from \"C\";
    create function acme.same(acme.mood, acme.mood) returns boolean language sql as 'select true';
    create operator acme.=== (leftarg = acme.mood, rightarg = acme.mood, function = acme.same);
    create cast (acme.pair as int) with function acme.f(acme.pair);
    create text search configuration acme.words (copy = simple)";

#[tokio::test]
async fn a_tenant_goes_with_all_that_its_migrations_made_and_what_its_role_was_given() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    site.run(OF_THE_TENANT).await;
    let role = tenant.role.as_str();
    site.run(&format!(
        "create schema beside; create table beside.shared (); create table beside.own ();
         grant usage on schema beside to {role}; grant select on beside.shared to {role};
         alter table beside.own owner to {role}"
    ))
    .await;

    let found = remains(&site, &tenant.schema).await;
    assert_eq!(found.foreign, [""; 0]);
    assert!(found.owner.is(&tenant.mark) && found.objects > 15, "{found:?}");
    let mut tx = site.begin().await;
    removal::drop_schemas(&mut tx, &[&tenant.schema]).await.unwrap();
    let left = removal::drop_roles(&mut tx, &[tenant.leaving()]).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(left, []);
    assert_eq!(remains(&site, &tenant.schema).await.owner, Owner::Nobody);
    let (roles, shared, own): (i64, bool, bool) = sqlx::query_as(
        "select (select count(*) from pg_roles where rolname = $1),
                to_regclass('beside.shared') is not null, to_regclass('beside.own') is not null",
    )
    .bind(role)
    .fetch_one(&site.db.pool)
    .await
    .unwrap();
    assert_eq!((roles, shared, own), (0, true, false), "what the role owned goes, nothing else");
}

#[tokio::test]
async fn whatever_is_somebody_elses_is_named() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    site.run(OF_THE_TENANT).await;
    let stranger = format!("tn_{}_stranger", site.installation);
    site.run(&format!("create role {stranger}; create schema beside")).await;
    for (made, undo, named) in [
        (
            format!("create table acme.theirs (); alter table acme.theirs owner to {stranger}"),
            "drop table acme.theirs",
            format!("table acme.theirs belongs to role {stranger}"),
        ),
        (
            format!(
                "create function acme.g() returns int language sql as 'select 1';
                 alter function acme.g() owner to {stranger}"
            ),
            "drop function acme.g()",
            format!("function acme.g() belongs to role {stranger}"),
        ),
        (
            "create view beside.v as select id from acme.parent".to_owned(),
            "drop view beside.v",
            "rule _RETURN on view beside.v needs table acme.parent".to_owned(),
        ),
        (
            "create table beside.t (parent int references acme.parent)".to_owned(),
            "drop table beside.t",
            "constraint t_parent_fkey on table beside.t needs table acme.parent".to_owned(),
        ),
        (
            "create table beside.t (id int default nextval('acme.numbers'))".to_owned(),
            "drop table beside.t",
            "default value for column id of table beside.t needs sequence acme.numbers".to_owned(),
        ),
        (
            "create table beside.t (m acme.mood)".to_owned(),
            "drop table beside.t",
            "column m of table beside.t needs type acme.mood".to_owned(),
        ),
        (
            "create function beside.f(acme.parent) returns int language sql as 'select 1'"
                .to_owned(),
            "drop function beside.f(acme.parent)",
            "function beside.f(acme.parent) needs type acme.parent".to_owned(),
        ),
        (
            "create table beside.part partition of acme.child for values from (10) to (20)"
                .to_owned(),
            "drop table beside.part",
            "table beside.part needs table acme.child".to_owned(),
        ),
        (
            "create table beside.t (); create trigger t before insert on beside.t
             for each row execute function acme.t()"
                .to_owned(),
            "drop table beside.t",
            "trigger t on table beside.t needs function acme.t()".to_owned(),
        ),
        (
            "create table beside.t (p acme.pair); alter table beside.t enable row level security;
             create policy p on beside.t using (acme.f(p) = 1)"
                .to_owned(),
            "drop table beside.t",
            "policy p on table beside.t needs function acme.f(acme.pair)".to_owned(),
        ),
        (
            "create table beside.t (m acme.mood[])".to_owned(),
            "drop table beside.t",
            "column m of table beside.t needs type acme.mood[]".to_owned(),
        ),
        (
            "create table beside.t (p acme.parent[])".to_owned(),
            "drop table beside.t",
            "column p of table beside.t needs type acme.parent[]".to_owned(),
        ),
        (
            "create function beside.f(acme.short[]) returns int language sql as 'select 1'".to_owned(),
            "drop function beside.f(acme.short[])",
            "function beside.f(acme.short[]) needs type acme.short[]".to_owned(),
        ),
        (
            "create domain beside.moods as acme.mood[]".to_owned(),
            "drop domain beside.moods",
            "type beside.moods needs type acme.mood[]".to_owned(),
        ),
        (
            "create type beside.t as enum ('x'); create function acme.c(beside.t) returns text
             language sql as $$select 'x'$$; create cast (beside.t as text) with function acme.c(beside.t)"
                .to_owned(),
            "drop cast (beside.t as text); drop function acme.c(beside.t); drop type beside.t",
            "cast from beside.t to text needs function acme.c(beside.t)".to_owned(),
        ),
        (
            "create function acme.e() returns event_trigger language plpgsql as 'begin end';
             create event trigger loud on ddl_command_start execute function acme.e()"
                .to_owned(),
            "drop event trigger loud; drop function acme.e()",
            "event trigger loud needs function acme.e()".to_owned(),
        ),
    ] {
        site.run(&made).await;
        let found = remains(&site, &tenant.schema).await;
        site.run(undo).await;

        assert!(found.foreign.contains(&named), "{made}: {:?}", found.foreign);
        assert!(found.refusal(&tenant.leaving()).is_some());
    }
    assert_eq!(remains(&site, &tenant.schema).await.foreign, [""; 0]);
}

#[tokio::test]
async fn a_schema_that_is_named_with_a_keyword_has_nothing_of_anybody_elses() {
    let site = site().await;
    let tenant = site.provisioned(1, "order").await;
    site.run(
        "create function \"order\".f(\"order\".person) returns int language sql as 'select 1';
         create statistics \"order\".st on id, email from \"order\".person",
    )
    .await;

    let found = remains(&site, &tenant.schema).await;

    assert_eq!(found.foreign, [""; 0]);
}

#[tokio::test]
async fn a_schema_or_a_role_without_the_tenants_mark_is_refused_and_one_that_is_gone_is_not() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    site.run("comment on schema acme is 'mine'").await;
    let found = remains(&site, &tenant.schema).await;
    assert!(found.refusal(&tenant.leaving()).is_some());

    site.run("drop schema acme cascade").await;
    let found = remains(&site, &tenant.schema).await;
    assert_eq!(found.refusal(&tenant.leaving()), None);
    let mut tx = site.begin().await;
    site.run(&format!("comment on role {} is 'mine'", tenant.role.as_str())).await;
    let left = removal::drop_roles(&mut tx, &[tenant.leaving()]).await.unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn a_large_tenant_goes_in_portions() {
    let site = site().await;
    let tenant = site.provisioned(1, "acme").await;
    site.run(OF_THE_TENANT).await;
    site.run(&format!(
        "do $$ begin for n in 1..{} loop
             execute format('create table acme.t%s (id serial primary key, up int references acme.t%s)',
                 n, greatest(n - 1, 1));
         end loop; end $$",
        AT_ONCE * 2
    ))
    .await;

    let mut portions = 0;
    let mut conn = site.db.pool.acquire().await.unwrap();
    while removal::drop_portion(&mut conn, &tenant.schema).await.unwrap() {
        portions += 1;
    }

    assert!(portions >= 3, "{portions}");
    let relations: i64 = sqlx::query_scalar(
        "select count(*) from pg_class where relnamespace = 'acme'::regnamespace
             and relkind in ('r', 'p', 'v', 'm', 'S')",
    )
    .fetch_one(&mut *conn)
    .await
    .unwrap();
    assert_eq!(relations, 0);
}

#[tokio::test]
async fn an_owner_without_superuser_rights_takes_a_tenant_out_too() {
    let site = site().await;
    let mut owner = owned(&site).await;
    let tenant = site.tenant(1, "acme");
    {
        let mut tx = owner.begin().await.unwrap();
        tenant.provision(&mut tx, &MigrationSet::embedded()).await;
        tx.commit().await.unwrap();
    }
    let role = tenant.role.as_str();
    let given = format!(
        "create schema beside; create table beside.shared (); grant usage on schema beside to {role};
         grant select on beside.shared to {role}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(given)).execute(&mut owner).await.unwrap();

    let found = removal::remains(&mut owner, &[&tenant.schema]).await.unwrap().remove(0);
    assert_eq!(found.refusal(&tenant.leaving()), None);
    let mut tx = owner.begin().await.unwrap();
    removal::drop_schemas(&mut tx, &[&tenant.schema]).await.unwrap();
    let left = removal::drop_roles(&mut tx, &[tenant.leaving()]).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(left, []);
    let roles: i64 = sqlx::query_scalar("select count(*) from pg_roles where rolname = $1")
        .bind(role)
        .fetch_one(&site.db.pool)
        .await
        .unwrap();
    assert_eq!(roles, 0);
}
