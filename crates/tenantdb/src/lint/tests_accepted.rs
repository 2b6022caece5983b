//! What authors of migrations write every day passes.

use super::{check, prepare};

fn accepts(sql: &str) {
    assert_eq!(check(sql), Ok(()), "{sql}");
}

#[test]
fn plain_tables_and_queries_pass() {
    for sql in [
        "",
        ";;",
        "create table person (id bigint primary key, role text default 'member');",
        "select p.id from person p",
        "select person.id from person where person.name like 'x.y'",
        "select p.*, q.id from person as p join person q on q.id = p.id and p.x = q.y",
        "select p.id from person p, jsonb_each(p.settings) s where s.value is not null",
        "with recursive t as (select 1 as n) select t.n from t",
        "select pg_catalog.now(), pg_catalog.pg_class.relname from pg_catalog.pg_class",
        "select x::pg_catalog.int4 from person",
        "select \"Person\".id from \"Person\"",
        "select (p.address).street from person p",
        "select p.a % p.b from person p",
        "update person set role = 'admin' where person.active",
        "update person p set name = t.name from tenant t where t.id = p.id",
        "insert into person (id, email) values (1, 'a@b.c') on conflict (id) do update set \
         email = excluded.email, full_name = person.full_name || excluded.full_name",
        "delete from person using tenant where tenant.id = person.id",
        "comment on table person is 'people'; comment on column person.email is 'COMMIT;'",
        "create index on person (lower(email)) where person.active",
        "alter table person alter column age type int using person.age::int",
        "create table child (like person including all, tenant bigint references tenant (id))",
        "create sequence s owned by person.id; select nextval('s'), setval('s'::regclass, 1)",
        "create view v as select t.name from tenant t join person p on p.id = t.id",
        "create policy mine on person using (exists (select 1 from tenant t join person p on t.id = p.id))",
        "create policy gone on person for delete using (person.active)",
        "truncate person, tenant; drop table if exists a, b cascade",
        "alter type mood add value 'ok'; create type mood as enum ('a.b')",
        "grant select on person to reporting; revoke all on person from reporting",
        "revoke all on person from public; revoke execute on function f() from public",
        "select 'a''b'\n'c.d', 'e.f'\n-- a comment between\n'g'",
        "select ARRAY['public.person'], 'public.person', E'it\\'s public.x'",
        "set local lock_timeout = '1s'; set constraints all deferred",
    ] {
        accepts(sql);
    }
}

#[test]
fn expressions_with_from_inside_are_no_lists_of_tables() {
    for sql in [
        "select extract(epoch from p.created_at) from person p",
        "select substring(p.name from 1 for 2), trim(both ' ' from p.name) from person p",
        "select p.a is distinct from p.b, p.a is not distinct from p.c from person p",
        "create trigger t before update of a on person for each row \
         when (old.a is distinct from new.a) execute function touch()",
    ] {
        accepts(sql);
    }
}

#[test]
fn words_in_strings_and_comments_are_not_code() {
    for sql in [
        "insert into note (body) values ('COMMIT;')",
        "insert into note (body) values ($$ rollback; set role x; drop schema public; $$)",
        "insert into note (body) values ($a$ $$ $b$ commit; $a$)",
        "-- commit;\nselect 1; -- set search_path = public",
        "/* commit; /* nested; rollback; */ drop role x; */ select 1",
        "insert into note (body) values (E'\\'; commit; --')",
        "insert into note (body) values ('it''s; commit;')",
        "insert into note (\"commit\") values (1)",
        "select 1 as \"drop schema\"",
    ] {
        accepts(sql);
    }
}

