-- The session of the server that built a spare: it has the tables open, and takes it before others do. 0: not known.
alter table tenantry.spares add column session integer not null default 0;
alter table tenantry.spares alter session set default pg_backend_pid();
create index spares_by_session on tenantry.spares (stamp, session, id);
