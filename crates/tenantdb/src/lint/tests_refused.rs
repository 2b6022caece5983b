//! What leaves the schema, the transaction or the session is refused with its line and code.

use super::{check, codes, prepare};

fn refuses(code: &str, samples: &[&str]) {
    for sql in samples {
        let finding = check(sql).expect_err(sql);
        assert_eq!(finding.code, code, "{sql}\n{finding:?}");
    }
}

#[test]
fn transaction_control_is_refused() {
    refuses(
        codes::TRANSACTION_CONTROL,
        &[
            "commit",
            "COMMIT;",
            "Begin; select 1",
            "start transaction",
            "end",
            "rollback",
            "abort",
            "savepoint x",
            "release x",
            "rollback to x",
            "prepare transaction 'x'",
            "commit prepared 'x'",
            "select 1; /* ; */ commit -- x",
            "create table t (); -- '\ncommit",
            "select $$ ; $$; commit",
            "insert into t values ('x\\'); commit; --')",
            "select a$b$; commit; select c$b$",
            "do $$ begin delete from person; commit; end $$",
            "do $$ begin execute 'commit'; end $$",
            "create function f() returns int begin atomic select 1; end; commit",
        ],
    );
}

#[test]
fn the_search_path_the_role_and_the_session_are_refused() {
    refuses(
        codes::SESSION_STATE,
        &[
            "set search_path = public",
            "SET LOCAL Search_Path TO x",
            "set session search_path to x",
            "set role x",
            "set local role x",
            "set session authorization x",
            "reset role",
            "reset all",
            "reset search_path",
            "discard all",
            "set schema 'x'",
            "set local schema 'x'",
            "set statement_timeout = 0",
            "select set_config('search_path', 'x', true)",
            "select pg_catalog.set_config('role', 'x', true)",
            "do $$ begin set local role x; end $$",
            "do $$ begin perform set_config('Search_Path', 'x', true); end $$",
            "create function f() returns int language sql set search_path = x as 'select 1'",
            "alter function f() set role to x",
            "set local standard_conforming_strings = off",
            "listen x",
            "prepare q as select 1",
            "do $$ begin execute 'set role x'; end $$",
            "set session characteristics as transaction read only",
        ],
    );
}

#[test]
fn what_all_tenants_share_is_refused() {
    refuses(
        codes::SHARED_OBJECT,
        &[
            "create extension hstore",
            "CREATE EXTENSION IF NOT EXISTS hstore",
            "drop extension x",
            "create role x",
            "alter role x nologin",
            "drop user x",
            "create group x",
            "create database x",
            "alter database x set a = 1",
            "create schema x",
            "drop schema if exists x cascade",
            "create tablespace x location '/x'",
            "create server s foreign data wrapper w",
            "create foreign data wrapper w",
            "create user mapping for x server s",
            "create publication p",
            "create subscription s",
            "create event trigger e on ddl_command_start execute function f()",
            "create trusted procedural language x",
            "alter system set x = 1",
            "drop owned by x",
            "reassign owned by x to y",
            "import foreign schema x from server s into y",
            "alter default privileges grant select on tables to x",
            "grant a to b",
            "grant select on person to tn_0a1b2c3d_7",
            "grant select on person to reporting, \"tn_0a1b2c3d_7\" with grant option",
            "grant execute on function f() to public",
            "do $$ begin grant select on person to tn_0a1b2c3d_7; end $$",
            "do 'begin gra'\n'nt a to b; end'",
            "revoke a from b",
            "grant usage on schema x to y",
            "grant all on database d to x",
            "grant select on all tables in schema x to y",
            "comment on schema x is 'mine'",
            "comment on role x is 'mine'",
            "alter table person owner to x",
            "create cast (a as b) without function",
            "do $$ begin create role x; end $$",
            "do $$ begin if true then drop schema x; end if; end $$",
            "create function f() returns void language plpgsql as $$ begin execute 'drop role x'; end $$",
        ],
    );
}

