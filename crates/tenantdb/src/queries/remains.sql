-- $1 schemas. What lies in each, whose it is, and what else depends on it. Everything is found by the indexes of
-- pg_depend and pg_shdepend and by primary keys.
with s as (
    select t.place, n.oid, n.nspowner, c.description
    from unnest($1::text[]) with ordinality as t (name, place)
    -- the OFFSETs: each by its key, and not in a hash of all there are
    left join lateral (select a.oid, a.nspowner from pg_catalog.pg_namespace a
                       where a.nspname = t.name offset 0) n on true
    left join lateral (
        select a.description from pg_catalog.pg_description a
        where a.objoid = n.oid and a.classoid = 'pg_catalog.pg_namespace'::regclass and a.objsubid = 0
        offset 0) c on true
), member as materialized (
    select s.place, s.oid as schema, s.nspowner, d.classid, d.objid
    from s join pg_catalog.pg_depend d
        on d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.refobjid = s.oid and d.deptype = 'n'
), own_type as materialized (
    select m.place, m.schema, m.objid as oid from member m
    where m.classid = 'pg_catalog.pg_type'::regclass
    union all
    select m.place, m.schema, c.reltype
    from member m
    join pg_catalog.pg_class c on m.classid = 'pg_catalog.pg_class'::regclass and c.oid = m.objid
    where c.reltype <> 0
), ranged as materialized (
    select o.place, o.schema, o.oid from own_type o
    union all
    select o.place, o.schema, r.rngmultitypid from own_type o
    join pg_catalog.pg_range r on r.rngtypid = o.oid
), made_type as materialized (
    select r.place, r.schema, r.oid from ranged r
    where not exists (select from member m
                      where m.classid = 'pg_catalog.pg_type'::regclass and m.objid = r.oid)
    union all
    select r.place, r.schema, t.typarray from ranged r
    join pg_catalog.pg_type t on t.oid = r.oid
    where t.typarray <> 0
), item as materialized (
    select place, schema, classid, objid from member
    union all
    -- the types of tables' rows, and the arrays and multiranges of types
    select place, schema, 'pg_catalog.pg_type'::regclass, oid from made_type
), foreign_object as (
    -- the server notes no owner for what the first superuser owns
    select m.place, pg_describe_object(m.classid, m.objid, 0)
            || ' belongs to role ' || pg_get_userbyid(coalesce(o.refobjid, 10)) as told
    from member m
    left join pg_catalog.pg_shdepend o on o.classid = m.classid and o.objid = m.objid and o.objsubid = 0
        and o.deptype = 'o'
        and o.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
    where coalesce(o.refobjid, 10) <> m.nspowner
    union all
    select m.place, pg_describe_object(m.classid, m.objid, 0) || ' is part of '
            || pg_describe_object(e.refclassid, e.refobjid, 0)
    from member m
    join pg_catalog.pg_depend e on e.classid = m.classid and e.objid = m.objid and e.deptype = 'e'
    union all
    select m.place, pg_describe_object(m.classid, m.objid, 0) || ' is shared by the whole database'
    from member m where m.classid = 'pg_catalog.pg_extension'::regclass
    union all
    select i.place, pg_describe_object(d.classid, d.objid, d.objsubid) || ' needs '
            || pg_describe_object(i.classid, i.objid, 0)
    from item i
    join pg_catalog.pg_depend d
        on d.refclassid = i.classid and d.refobjid = i.objid and d.deptype in ('n', 'a')
    cross join lateral (
        select case d.classid
            when 'pg_catalog.pg_class'::regclass then
                (select c.relnamespace from pg_catalog.pg_class c where c.oid = d.objid)
            when 'pg_catalog.pg_constraint'::regclass then
                (select c.connamespace from pg_catalog.pg_constraint c where c.oid = d.objid)
            when 'pg_catalog.pg_attrdef'::regclass then
                (select c.relnamespace from pg_catalog.pg_attrdef a
                 join pg_catalog.pg_class c on c.oid = a.adrelid where a.oid = d.objid)
            -- a publication goes on without the table
            when 'pg_catalog.pg_publication_rel'::regclass then i.schema
            else coalesce(
                (select to_regnamespace(coalesce(o.schema, quote_ident(case
                     when d.classid = any (array['pg_catalog.pg_rewrite', 'pg_catalog.pg_trigger', 'pg_catalog.pg_policy']::regclass[])
                         then a.object_names[1]
                     when d.classid = any (array['pg_catalog.pg_amop', 'pg_catalog.pg_amproc']::regclass[])
                         then a.object_names[2]
                 end)))::oid
                 from pg_identify_object(d.classid, d.objid, d.objsubid) o,
                     pg_identify_object_as_address(d.classid, d.objid, d.objsubid) a),
                -- a cast or a transform of one of the schema's types, by one of its functions
                (select i.schema from pg_catalog.pg_depend e
                 join item t on t.classid = e.refclassid and t.objid = e.refobjid and t.schema = i.schema
                 where e.classid = d.classid and e.objid = d.objid
                     and d.classid = any (array['pg_catalog.pg_cast', 'pg_catalog.pg_transform']::regclass[])
                     and t.classid = 'pg_catalog.pg_type'::regclass limit 1), 0)
            end as schema
    ) at
    where at.schema <> i.schema and not pg_is_other_temp_schema(at.schema)
)
select s.oid is not null, s.description,
    (select count(*) from member m where m.place = s.place),
    -- an object that another session drops at this moment has no name
    array(select distinct told from foreign_object f where f.place = s.place and told is not null
          order by told limit 11)
from s order by s.place