#[test]
fn bodies_of_functions_have_blocks_records_and_variables() {
    for sql in [
        "create function touch() returns trigger language plpgsql as $$\nbegin\n  \
         new.updated_at = now();\n  return new;\nend $$;",
        "create or replace function f(p_id bigint) returns void language plpgsql as $f$
         declare r record; total bigint; kind person.role%type;
         begin
             for r in select p.id, p.name from person p loop
                 if r.id > f.p_id then total := r.id; else begin total := 0; end; end if;
             end loop;
             for i in 1..10 loop perform i; end loop;
             select count(*) into new.total from person;
         exception when others then raise notice '%', r.id;
         end $f$;",
        "create procedure p() language plpgsql as $$ begin delete from person; commit; end $$",
        "create function g(a int) returns int language sql as 'select a + 1; select g.a'",
        "create function h() returns int language sql begin atomic update person set role = 'x'; \
         select case when p.id > 1 then 2 else 3 end from person p; end; select 1",
        "create function s() returns int language sql set search_path from current as 'select 1'",
        "do $$ begin execute format('create table %I (id int)', 'x'); end $$",
        "do $$ declare t text; begin for t in select 'a' loop execute 'drop table ' || quote_ident(t); \
         end loop; end $$",
        "do language plpgsql $$ begin perform 1; end $$",
        "create rule r as on delete to person do instead (update person set active = false; select 1)",
        "create temp table t (id int) on commit drop",
    ] {
        accepts(sql);
    }
}

#[test]
fn what_else_postgresql_knows_passes() {
    for sql in [
        "alter table person add column if not exists n int generated always as (1 + id) stored",
        "create table t (x text check (x ~ '^\\d+$'), y interval default interval '1 day', z int[] default '{}')",
        "create index on person using gin (settings jsonb_path_ops) where (settings ->> 'a') is not null",
        "select p.settings ->> 'a', p.settings #>> '{a,b}', p.settings @> '{}' from person p where p.settings ?| array['a']",
        "insert into t (n, s) select g.n, 'x' || g.n from generate_series(1, 10) as g (n)",
        "select p.id, l.total from person p cross join lateral (select sum(o.n) as total from o where o.pid = p.id) l",
        "select p.id from person p order by p.id for update of p skip locked",
        "select row_number() over (partition by p.role order by p.id) from person p",
        "select p.created_at at time zone 'utc' from person p group by grouping sets ((p.created_at), ())",
        "insert into t values (1, 'a'), (2, 'b') returning t.n",
        "create table m (at timestamptz) partition by range (at); create table m1 partition of m default",
        "update t set (a, b) = (select s.a, s.b from s where s.id = t.id)",
        "merge into t using s on t.id = s.id when matched then update set a = s.a when not matched then insert values (s.id)",
        "create function f(a int, b int default 2) returns int language sql immutable as 'select $1 + $2 + f.a'",
        "create function f() returns setof person language plpgsql as $$ declare n int; begin
             get diagnostics n = row_count; return query select p.* from person p;
             raise exception 'no %', n using errcode = 'P0001';
         exception when unique_violation then null; end $$",
        "create aggregate total (int) (sfunc = int4pl, stype = int)",
        "alter table person replica identity full; alter table person cluster on person_pkey",
        "do $$ begin copy := 1; load := 2; end $$",
        "select E'a\\'b', U&'d\\0061t', B'1', X'ff', N'x', 1.5e3, .5, 1::numeric(3, 2)",
        "analyze person; notify changed; explain select 1",
        "create statistics st on a, b from person; create domain d as text check (value <> '')",
    ] {
        accepts(sql);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,80}") {
        let _any = check(&text);
    }

    #[test]
    fn no_heap_of_words_makes_it_panic(words in proptest::collection::vec(proptest::sample::select(vec![
        "select", "from", "(", ")", ".", ",", ";", "a", "\"b\"", "'c.d'", "$$ begin x.y end $$", "::", "set",
        "create", "function", "as", "do", "on", "using", "delete", "begin", "atomic", "end", "case", "%", "type",
        "execute", "like", "into", "column", "by", "owned", "language", "temp", "grant", "comment", "=",
    ]), 0..30)) {
        let _any = check(&words.join(" "));
    }
}