#[test]
fn a_file_without_a_transaction_may_not_hold_what_must_run_once_or_is_not_the_tenants() {
    for (code, sql) in [
        (codes::NOT_REPEATABLE, "create index concurrently on person (id)"),
        (codes::NOT_REPEATABLE, "insert into person values (1)"),
        (codes::NOT_REPEATABLE, "update person set n = n + 1"),
        (codes::NOT_REPEATABLE, "with x as (select 1) delete from person"),
        (codes::NOT_REPEATABLE, "do $$ begin perform 1; end $$"),
        (codes::NOT_REPEATABLE, "call f()"),
        (codes::NOT_REPEATABLE, "select f()"),
        (codes::NOT_REPEATABLE, "set local lock_timeout = '1s'"),
        (codes::NOT_REPEATABLE, "alter table person detach partition p concurrently"),
        (codes::SHARED_OBJECT, "vacuum"),
        (codes::SHARED_OBJECT, "analyze verbose"),
        (codes::SHARED_OBJECT, "vacuum (analyze)"),
        (codes::SHARED_OBJECT, "reindex schema concurrently person"),
        (codes::SHARED_OBJECT, "reindex database concurrently"),
        (codes::FOREIGN_SCHEMA, "vacuum other.t, other"),
        (codes::FOREIGN_SCHEMA, "vacuum pg_class"),
        (codes::FOREIGN_SCHEMA, "reindex table concurrently pg_class"),
        (codes::FOREIGN_SCHEMA, "drop index concurrently other.i, other"),
        (codes::FOREIGN_SCHEMA, "create index concurrently i on other.t (id)"),
        (codes::NEEDS_NO_TRANSACTION, "vacuum full person"),
        (codes::NEEDS_NO_TRANSACTION, "vacuum (full) person"),
        (codes::NEEDS_NO_TRANSACTION, "reindex table person"),
        (codes::NEEDS_NO_TRANSACTION, "cluster person"),
        (codes::NEEDS_NO_TRANSACTION, "checkpoint"),
        (codes::COPY, "copy person from stdin"),
        (codes::SESSION_STATE, "set search_path = public"),
        (codes::SESSION_STATE, "set role x"),
        (codes::SESSION_STATE, "reset all"),
        (codes::TRANSACTION_CONTROL, "begin; create table t (); commit; create table u ()"),
        (codes::SHARED_OBJECT, "create role x"),
    ] {
        let found = prepare(sql, crate::shared::Shared::NOTHING, true).findings;
        assert_eq!(found.first().map(|f| f.code), Some(code), "{sql}");
    }
}

#[test]
fn what_cannot_run_in_a_transaction_is_refused() {
    refuses(
        codes::NEEDS_NO_TRANSACTION,
        &[
            "do $$ begin execute 'create index concurrently on person (id)'; end $$",
            "vacuum",
            "VACUUM full person",
            "reindex table person",
            "checkpoint",
            "cluster person",
            "create index concurrently i on person (id)",
            "drop index concurrently i",
            "alter table person detach partition p concurrently",
        ],
    );
    refuses(
        codes::COPY,
        &[
            "copy person from '/etc/passwd'",
            "copy person to program 'x'",
            "copy person from stdin;\n1\n\\.\n",
        ],
    );
    refuses(
        codes::TEMPORARY_TABLE,
        &["create temp table t (id int)", "create local temporary view v as select 1"],
    );
}

