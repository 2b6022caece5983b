//! What tenants share may be used as it is listed, and no further.

use super::{codes, prepare};
use crate::shared::Shared;

fn shared() -> Shared {
    Shared {
        extensions: vec!["citext".to_owned(), "uuid-ossp".to_owned()],
        tables: vec!["public.countries".to_owned()],
    }
}

fn accepts(sql: &str) {
    assert_eq!(prepare(sql, &shared(), false).findings, [], "{sql}");
}

fn refuses(code: &str, part: &str, sql: &str) {
    let findings = prepare(sql, &shared(), false).findings;
    let told = findings.iter().any(|f| f.code == code && f.message.contains(part));
    assert!(told, "{sql}: {findings:?}");
}

#[test]
fn types_and_functions_of_extensions_pass_with_and_without_their_schema() {
    for sql in [
        "create table a (email citext primary key)",
        "create table a (email tenantry_extensions.citext, id uuid default tenantry_extensions.uuid_generate_v4())",
        "alter table a alter column email type tenantry_extensions.citext",
        "alter table a alter email set data type tenantry_extensions.citext using email::tenantry_extensions.citext",
        "select 'a' operator(tenantry_extensions.=) 'b'::tenantry_extensions.citext",
        "create index on a using gin (name tenantry_extensions.gin_trgm_ops)",
        "create trigger t before update on a for each row execute function tenantry_extensions.moddatetime (at)",
        "create domain d as tenantry_extensions.citext; call tenantry_extensions.p()",
        "create function f() returns tenantry_extensions.citext language sql as \
         $$ select tenantry_extensions.citext(name) from a $$",
        "do $$ begin perform tenantry_extensions.uuid_generate_v4(); end $$",
        "select 'tenantry_extensions.citext'::regtype",
    ] {
        accepts(sql);
    }
}

#[test]
fn nothing_is_made_or_changed_in_the_schema_of_the_extensions() {
    for sql in [
        "create table tenantry_extensions.a (id int)",
        "create table if not exists tenantry_extensions.a (id int)",
        "create view tenantry_extensions.v as select 1",
        "create function tenantry_extensions.f() returns int language sql as 'select 1'",
        "create or replace function tenantry_extensions.citext_eq(a int) returns int language sql as 'select 1'",
        "create type tenantry_extensions.t as enum ('a')",
        "alter type tenantry_extensions.citext rename to x",
        "drop type if exists tenantry_extensions.citext cascade",
        "comment on type tenantry_extensions.citext is 'x'",
        "insert into tenantry_extensions.t values (1)",
        "delete from tenantry_extensions.t",
        "do $$ begin execute 'create table tenantry_extensions.a ()'; end $$",
    ] {
        refuses(codes::FOREIGN_SCHEMA, "may only use", sql);
    }
}

#[test]
fn a_listed_extension_that_a_migration_creates_is_left_out_and_lines_stay() {
    for statement in [
        "create extension citext;",
        "CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;",
        "create extension if not exists\n \"uuid-ossp\";",
        "COMMENT ON EXTENSION citext IS 'naïve; text';",
        "drop extension if exists citext, \"uuid-ossp\" cascade;",
    ] {
        let sql = format!("create table a ();\n{statement} create table b (); -- end");

        let prepared = prepare(&sql, &shared(), false);

        assert_eq!(prepared.findings, [], "{sql}");
        assert!(!prepared.sql.to_lowercase().contains("extension"), "{}", prepared.sql);
        assert!(prepared.sql.contains("create table b (); -- end"), "{}", prepared.sql);
        assert_eq!(prepared.sql.lines().count(), sql.lines().count());
    }
    assert_eq!(prepare("create extension citext", &shared(), false).sql.trim(), "");
}

#[test]
fn other_extensions_are_refused_with_the_setting() {
    refuses(codes::SHARED_OBJECT, "list it in `tenants.extensions`", "create extension hstore");
    refuses(codes::SHARED_OBJECT, "extension hstore", "create extension if not exists hstore");
    refuses(codes::SHARED_OBJECT, "touches extension", "drop extension citext, hstore");
    refuses(codes::SHARED_OBJECT, "extension citext", "alter extension citext set schema public");
    refuses(
        codes::SHARED_OBJECT,
        "extension citext",
        "do $$ begin create extension if not exists citext; end $$",
    );
    assert!(!prepare("select tenantry_extensions.x()", Shared::NOTHING, false).findings.is_empty());
}

#[test]
fn a_listed_table_may_be_referenced_and_read() {
    for sql in [
        "create table a (country text references public.countries (code))",
        "create table a (c text, foreign key (c) references public.countries)",
        "alter table a add constraint k foreign key (c) references only public.countries (code) not valid",
        "create view v as select a.c, k.name from a join public.countries k on k.code = a.c",
        "select public.countries.code from public.countries where public.countries.name = 'x'",
        "insert into a select code from a, public.countries",
        "update a set c = k.code from public.countries k",
        "delete from a using public.countries k where k.code = a.c",
        "merge into a using public.countries k on k.code = a.c when matched then delete",
        "create table a (like public.countries including all)",
        "create function f() returns text language sql as $$ select name from public.countries limit 1 $$",
        "do $$ declare c public.countries%rowtype; begin select * into c from public.countries; end $$",
        "select 'public.countries'::regclass",
    ] {
        accepts(sql);
    }
}

#[test]
fn a_listed_table_is_not_written_to_and_no_other_is_named() {
    for sql in [
        "insert into public.countries values ('de')",
        "update public.countries set name = 'x'",
        "update only public.countries set name = 'x'",
        "delete from public.countries",
        "delete from only public.countries",
        "merge into public.countries using a on true when matched then delete",
        "truncate public.countries",
        "truncate a, public.countries",
        "lock table public.countries",
        "lock public.countries",
        "alter table public.countries add x int",
        "drop table public.countries",
        "drop table a, public.countries",
        "create table public.countries (code text)",
        "create index on public.countries (code)",
        "create trigger t after insert on public.countries for each row execute function f()",
        "create policy p on public.countries",
        "create rule r as on insert to public.countries do nothing",
        "grant select on public.countries to reporting",
        "comment on table public.countries is 'x'",
        "select * into public.countries from a",
        "create function f() returns void language sql as 'delete from public.countries'",
        "with x as (delete from public.countries returning code) select * from x",
    ] {
        refuses(codes::FOREIGN_SCHEMA, "", sql);
    }
    let other = "create table a (c text references public.currencies (code))";
    refuses(codes::FOREIGN_SCHEMA, "`tenants.shared_tables`", other);
    refuses(codes::FOREIGN_SCHEMA, "names schema public", "select public.f()");
}