#[test]
fn a_file_without_a_transaction_is_cut_into_its_statements_and_runs_in_one_without_concurrently() {
    let text = "comment on table é is ';';\n create  UNIQUE index Concurrently i on a (b);\n\
                drop index concurrently if exists \"I\"\n-- é";

    let prepared = prepare(text, crate::shared::Shared::NOTHING, true);

    let expected = "comment on table é is ';';\n create  UNIQUE index              i on a (b);\n\
                    drop index              if exists \"I\"\n-- é";
    let statements = prepared.statements.unwrap();
    let cut: Vec<_> = statements.iter().map(|s| (s.line, s.sql.as_str())).collect();
    assert_eq!((prepared.sql.as_str(), prepared.findings), (expected, vec![]));
    assert_eq!(
        cut,
        [
            (1, "comment on table é is ';'"),
            (2, "create  UNIQUE index Concurrently i on a (b)"),
            (3, "drop index concurrently if exists \"I\"\n-- é"),
        ]
    );
    assert_eq!(statements[1].plain, "create  UNIQUE index              i on a (b)");
    assert_eq!(statements[1].leftover, Some(super::Leftover::Index("i".to_owned())));
    assert_eq!(
        statements.iter().map(super::Statement::is_concurrent).collect::<Vec<_>>(),
        [false, true, true]
    );
}

#[test]
fn what_runs_outside_a_transaction_alone_passes_there() {
    for sql in [
        "create unique index concurrently if not exists i on person (id)",
        "drop index concurrently i, j",
        "reindex index concurrently i",
        "REINDEX (verbose) TABLE CONCURRENTLY \"Person\"",
        "vacuum (analyze, verbose) person, team (id)",
        "vacuum freeze person; analyze person",
        "alter type mood add value if not exists 'b'",
        "create table if not exists t (id int); alter table t add column n text",
        "refresh materialized view concurrently v",
        "begin; create index i on a (b); commit",
    ] {
        let prepared = prepare(sql, crate::shared::Shared::NOTHING, true);
        assert_eq!(prepared.findings, [], "{sql}");
    }
}

#[test]
fn one_begin_and_commit_around_all_of_a_file_are_left_out() {
    for (text, expected) in [
        ("begin;\nselect 1;\ncommit;", "     ;\nselect 1;\n      ;"),
        (
            "-- x\nBEGIN TRANSACTION; select 1; End work",
            "-- x\n                 ; select 1;         ",
        ),
        ("start transaction; select 1; commit", "                 ; select 1;       "),
    ] {
        let prepared = prepare(text, crate::shared::Shared::NOTHING, false);
        assert_eq!((prepared.sql.as_str(), prepared.findings.len()), (expected, 0), "{text}");
    }
    for text in
        ["begin; commit; begin; commit", "select 1; begin; commit", "begin; savepoint a; end"]
    {
        assert!(check(text).is_err(), "{text}");
    }
}

#[test]
fn what_looks_like_another_schema_and_is_none_passes() {
    for sql in [
        "create function f() returns int language sql set search_path = '' as 'select 1'",
        "create function f() returns int language sql set search_path to pg_catalog, pg_temp as 'select 1'",
        "alter function f() set search_path = 'pg_catalog', \"pg_temp\"",
        "do $$ begin if not exists (select 1 from information_schema.columns where table_name = 'a') then
             alter table a add x int; end if; end $$",
        "create function f() returns trigger language plpgsql as $$ begin
             execute format('insert into %I.a default values', tg_table_schema); return new; end $$",
        "update c set ad.street = 'x', ad.city = 'y' where id = 1",
        "set local app.user = 'x'",
        "do $$ begin set local app.user = 'x'; end $$",
        "-- tenantry: allow security definer
         create function f() returns int language sql security definer set search_path = '' as 'select 1'",
    ] {
        accepts(sql);
    }
}