#[test]
fn another_schemas_name_is_refused_wherever_an_object_stands() {
    refuses(
        codes::FOREIGN_SCHEMA,
        &[
            "create table public.person (id int)",
            "create table if not exists public.person ()",
            "alter table only other.person add x int",
            "drop table a, other.b",
            "truncate other.person",
            "truncate a, other.b",
            "insert into other.person values (1)",
            "select * from other.person",
            "select * from only other.person",
            "select 1 from a join other.b on true",
            "select 1 from a, other.b",
            "select 1 from (other.b join c on true)",
            "update other.person set x = 1",
            "delete from other.person",
            "delete from a using other.b",
            "create index on other.person (id)",
            "create index i on other.person (id)",
            "create trigger t after insert on other.person execute function f()",
            "create trigger t after insert on person execute function other.f()",
            "create table t (id int references other.person (id))",
            "create view other.v as select 1",
            "create sequence other.s",
            "create type other.t as enum ()",
            "create function other.f() returns int as ''",
            "create table t (like other.person)",
            "create table t () inherits (other.person)",
            "create table t partition of other.person default",
            "comment on table other.person is 'x'",
            "comment on column other.person.id is 'x'",
            "create sequence s owned by other.person.id",
            "alter table person set schema other",
            "merge into person using other.p on true when matched then do nothing",
            "lock table other.person",
            "call other.p()",
            "with x as (select * from other.t) select 1",
            "create temp table pg_temp.t () on commit drop",
            "select (select 1 from other.t)",
            "select 1 where exists (select from other.t)",
        ],
    );
}

#[test]
fn another_schemas_name_is_refused_in_expressions_types_and_text() {
    refuses(
        codes::FOREIGN_SCHEMA,
        &[
            "select other.f(1)",
            "select p.f(1) from person p",
            "create table t (a public.citext)",
            "select x::other.t",
            "select 1 operator(public.+) 2",
            "select other.person.id from person",
            "select \"Public\".x from public",
            "select OTHER.x from person",
            "select 'other.person'::regclass",
            "select nextval('other.s')",
            "select to_regclass('other.s')",
            "create table t (a text collate other.c)",
            "create function f() returns void language plpgsql as $$ begin delete from other.person; end $$",
            "create function f() returns void language sql as 'delete from other.person'",
            "create function f(a int default cast(1 as int)) returns int language sql as 'select other.f()'",
            "create function f() returns void language plpgsql as $$ declare r other.person%rowtype; begin end $$",
            "do $$ begin execute 'drop table other.person'; end $$",
            "do 'begin insert into other'\n'.person values (1); end'",
            "do E'begin insert into ot'\n-- joined all the same\n'her.person values (1); end'",
            "do $$ begin execute 'drop table oth' 'er.person'; end $$",
            "select 'other'\n'.person'::regclass",
            "create function f() returns int language sql as 'select oth'\n'er.f()'",
            "do $$ begin execute format('insert into other.person values (%L)', 1); end $$",
        ],
    );
}

#[test]
fn text_that_is_not_sql_is_refused() {
    refuses(
        codes::UNREADABLE,
        &[
            "select 'open",
            "/* open",
            "select $a$ open",
            "\\connect postgres",
            "select \0",
            "drop table U&\"d\\0061t\\+000061\"",
            "do U&'begin delete from other!002eperson; end' uescape '!'",
            "select U&'a!0062' /* so */ UEscape '!'",
        ],
    );
}

#[test]
fn the_line_is_the_one_of_the_word_even_inside_a_body() {
    let line = |sql: &str| check(sql).unwrap_err().line;

    assert_eq!(line("select 1;\n\n  commit;"), 3);
    assert_eq!(line("/* a\nb */\n-- c\nselect 1; commit"), 4);
    assert_eq!(line("select 1;\ndo $$\nbegin\n  delete from\n  other.person;\nend $$"), 5);
    assert_eq!(line("create table a ();\ncreate table b (\n  x public.t\n)"), 3);
}

#[test]
fn a_function_with_its_owners_rights_needs_a_path_and_a_line_that_says_so() {
    let head = "create function f() returns int language sql security definer";
    refuses(codes::SECURITY_DEFINER_PATH, &[&format!("{head} as 'select 1'")]);
    refuses(codes::SECURITY_DEFINER, &[&format!("{head} set search_path = '' as 'select 1'")]);
    refuses(
        codes::SESSION_STATE,
        &["create function f() returns int language sql set search_path = '', x as 'select 1'"],
    );
}
