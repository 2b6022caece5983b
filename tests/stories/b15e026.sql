-- What a whole installation of commit b15e026 left behind when its worker was killed: pg_dumpall --roles-only and
-- pg_dump --inserts of PostgreSQL 15, without comments and without the definitions of the queue's schema, which is
-- the same today. Its batches, by the end of their ids:
-- 84af: 3 done, keys not revealed
-- 1861: 1 done, 2 failed
-- d5cd: 1 scheduled
-- ab35: 8 all or nothing: 2 built
-- 199d: 2 queued
-- f831: 1 paused
-- Also 3 spares, 7 jobs that the killed worker had fetched, and 3 jobs that no worker had.
SET default_transaction_read_only = off;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
CREATE ROLE tn_2959fcb4_1;
ALTER ROLE tn_2959fcb4_1 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_1 IS 'tenantry:2959fcb4:1';
CREATE ROLE tn_2959fcb4_10;
ALTER ROLE tn_2959fcb4_10 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_10 IS 'tenantry:2959fcb4:10';
CREATE ROLE tn_2959fcb4_13;
ALTER ROLE tn_2959fcb4_13 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_13 IS 'tenantry:2959fcb4:13';
CREATE ROLE tn_2959fcb4_14;
ALTER ROLE tn_2959fcb4_14 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_14 IS 'tenantry:2959fcb4:14';
CREATE ROLE tn_2959fcb4_2;
ALTER ROLE tn_2959fcb4_2 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_2 IS 'tenantry:2959fcb4:2';
CREATE ROLE tn_2959fcb4_3;
ALTER ROLE tn_2959fcb4_3 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_3 IS 'tenantry:2959fcb4:3';
CREATE ROLE tn_2959fcb4_6;
ALTER ROLE tn_2959fcb4_6 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_6 IS 'tenantry:2959fcb4:6';
CREATE ROLE tn_2959fcb4_8;
ALTER ROLE tn_2959fcb4_8 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_8 IS 'tenantry:2959fcb4:8';
CREATE ROLE tn_2959fcb4_9;
ALTER ROLE tn_2959fcb4_9 WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 20;
COMMENT ON ROLE tn_2959fcb4_9 IS 'tenantry:2959fcb4:9';
CREATE ROLE tn_2959fcb4_tenants;
ALTER ROLE tn_2959fcb4_tenants WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB NOLOGIN NOREPLICATION NOBYPASSRLS;
COMMENT ON ROLE tn_2959fcb4_tenants IS 'tenantry:2959fcb4:tenants';
ALTER ROLE tn_2959fcb4_1 SET search_path TO 'tenant_done_0_1', 'pg_temp';
ALTER ROLE tn_2959fcb4_10 SET search_path TO 'tenantry_spare_10_', 'pg_temp';
ALTER ROLE tn_2959fcb4_13 SET search_path TO 'tenant_atomic_0_d', 'pg_temp';
ALTER ROLE tn_2959fcb4_14 SET search_path TO 'tenant_atomic_1_e', 'pg_temp';
ALTER ROLE tn_2959fcb4_2 SET search_path TO 'tenant_done_1_2', 'pg_temp';
ALTER ROLE tn_2959fcb4_3 SET search_path TO 'tenant_done_2_3', 'pg_temp';
ALTER ROLE tn_2959fcb4_6 SET search_path TO 'tenant_bad_0_6', 'pg_temp';
ALTER ROLE tn_2959fcb4_8 SET search_path TO 'tenantry_spare_8_', 'pg_temp';
ALTER ROLE tn_2959fcb4_9 SET search_path TO 'tenantry_spare_9_', 'pg_temp';
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_1 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_10 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_13 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_14 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_2 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_3 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_6 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_8 GRANTED BY postgres;
GRANT tn_2959fcb4_tenants TO tn_2959fcb4_9 GRANTED BY postgres;
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA tenant_atomic_0_d;
ALTER SCHEMA tenant_atomic_0_d OWNER TO postgres;
COMMENT ON SCHEMA tenant_atomic_0_d IS 'tenantry:2959fcb4:13';
CREATE SCHEMA tenant_atomic_1_e;
ALTER SCHEMA tenant_atomic_1_e OWNER TO postgres;
COMMENT ON SCHEMA tenant_atomic_1_e IS 'tenantry:2959fcb4:14';
CREATE SCHEMA tenant_bad_0_6;
ALTER SCHEMA tenant_bad_0_6 OWNER TO postgres;
COMMENT ON SCHEMA tenant_bad_0_6 IS 'tenantry:2959fcb4:6';
CREATE SCHEMA tenant_done_0_1;
ALTER SCHEMA tenant_done_0_1 OWNER TO postgres;
COMMENT ON SCHEMA tenant_done_0_1 IS 'tenantry:2959fcb4:1';
CREATE SCHEMA tenant_done_1_2;
ALTER SCHEMA tenant_done_1_2 OWNER TO postgres;
COMMENT ON SCHEMA tenant_done_1_2 IS 'tenantry:2959fcb4:2';
CREATE SCHEMA tenant_done_2_3;
ALTER SCHEMA tenant_done_2_3 OWNER TO postgres;
COMMENT ON SCHEMA tenant_done_2_3 IS 'tenantry:2959fcb4:3';
CREATE SCHEMA tenantry;
ALTER SCHEMA tenantry OWNER TO postgres;
CREATE SCHEMA tenantry_spare_10_;
ALTER SCHEMA tenantry_spare_10_ OWNER TO postgres;
COMMENT ON SCHEMA tenantry_spare_10_ IS 'tenantry:2959fcb4:10';
CREATE SCHEMA tenantry_spare_8_;
ALTER SCHEMA tenantry_spare_8_ OWNER TO postgres;
COMMENT ON SCHEMA tenantry_spare_8_ IS 'tenantry:2959fcb4:8';
CREATE SCHEMA tenantry_spare_9_;
ALTER SCHEMA tenantry_spare_9_ OWNER TO postgres;
COMMENT ON SCHEMA tenantry_spare_9_ IS 'tenantry:2959fcb4:9';
CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;
COMMENT ON EXTENSION hstore IS 'data type for storing sets of (key, value) pairs';
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
COMMENT ON EXTENSION pgcrypto IS 'cryptographic functions';
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE FUNCTION tenantry.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'tenantry.audit_log is append-only' using errcode = 'insufficient_privilege';
end $$;
ALTER FUNCTION tenantry.audit_is_append_only() OWNER TO postgres;
CREATE TABLE tenant_atomic_0_d.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenant_atomic_0_d.person OWNER TO postgres;
ALTER TABLE tenant_atomic_0_d.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_atomic_0_d.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenant_atomic_0_d.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_atomic_0_d.tenant OWNER TO postgres;
CREATE TABLE tenant_atomic_0_d.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_atomic_0_d.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenant_atomic_1_e.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenant_atomic_1_e.person OWNER TO postgres;
ALTER TABLE tenant_atomic_1_e.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_atomic_1_e.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenant_atomic_1_e.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_atomic_1_e.tenant OWNER TO postgres;
CREATE TABLE tenant_atomic_1_e.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_atomic_1_e.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenant_bad_0_6.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenant_bad_0_6.person OWNER TO postgres;
ALTER TABLE tenant_bad_0_6.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_bad_0_6.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenant_bad_0_6.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_bad_0_6.tenant OWNER TO postgres;
CREATE TABLE tenant_bad_0_6.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_bad_0_6.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenant_done_0_1.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenant_done_0_1.person OWNER TO postgres;
ALTER TABLE tenant_done_0_1.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_done_0_1.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenant_done_0_1.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_done_0_1.tenant OWNER TO postgres;
CREATE TABLE tenant_done_0_1.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_done_0_1.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenant_done_1_2.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenant_done_1_2.person OWNER TO postgres;
ALTER TABLE tenant_done_1_2.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_done_1_2.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenant_done_1_2.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_done_1_2.tenant OWNER TO postgres;
CREATE TABLE tenant_done_1_2.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_done_1_2.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenant_done_2_3.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenant_done_2_3.person OWNER TO postgres;
ALTER TABLE tenant_done_2_3.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenant_done_2_3.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenant_done_2_3.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_done_2_3.tenant OWNER TO postgres;
CREATE TABLE tenant_done_2_3.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenant_done_2_3.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenantry._migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
ALTER TABLE tenantry._migrations OWNER TO postgres;
CREATE TABLE tenantry.api_keys (
    id bigint NOT NULL,
    tenant_id bigint NOT NULL,
    batch_id uuid,
    hash bytea NOT NULL,
    prefix text NOT NULL,
    last4 text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    sealed bytea,
    sealed_until timestamp with time zone,
    CONSTRAINT api_keys_check CHECK (((sealed IS NULL) = (sealed_until IS NULL))),
    CONSTRAINT api_keys_hash_check CHECK ((octet_length(hash) = 32))
);
ALTER TABLE tenantry.api_keys OWNER TO postgres;
ALTER TABLE tenantry.api_keys ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry.audit_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    tenant_id bigint,
    batch_id uuid,
    request_id text,
    address text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL
);
ALTER TABLE tenantry.audit_log OWNER TO postgres;
ALTER TABLE tenantry.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry.batch_items (
    id bigint NOT NULL,
    batch_id uuid NOT NULL,
    idx integer NOT NULL,
    state text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    tenant_id bigint,
    request jsonb NOT NULL,
    tenant_name text,
    domain text,
    schema_name text,
    job_id text,
    worker_id text,
    error_code text,
    error_message text,
    error_step text,
    error_retryable boolean,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    next_attempt_at timestamp with time zone,
    CONSTRAINT batch_items_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'retrying'::text, 'built'::text, 'succeeded'::text, 'compensating'::text, 'failed'::text, 'cancelled'::text, 'rolled_back'::text, 'undo_failed'::text])))
)
WITH (fillfactor='70');
ALTER TABLE tenantry.batch_items OWNER TO postgres;
ALTER TABLE tenantry.batch_items ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME tenantry.batch_items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry.batches (
    id uuid NOT NULL,
    state text NOT NULL,
    mode text NOT NULL,
    run integer DEFAULT 1 NOT NULL,
    total integer NOT NULL,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    deadline_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    cancel_code text,
    run_at timestamp with time zone,
    paused_at timestamp with time zone,
    culprit_idx integer,
    totals_run integer,
    total_succeeded integer,
    total_failed integer,
    total_cancelled integer,
    total_rolled_back integer,
    total_ended_in_run integer,
    CONSTRAINT batches_mode_check CHECK ((mode = ANY (ARRAY['independent'::text, 'atomic'::text]))),
    CONSTRAINT batches_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'completed'::text, 'completed_with_failures'::text, 'failed'::text, 'cancelling'::text, 'cancelled'::text, 'rolling_back'::text, 'rolled_back'::text]))),
    CONSTRAINT batches_total_check CHECK ((total > 0)),
    CONSTRAINT batches_totals_together CHECK ((num_nonnulls(totals_run, total_succeeded, total_failed, total_cancelled, total_rolled_back, total_ended_in_run) = ANY (ARRAY[0, 6])))
)
WITH (fillfactor='80');
ALTER TABLE tenantry.batches OWNER TO postgres;
CREATE TABLE tenantry.checkpoints (
    item_id bigint NOT NULL,
    stage text NOT NULL,
    attempt integer NOT NULL,
    steps jsonb NOT NULL,
    committed_at timestamp with time zone DEFAULT now() NOT NULL,
    undone_at timestamp with time zone
);
ALTER TABLE tenantry.checkpoints OWNER TO postgres;
CREATE TABLE tenantry.idempotency_keys (
    caller bigint NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    batch_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry.idempotency_keys OWNER TO postgres;
CREATE TABLE tenantry.installation (
    singleton boolean DEFAULT true NOT NULL,
    id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    paused_at timestamp with time zone,
    CONSTRAINT installation_id_check CHECK ((id ~ '^[0-9a-f]{8}$'::text)),
    CONSTRAINT installation_singleton_check CHECK (singleton)
);
ALTER TABLE tenantry.installation OWNER TO postgres;
CREATE TABLE tenantry.operator_tokens (
    id bigint NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT operator_tokens_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT operator_tokens_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'admin'::text])))
);
ALTER TABLE tenantry.operator_tokens OWNER TO postgres;
ALTER TABLE tenantry.operator_tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry.operator_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry.outbox (
    id bigint NOT NULL,
    kind text NOT NULL,
    batch_id uuid,
    run integer,
    payload jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry.outbox OWNER TO postgres;
ALTER TABLE tenantry.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry.spares (
    id bigint NOT NULL,
    stamp text NOT NULL,
    head bigint NOT NULL,
    built_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
ALTER TABLE tenantry.spares OWNER TO postgres;
CREATE TABLE tenantry.tenants (
    id bigint NOT NULL,
    name text NOT NULL,
    description text,
    domain text NOT NULL,
    schema_name text NOT NULL,
    role_name text NOT NULL,
    external_id text,
    state text DEFAULT 'pending'::text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    migration_version bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    activated_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT tenants_role_name_check CHECK ((octet_length(role_name) <= 63)),
    CONSTRAINT tenants_schema_name_check CHECK ((octet_length(schema_name) <= 63)),
    CONSTRAINT tenants_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'active'::text, 'suspended'::text, 'archived'::text, 'deleting'::text, 'deleted'::text])))
)
WITH (fillfactor='80');
ALTER TABLE tenantry.tenants OWNER TO postgres;
ALTER TABLE tenantry.tenants ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME tenantry.tenants_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry.workers (
    id text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    stopped_at timestamp with time zone
)
WITH (fillfactor='50');
ALTER TABLE tenantry.workers OWNER TO postgres;
CREATE TABLE tenantry_spare_10_.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenantry_spare_10_.person OWNER TO postgres;
ALTER TABLE tenantry_spare_10_.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry_spare_10_.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry_spare_10_.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry_spare_10_.tenant OWNER TO postgres;
CREATE TABLE tenantry_spare_10_.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry_spare_10_.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenantry_spare_8_.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenantry_spare_8_.person OWNER TO postgres;
ALTER TABLE tenantry_spare_8_.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry_spare_8_.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry_spare_8_.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry_spare_8_.tenant OWNER TO postgres;
CREATE TABLE tenantry_spare_8_.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry_spare_8_.tenantry_migrations OWNER TO postgres;
CREATE TABLE tenantry_spare_9_.person (
    id bigint NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    role text DEFAULT 'member'::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT person_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'admin'::text, 'member'::text])))
);
ALTER TABLE tenantry_spare_9_.person OWNER TO postgres;
ALTER TABLE tenantry_spare_9_.person ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME tenantry_spare_9_.person_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE tenantry_spare_9_.tenant (
    id bigint NOT NULL,
    name text NOT NULL,
    domain text NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry_spare_9_.tenant OWNER TO postgres;
CREATE TABLE tenantry_spare_9_.tenantry_migrations (
    version bigint NOT NULL,
    description character varying(200) NOT NULL,
    checksum character varying(96) NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE tenantry_spare_9_.tenantry_migrations OWNER TO postgres;
INSERT INTO apalis.workers VALUES ('host-01M8GWANHGC3KWSE0FJFC80J78.1', 'tenantry.provision', 'PgStorage', 'tower::limit::concurrency::service::ConcurrencyLimit<apalis_core::task::data::AddExtension<apalis_core::worker::ext::parallelize::ParallelizeService<apalis_core::worker::lifecycle::LifecycleService<apalis_core::task::task_fn::TaskFn<queue::consume::deliver<worker::life::Life<''_>::consume::{{closure}}::{{closure}}, worker::handler::Handler::handle::{{closure}}>, serde_json::value::Value, (apalis_core::task::task_id::TaskId, apalis_core::worker::context::WorkerContext, apalis_core::task::data::Data<alloc::sync::Arc<queue::consume::Shared<worker::life::Life<''_>::consume::{{closure}}::{{closure}}>>>)>>, tokio::task::spawn::spawn<apalis_core::worker::lifecycle::LifecycleFuture<core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = core::result::Result<(), alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>>> + core::marker::Send>>>>>, alloc::sync::Arc<queue::consume::Shared<worker::life::Life<''_>::consume::{{closure}}::{{closure}}>>>>', '2026-11-28 10:48:40.588936+00', NULL);
INSERT INTO apalis.workers VALUES ('host-01M8GWB35VN7GR380Y312W6477.1', 'tenantry.provision', 'PgStorage', 'tower::limit::concurrency::service::ConcurrencyLimit<apalis_core::task::data::AddExtension<apalis_core::worker::ext::parallelize::ParallelizeService<apalis_core::worker::lifecycle::LifecycleService<apalis_core::task::task_fn::TaskFn<queue::consume::deliver<worker::life::Life<''_>::consume::{{closure}}::{{closure}}, worker::handler::Handler::handle::{{closure}}>, serde_json::value::Value, (apalis_core::task::task_id::TaskId, apalis_core::worker::context::WorkerContext, apalis_core::task::data::Data<alloc::sync::Arc<queue::consume::Shared<worker::life::Life<''_>::consume::{{closure}}::{{closure}}>>>)>>, tokio::task::spawn::spawn<apalis_core::worker::lifecycle::LifecycleFuture<core::pin::Pin<alloc::boxed::Box<dyn core::future::future::Future<Output = core::result::Result<(), alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>>> + core::marker::Send>>>>>, alloc::sync::Arc<queue::consume::Shared<worker::life::Life<''_>::consume::{{closure}}::{{closure}}>>>>', '2026-11-28 10:48:44+00', NULL);
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a317d', '01M8GWAN9R72XN7GR50WGVC1X8', 'tenantry.provision', 'Done', 1, 25, '2026-11-28 10:48:30+00', '{"Ok": null}', '2026-11-28 10:48:30.610577+00', 'host-01M8GWANHGC3KWSE0FJFC80J78.1', '2026-11-28 10:48:33.325693+00', 2000000000, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a337d', '01M8GWAN9RKR126QQBXMQBVWPA', 'tenantry.provision', 'Done', 1, 25, '2026-11-28 10:48:30+00', '{"Ok": null}', '2026-11-28 10:48:30.610577+00', 'host-01M8GWANHGC3KWSE0FJFC80J78.1', '2026-11-28 10:48:35.066084+00', 1999999998, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a327d', '01M8GWAN9RAAF0GADG4PCPB7YY', 'tenantry.provision', 'Done', 1, 25, '2026-11-28 10:48:30+00', '{"Ok": null}', '2026-11-28 10:48:30.610577+00', 'host-01M8GWANHGC3KWSE0FJFC80J78.1', '2026-11-28 10:48:35.087058+00', 1999999999, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a347d', '01M8GWAT3AP0CXS03NTET3B5VN', 'tenantry.provision', 'Done', 1, 25, '2026-11-28 10:48:35+00', '{"Ok": null}', '2026-11-28 10:48:35.217051+00', 'host-01M8GWANHGC3KWSE0FJFC80J78.1', '2026-11-28 10:48:37.338489+00', 2000000000, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31367d', '01M8GWB2Y3WK41V5MPGXZ9XBG8', 'tenantry.provision', 'Pending', 0, 25, '2026-11-28 10:48:44+00', NULL, NULL, NULL, NULL, 1999999993, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a397d', '01M8GWB2Y3GWVDVGQ8CBCFA2NW', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:44.5129+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 2000000000, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31307d', '01M8GWB2Y3SFQ08HYN2WMW8A9M', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:44.5129+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 1999999999, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31317d', '01M8GWB2Y3C318JMQKGD8W2MKE', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:44.5129+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 1999999998, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a387d', '01M8GWB2AK1MVT37N2VF4VPKBB', 'tenantry.provision', 'Done', 1, 25, '2026-11-28 10:48:43+00', '{"Ok": null}', '2026-11-28 10:48:44.5129+00', 'host-01M8GWB35VN7GR380Y312W6477.1', '2026-11-28 10:48:46.698392+00', 2000000000, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31327d', '01M8GWB2Y3QEBX1MGAB1QTCDKD', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:46.701096+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 1999999997, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31337d', '01M8GWB2Y3V7JCNG1PPEKQKCEY', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:46.701096+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 1999999996, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31347d', '01M8GWB2Y33FCKN360TMKRPGEC', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:46.701096+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 1999999995, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31357d', '01M8GWB2Y3SPTABE01D9V2XG81', 'tenantry.provision', 'Queued', 0, 25, '2026-11-28 10:48:44+00', NULL, '2026-11-28 10:48:46.701096+00', 'host-01M8GWB35VN7GR380Y312W6477.1', NULL, 1999999994, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31377d', '01M8GWB8JJ8HZH2ZKG6JF749GW', 'tenantry.provision', 'Pending', 0, 25, '2026-11-28 10:48:50+00', NULL, NULL, NULL, NULL, 1999999993, NULL, '');
INSERT INTO apalis.jobs VALUES ('\x7b2276223a312c226974656d223a31387d', '01M8GWB8JJB07GWS64CD2BBAY4', 'tenantry.provision', 'Pending', 0, 25, '2026-11-28 10:48:50+00', NULL, NULL, NULL, NULL, 1999999992, NULL, '');
INSERT INTO tenant_atomic_0_d.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:49.216301+00');
INSERT INTO tenant_atomic_0_d.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:49.216301+00');
INSERT INTO tenant_atomic_1_e.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:49.216301+00');
INSERT INTO tenant_atomic_1_e.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:49.216301+00');
INSERT INTO tenant_bad_0_6.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:37.26836+00');
INSERT INTO tenant_bad_0_6.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:37.26836+00');
INSERT INTO tenant_done_0_1.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:30.5233+00');
INSERT INTO tenant_done_0_1.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:30.5233+00');
INSERT INTO tenant_done_1_2.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:30.5233+00');
INSERT INTO tenant_done_1_2.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:30.5233+00');
INSERT INTO tenant_done_2_3.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:34.857827+00');
INSERT INTO tenant_done_2_3.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:34.857827+00');
INSERT INTO tenantry._migrations VALUES (1, 'tenantry', '2026-11-28 10:48:29.392105+00', true, '\x21a795ed3f219921f3c9661090d1f4177a01ce1236efa10b5e0938b7097cb00b85a6b2a06a82a7811d4abf35cd1eac4b', 103441326);
INSERT INTO tenantry._migrations VALUES (2, 'whole batches', '2026-11-28 10:48:29.496877+00', true, '\x2aa398feb0fd781f360c3e65da7e1a17009cea2865e3e73306c05321ebd84ad976c48acc30ed5e87d3b7b37d0beddb62', 4961994);
INSERT INTO tenantry._migrations VALUES (3, 'spares', '2026-11-28 10:48:29.502266+00', true, '\x8e73deb39e7131be80f77c684f916acccd90d0b4296a54d9cc8b5671f569ab34e2173fbcd1eb107b5be329f8478c62b6', 3622723);
INSERT INTO tenantry._migrations VALUES (4, 'batch totals', '2026-11-28 10:48:29.506302+00', true, '\x6c6def21b0aac04d4cec90c64545a06055160a071f2a7dbf40061a5105e6ee3c431f5972c2629e7948015ab08821b791', 11793133);
INSERT INTO tenantry.api_keys OVERRIDING SYSTEM VALUE VALUES (1, 1, '01a221c5-5504-777e-8088-c357ab1184af', '\x9237335b29919aaada1966e05e8ae7a74ca83afdc01fcd4170488f332ce8caee', 'tk_done_0_', 'eK4d', '2026-11-28 10:48:33.253576+00', NULL, NULL, NULL, '\xeffb05b29a2dfb632d9f4e1c00734a62bb3d10dbb67f42fe4c333aa828211334fd60b7b5433339450290fe61b1173f924e7e8871ab29a8c66075a3e0211d314e5b20348fdb5992ae43330f3f255937986c14f59e950c0ea3', '2026-11-29 10:48:33.278096+00');
INSERT INTO tenantry.api_keys OVERRIDING SYSTEM VALUE VALUES (2, 2, '01a221c5-5504-777e-8088-c357ab1184af', '\x9b0cbdf62b41e9243a5ef671505b88c0470a3390c69bce904b292cd2d94ba22c', 'tk_done_1_', 'L4fO', '2026-11-28 10:48:34.818097+00', NULL, NULL, NULL, '\x7ec1f432060e6cfd30413cf2ffc8358e972991f7c5cf723fc9bacf72d7c07e19c10b7fd433c4abeee7c0ec0777b3ac4d102864628192eac2e3e2a8d52100e59b90ff017297deccbade8f8da4f9fff180bf30de20772f672b', '2026-11-29 10:48:34.842404+00');
INSERT INTO tenantry.api_keys OVERRIDING SYSTEM VALUE VALUES (3, 3, '01a221c5-5504-777e-8088-c357ab1184af', '\x01ecb4d7eb815c9b9db62beb7d96ec0f5e37d4cb7ade1425b6e43171540cce21', 'tk_done_2_', 'xW7f', '2026-11-28 10:48:34.857827+00', NULL, NULL, NULL, '\xd339e0bf6bee0b02d623f66bbdd88ab237be00e541effd489273924dbb53309292a38624e25cd18bc8217f651bce9282e56cb8789c4e23958536ab92b25522f20b6fb934ba1777d3148ecf7b86f8b9c62c9fbc6f462ce440', '2026-11-29 10:48:35.062236+00');
INSERT INTO tenantry.api_keys OVERRIDING SYSTEM VALUE VALUES (4, 6, '01a221c5-6858-706d-8bc9-0b295dd51861', '\x3dd7af74d05c023c2efe74ccc1a1a44291bf9c888c992ac70a73d3d821828c94', 'tk_bad_0_', 'P6Sn', '2026-11-28 10:48:37.26836+00', NULL, NULL, NULL, '\xe3e6b4ab597fd6b409dbfbacbd448c6f38438b5b0ea188d2f0ae6d90a45e1a034d33d976c8dacef3f7b43bdf820804c16c2280f6b5d8240c015a3176c88ce0a8d848939948d58a54bad994c0c81ec962595d19b0c24319', '2026-11-29 10:48:37.332769+00');
INSERT INTO tenantry.api_keys OVERRIDING SYSTEM VALUE VALUES (5, 13, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', '\xbb3e7fa09bcaa6f8882da536c177cb2f1c23e60ff2c7d00dbca0783743b97328', 'tk_atomic_0_', 'FuiJ', '2026-11-28 10:48:49.216301+00', NULL, NULL, NULL, '\xfe8ae21f9439bf4769a43e1b72f70c51556e3d3bc3d3324e4a988f9316ea6729fb253142474de8fa0fd02c36abf8b1004e4af579c120852e17f2d0115a12c98f1c9cc0b2100f82c6b07eb9e8f4454823a3947cc883d51e9e0650', '2026-11-29 10:48:49.371103+00');
INSERT INTO tenantry.api_keys OVERRIDING SYSTEM VALUE VALUES (6, 14, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', '\x19d0a4df8869574102c7e44474794f0f2fc8856ac46bbd5820ef37382a28e44f', 'tk_atomic_1_', 'NDxg', '2026-11-28 10:48:49.216301+00', NULL, NULL, NULL, '\xe97cb4b7bd9108f0112a37ca8c365f983d5061bec29c38d6c7a362a9cc6dc8f855885942005462ba6e8226813635f08304ef76372f5ef93a9e653aa70ddcaaf5db16cef6eb6289d4f5431ceb0a4ab00e2ba11a3b755e507e552a', '2026-11-29 10:48:49.371309+00');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (1, '2026-11-28 10:48:29.874169+00', 'cli:root', 'schema.migrated', NULL, NULL, NULL, NULL, '{}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (2, '2026-11-28 10:48:29.941832+00', 'cli:root', 'token.created', NULL, NULL, NULL, NULL, '{"id": 1, "name": "t", "role": "admin", "expires_at": "2027-02-26T10:48:29.925499828Z"}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (3, '2026-11-28 10:48:30.343404+00', 'operator:t', 'batch.submitted', NULL, '01a221c5-5504-777e-8088-c357ab1184af', '01a221c5-54de-707b-9377-068f04734811', '127.0.0.1', '{"mode": "independent", "total": 3, "run_at": null, "refused": 0, "accepted": 3}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (4, '2026-11-28 10:48:33.302968+00', 'worker:host-01M8GWANHGC3KWSE0FJFC80J78', 'tenant.activated', 1, '01a221c5-5504-777e-8088-c357ab1184af', NULL, NULL, '{"item": 1, "attempt": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (5, '2026-11-28 10:48:34.850235+00', 'worker:host-01M8GWANHGC3KWSE0FJFC80J78', 'tenant.activated', 2, '01a221c5-5504-777e-8088-c357ab1184af', NULL, NULL, '{"item": 2, "attempt": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (6, '2026-11-28 10:48:35.063034+00', 'worker:host-01M8GWANHGC3KWSE0FJFC80J78', 'tenant.activated', 3, '01a221c5-5504-777e-8088-c357ab1184af', NULL, NULL, '{"item": 3, "attempt": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (7, '2026-11-28 10:48:35.151183+00', 'operator:t', 'keys.revealed', 1, '01a221c5-5504-777e-8088-c357ab1184af', '01a221c5-54de-707b-9377-068f04734811', '127.0.0.1', '{"keys_in_batch": 3}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (8, '2026-11-28 10:48:35.151466+00', 'operator:t', 'keys.revealed', 2, '01a221c5-5504-777e-8088-c357ab1184af', '01a221c5-54de-707b-9377-068f04734811', '127.0.0.1', '{"keys_in_batch": 3}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (9, '2026-11-28 10:48:35.151474+00', 'operator:t', 'keys.revealed', 3, '01a221c5-5504-777e-8088-c357ab1184af', '01a221c5-54de-707b-9377-068f04734811', '127.0.0.1', '{"keys_in_batch": 3}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (10, '2026-11-28 10:48:35.214896+00', 'operator:t', 'batch.submitted', NULL, '01a221c5-6858-706d-8bc9-0b295dd51861', '01a221c5-6856-732c-a2bf-3c6ac06eceaa', '127.0.0.1', '{"mode": "independent", "total": 3, "run_at": null, "refused": 2, "accepted": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (11, '2026-11-28 10:48:37.33384+00', 'worker:host-01M8GWANHGC3KWSE0FJFC80J78', 'tenant.activated', 6, '01a221c5-6858-706d-8bc9-0b295dd51861', NULL, NULL, '{"item": 4, "attempt": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (12, '2026-11-28 10:48:37.368991+00', 'operator:t', 'keys.revealed', 6, '01a221c5-6858-706d-8bc9-0b295dd51861', '01a221c5-6856-732c-a2bf-3c6ac06eceaa', '127.0.0.1', '{"keys_in_batch": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (13, '2026-11-28 10:48:43.540427+00', 'operator:t', 'batch.submitted', NULL, '01a221c5-890f-75b5-9be5-257eaa9bd5cd', '01a221c5-88fb-7775-b1d1-7b0330f90c25', '127.0.0.1', '{"mode": "independent", "total": 1, "run_at": "2026-11-28T10:49:43.513654Z", "refused": 0, "accepted": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (14, '2026-11-28 10:48:43.606234+00', 'operator:t', 'batch.submitted', NULL, '01a221c5-894b-726e-9494-1d1cd923f831', '01a221c5-894a-7256-b7eb-e9ee748d4ec3', '127.0.0.1', '{"mode": "independent", "total": 1, "run_at": null, "refused": 0, "accepted": 1}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (15, '2026-11-28 10:48:43.637586+00', 'operator:t', 'batch.paused', NULL, '01a221c5-894b-726e-9494-1d1cd923f831', '01a221c5-8972-7157-a998-9bf2f0875b29', '127.0.0.1', '{}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (16, '2026-11-28 10:48:44.235687+00', 'operator:t', 'batch.submitted', NULL, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', '01a221c5-8bbe-7464-9314-454f465038f4', '127.0.0.1', '{"mode": "atomic", "total": 8, "run_at": null, "refused": 0, "accepted": 8}');
INSERT INTO tenantry.audit_log OVERRIDING SYSTEM VALUE VALUES (17, '2026-11-28 10:48:50.081653+00', 'operator:t', 'batch.submitted', NULL, '01a221c5-a219-71ea-977e-e9fe664a199d', '01a221c5-a202-752c-a70c-7996022c153d', '127.0.0.1', '{"mode": "independent", "total": 2, "run_at": null, "refused": 0, "accepted": 2}');
INSERT INTO tenantry.batch_items VALUES (1, '01a221c5-5504-777e-8088-c357ab1184af', 0, 'succeeded', 1, 1, 1, '{"domain": "done-0.example", "tenant_name": "done 0"}', 'done 0', 'done-0.example', 'tenant_done_0_1', '01M8GWAN9R72XN7GR50WGVC1X8', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:33.147826+00', '2026-11-28 10:48:33.304941+00', NULL);
INSERT INTO tenantry.batch_items VALUES (2, '01a221c5-5504-777e-8088-c357ab1184af', 1, 'succeeded', 1, 1, 2, '{"domain": "done-1.example", "tenant_name": "done 1"}', 'done 1', 'done-1.example', 'tenant_done_1_2', '01M8GWAN9RAAF0GADG4PCPB7YY', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:34.746386+00', '2026-11-28 10:48:34.854651+00', NULL);
INSERT INTO tenantry.batch_items VALUES (3, '01a221c5-5504-777e-8088-c357ab1184af', 2, 'succeeded', 1, 1, 3, '{"domain": "done-2.example", "tenant_name": "done 2"}', 'done 2', 'done-2.example', 'tenant_done_2_3', '01M8GWAN9RKR126QQBXMQBVWPA', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:34.810071+00', '2026-11-28 10:48:35.063626+00', NULL);
INSERT INTO tenantry.batch_items VALUES (5, '01a221c5-6858-706d-8bc9-0b295dd51861', 1, 'failed', 0, 0, NULL, '{"domain": "-no-.example", "tenant_name": "x"}', 'x', '-no-.example', NULL, NULL, NULL, 'invalid_domain', 'domain has a label that begins or ends with a hyphen', NULL, false, '2026-11-28 10:48:35.160171+00', NULL, '2026-11-28 10:48:35.160171+00', NULL);
INSERT INTO tenantry.batch_items VALUES (6, '01a221c5-6858-706d-8bc9-0b295dd51861', 2, 'failed', 0, 0, NULL, '{"domain": "done-1.example", "tenant_name": "y"}', 'y', 'done-1.example', NULL, NULL, NULL, 'domain_taken', 'the domain is in use by another tenant', NULL, false, '2026-11-28 10:48:35.160171+00', NULL, '2026-11-28 10:48:35.160171+00', NULL);
INSERT INTO tenantry.batch_items VALUES (4, '01a221c5-6858-706d-8bc9-0b295dd51861', 0, 'succeeded', 1, 1, 6, '{"domain": "bad-0.example", "tenant_name": "bad 0"}', 'bad 0', 'bad-0.example', 'tenant_bad_0_6', '01M8GWAT3AP0CXS03NTET3B5VN', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:35.160171+00', '2026-11-28 10:48:37.164751+00', '2026-11-28 10:48:37.33465+00', NULL);
INSERT INTO tenantry.batch_items VALUES (7, '01a221c5-890f-75b5-9be5-257eaa9bd5cd', 0, 'queued', 0, 0, 11, '{"domain": "later-0.example", "tenant_name": "later 0"}', 'later 0', 'later-0.example', 'tenant_later_0_b', NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:43.53567+00', NULL, NULL, '2026-11-28 10:48:55.513654+00');
INSERT INTO tenantry.batch_items VALUES (8, '01a221c5-894b-726e-9494-1d1cd923f831', 0, 'queued', 0, 0, 12, '{"domain": "paused-0.example", "tenant_name": "paused 0"}', 'paused 0', 'paused-0.example', 'tenant_paused_0_c', '01M8GWB2AK1MVT37N2VF4VPKBB', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:43.596227+00', NULL, NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (13, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 4, 'queued', 0, 0, 17, '{"domain": "atomic-4.example", "tenant_name": "atomic 4"}', 'atomic 4', 'atomic-4.example', 'tenant_atomic_4_h', '01M8GWB2Y3V7JCNG1PPEKQKCEY', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', NULL, NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (14, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 5, 'queued', 0, 0, 18, '{"domain": "atomic-5.example", "tenant_name": "atomic 5"}', 'atomic 5', 'atomic-5.example', 'tenant_atomic_5_i', '01M8GWB2Y33FCKN360TMKRPGEC', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', NULL, NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (15, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 6, 'queued', 0, 0, 19, '{"domain": "atomic-6.example", "tenant_name": "atomic 6"}', 'atomic 6', 'atomic-6.example', 'tenant_atomic_6_j', '01M8GWB2Y3SPTABE01D9V2XG81', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', NULL, NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (9, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 0, 'built', 1, 1, 13, '{"domain": "atomic-0.example", "tenant_name": "atomic 0"}', 'atomic 0', 'atomic-0.example', 'tenant_atomic_0_d', '01M8GWB2Y3GWVDVGQ8CBCFA2NW', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', '2026-11-28 10:48:49.082116+00', NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (10, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 1, 'built', 1, 1, 14, '{"domain": "atomic-1.example", "tenant_name": "atomic 1"}', 'atomic 1', 'atomic-1.example', 'tenant_atomic_1_e', '01M8GWB2Y3SFQ08HYN2WMW8A9M', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', '2026-11-28 10:48:49.14671+00', NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (11, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 2, 'running', 1, 1, 15, '{"domain": "atomic-2.example", "tenant_name": "atomic 2"}', 'atomic 2', 'atomic-2.example', 'tenant_atomic_2_f', '01M8GWB2Y3C318JMQKGD8W2MKE', 'host-01M8GWB35VN7GR380Y312W6477', NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', '2026-11-28 10:48:51.178936+00', NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (12, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 3, 'running', 1, 1, 16, '{"domain": "atomic-3.example", "tenant_name": "atomic 3"}', 'atomic 3', 'atomic-3.example', 'tenant_atomic_3_g', '01M8GWB2Y3QEBX1MGAB1QTCDKD', 'host-01M8GWB35VN7GR380Y312W6477', NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', '2026-11-28 10:48:51.225722+00', NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (16, '01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 7, 'queued', 0, 0, 20, '{"domain": "atomic-7.example", "tenant_name": "atomic 7"}', 'atomic 7', 'atomic-7.example', 'tenant_atomic_7_k', '01M8GWB2Y3WK41V5MPGXZ9XBG8', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:44.224094+00', NULL, NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (17, '01a221c5-a219-71ea-977e-e9fe664a199d', 0, 'queued', 0, 0, 21, '{"domain": "open-0.example", "tenant_name": "open 0"}', 'open 0', 'open-0.example', 'tenant_open_0_l', '01M8GWB8JJ8HZH2ZKG6JF749GW', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:49.951141+00', NULL, NULL, NULL);
INSERT INTO tenantry.batch_items VALUES (18, '01a221c5-a219-71ea-977e-e9fe664a199d', 1, 'queued', 0, 0, 22, '{"domain": "open-1.example", "tenant_name": "open 1"}', 'open 1', 'open-1.example', 'tenant_open_1_m', '01M8GWB8JJB07GWS64CD2BBAY4', NULL, NULL, NULL, NULL, NULL, '2026-11-28 10:48:49.951141+00', NULL, NULL, NULL);
INSERT INTO tenantry.batches VALUES ('01a221c5-5504-777e-8088-c357ab1184af', 'completed', 'independent', 1, 3, 1, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:33.199991+00', '2026-11-28 10:48:35.066326+00', '2026-11-28 11:48:30.213486+00', NULL, NULL, NULL, NULL, NULL, 1, 3, 0, 0, 0, 3);
INSERT INTO tenantry.batches VALUES ('01a221c5-6858-706d-8bc9-0b295dd51861', 'completed_with_failures', 'independent', 1, 3, 1, '2026-11-28 10:48:35.160171+00', '2026-11-28 10:48:37.215768+00', '2026-11-28 10:48:37.351679+00', '2026-11-28 11:48:35.160171+00', NULL, NULL, NULL, NULL, NULL, 1, 1, 2, 0, 0, 1);
INSERT INTO tenantry.batches VALUES ('01a221c5-890f-75b5-9be5-257eaa9bd5cd', 'queued', 'independent', 1, 1, 1, '2026-11-28 10:48:43.53567+00', NULL, NULL, '2026-11-28 11:49:43.513654+00', NULL, NULL, '2026-11-28 10:48:55.513654+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tenantry.batches VALUES ('01a221c5-894b-726e-9494-1d1cd923f831', 'queued', 'independent', 1, 1, 1, '2026-11-28 10:48:43.596227+00', NULL, NULL, '2026-11-28 11:48:43.596227+00', NULL, NULL, NULL, '2026-11-28 10:48:43.636699+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tenantry.batches VALUES ('01a221c5-8bbf-76ac-9eda-1cc1be9aab35', 'running', 'atomic', 1, 8, 1, '2026-11-28 10:48:44.224094+00', '2026-11-28 10:48:49.146833+00', NULL, '2026-11-28 11:48:44.224094+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tenantry.batches VALUES ('01a221c5-a219-71ea-977e-e9fe664a199d', 'queued', 'independent', 1, 2, 1, '2026-11-28 10:48:49.951141+00', NULL, NULL, '2026-11-28 11:48:49.951141+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO tenantry.checkpoints VALUES (1, 'provision', 1, '[{"name": "take_spare", "state": "done", "duration_ms": 2.638}, {"name": "verify", "state": "done", "duration_ms": 14.532}, {"name": "issue_key", "state": "done", "duration_ms": 13.566}, {"name": "activate", "state": "done", "duration_ms": 17.827}]', '2026-11-28 10:48:33.253576+00', NULL);
INSERT INTO tenantry.checkpoints VALUES (2, 'provision', 1, '[{"name": "take_spare", "state": "done", "duration_ms": 7.539}, {"name": "verify", "state": "done", "duration_ms": 8.534}, {"name": "issue_key", "state": "done", "duration_ms": 7.528}, {"name": "activate", "state": "done", "duration_ms": 5.149}]', '2026-11-28 10:48:34.818097+00', NULL);
INSERT INTO tenantry.checkpoints VALUES (3, 'provision', 1, '[{"name": "create_role", "state": "done", "duration_ms": 3.042}, {"name": "create_schema", "state": "done", "duration_ms": 0.885}, {"name": "apply_migrations", "state": "done", "duration_ms": 23.496}, {"name": "grant_access", "state": "done", "duration_ms": 3.763}, {"name": "verify", "state": "done", "duration_ms": 171.435}, {"name": "issue_key", "state": "done", "duration_ms": 1.311}, {"name": "activate", "state": "done", "duration_ms": 0.676}]', '2026-11-28 10:48:34.857827+00', NULL);
INSERT INTO tenantry.checkpoints VALUES (4, 'provision', 1, '[{"name": "create_role", "state": "done", "duration_ms": 0.526}, {"name": "create_schema", "state": "done", "duration_ms": 0.327}, {"name": "apply_migrations", "state": "done", "duration_ms": 12.536}, {"name": "grant_access", "state": "done", "duration_ms": 1.039}, {"name": "verify", "state": "done", "duration_ms": 47.614}, {"name": "issue_key", "state": "done", "duration_ms": 1.476}, {"name": "activate", "state": "done", "duration_ms": 1.064}]', '2026-11-28 10:48:37.26836+00', NULL);
INSERT INTO tenantry.checkpoints VALUES (9, 'build', 1, '[{"name": "create_role", "state": "done", "duration_ms": 0.871}, {"name": "create_schema", "state": "done", "duration_ms": 0.488}, {"name": "apply_migrations", "state": "done", "duration_ms": 15.54}, {"name": "grant_access", "state": "done", "duration_ms": 1.994}, {"name": "verify", "state": "done", "duration_ms": 47.484}, {"name": "issue_key", "state": "done", "duration_ms": 7.582}]', '2026-11-28 10:48:49.216301+00', NULL);
INSERT INTO tenantry.checkpoints VALUES (10, 'build', 1, '[{"name": "create_role", "state": "done", "duration_ms": 0.871}, {"name": "create_schema", "state": "done", "duration_ms": 0.488}, {"name": "apply_migrations", "state": "done", "duration_ms": 15.54}, {"name": "grant_access", "state": "done", "duration_ms": 1.994}, {"name": "verify", "state": "done", "duration_ms": 47.484}, {"name": "issue_key", "state": "done", "duration_ms": 7.582}]', '2026-11-28 10:48:49.216301+00', NULL);
INSERT INTO tenantry.installation VALUES (true, '2959fcb4', '2026-11-28 10:48:29.392105+00', NULL);
INSERT INTO tenantry.operator_tokens OVERRIDING SYSTEM VALUE VALUES (1, 't', 'admin', '\xc382dc4a7eac26b8fd210ad832931f05412570bf70226db65a4baf52d75edf6c', '2026-11-28 10:48:29.935445+00', '2027-02-26 10:48:29.925499+00', NULL, '2026-11-28 10:48:30.204042+00');
INSERT INTO tenantry.outbox OVERRIDING SYSTEM VALUE VALUES (1, 'batch.finished', '01a221c5-5504-777e-8088-c357ab1184af', 1, '{"state": "completed", "batch_id": "01a221c5-5504-777e-8088-c357ab1184af", "progress": {"total": 3, "failed": 0, "queued": 0, "running": 0, "retrying": 0, "cancelled": 0, "succeeded": 3, "rolled_back": 0}}', '2026-11-28 10:48:35.066071+00');
INSERT INTO tenantry.outbox OVERRIDING SYSTEM VALUE VALUES (2, 'batch.finished', '01a221c5-6858-706d-8bc9-0b295dd51861', 1, '{"state": "completed_with_failures", "batch_id": "01a221c5-6858-706d-8bc9-0b295dd51861", "progress": {"total": 3, "failed": 2, "queued": 0, "running": 0, "retrying": 0, "cancelled": 0, "succeeded": 1, "rolled_back": 0}}', '2026-11-28 10:48:37.351348+00');
INSERT INTO tenantry.spares VALUES (8, '22a33432531d25e4ab8a52de18b74e9f505c4874fe8c8d639eae76864612c9bbb01f107776debdc6a23eeb1ff8b0ee65/r1/20', 2, '2026-11-28 10:48:39.178061+00');
INSERT INTO tenantry.spares VALUES (9, '22a33432531d25e4ab8a52de18b74e9f505c4874fe8c8d639eae76864612c9bbb01f107776debdc6a23eeb1ff8b0ee65/r1/20', 2, '2026-11-28 10:48:39.178161+00');
INSERT INTO tenantry.spares VALUES (10, '22a33432531d25e4ab8a52de18b74e9f505c4874fe8c8d639eae76864612c9bbb01f107776debdc6a23eeb1ff8b0ee65/r1/20', 2, '2026-11-28 10:48:43.386075+00');
INSERT INTO tenantry.tenants VALUES (1, 'done 0', NULL, 'done-0.example', 'tenant_done_0_1', 'tn_2959fcb4_1', NULL, 'active', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', 2, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:33.302593+00', '2026-11-28 10:48:33.302593+00', NULL);
INSERT INTO tenantry.tenants VALUES (2, 'done 1', NULL, 'done-1.example', 'tenant_done_1_2', 'tn_2959fcb4_2', NULL, 'active', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', 2, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:34.84995+00', '2026-11-28 10:48:34.84995+00', NULL);
INSERT INTO tenantry.tenants VALUES (3, 'done 2', NULL, 'done-2.example', 'tenant_done_2_3', 'tn_2959fcb4_3', NULL, 'active', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', 2, '2026-11-28 10:48:30.213486+00', '2026-11-28 10:48:35.06295+00', '2026-11-28 10:48:35.06295+00', NULL);
INSERT INTO tenantry.tenants VALUES (6, 'bad 0', NULL, 'bad-0.example', 'tenant_bad_0_6', 'tn_2959fcb4_6', NULL, 'active', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', 2, '2026-11-28 10:48:35.160171+00', '2026-11-28 10:48:37.333725+00', '2026-11-28 10:48:37.333725+00', NULL);
INSERT INTO tenantry.tenants VALUES (11, 'later 0', NULL, 'later-0.example', 'tenant_later_0_b', 'tn_2959fcb4_11', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:43.53567+00', NULL, '2026-11-28 10:48:43.53567+00', NULL);
INSERT INTO tenantry.tenants VALUES (12, 'paused 0', NULL, 'paused-0.example', 'tenant_paused_0_c', 'tn_2959fcb4_12', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:43.596227+00', NULL, '2026-11-28 10:48:43.596227+00', NULL);
INSERT INTO tenantry.tenants VALUES (13, 'atomic 0', NULL, 'atomic-0.example', 'tenant_atomic_0_d', 'tn_2959fcb4_13', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (14, 'atomic 1', NULL, 'atomic-1.example', 'tenant_atomic_1_e', 'tn_2959fcb4_14', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (15, 'atomic 2', NULL, 'atomic-2.example', 'tenant_atomic_2_f', 'tn_2959fcb4_15', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (16, 'atomic 3', NULL, 'atomic-3.example', 'tenant_atomic_3_g', 'tn_2959fcb4_16', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (17, 'atomic 4', NULL, 'atomic-4.example', 'tenant_atomic_4_h', 'tn_2959fcb4_17', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (18, 'atomic 5', NULL, 'atomic-5.example', 'tenant_atomic_5_i', 'tn_2959fcb4_18', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (19, 'atomic 6', NULL, 'atomic-6.example', 'tenant_atomic_6_j', 'tn_2959fcb4_19', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (20, 'atomic 7', NULL, 'atomic-7.example', 'tenant_atomic_7_k', 'tn_2959fcb4_20', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:44.224094+00', NULL, '2026-11-28 10:48:44.224094+00', NULL);
INSERT INTO tenantry.tenants VALUES (21, 'open 0', NULL, 'open-0.example', 'tenant_open_0_l', 'tn_2959fcb4_21', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:49.951141+00', NULL, '2026-11-28 10:48:49.951141+00', NULL);
INSERT INTO tenantry.tenants VALUES (22, 'open 1', NULL, 'open-1.example', 'tenant_open_1_m', 'tn_2959fcb4_22', NULL, 'pending', '{"limits": {"max_users": 100, "max_storage_gb": 10}, "features": ["basic"], "metadata": {}}', NULL, '2026-11-28 10:48:49.951141+00', NULL, '2026-11-28 10:48:49.951141+00', NULL);
INSERT INTO tenantry.workers VALUES ('host-01M8GWANHGC3KWSE0FJFC80J78', 'host', 20043, '0.1.0', '2026-11-28 10:48:30.51401+00', '2026-11-28 10:48:42.531042+00', '2026-11-28 10:48:43.466871+00');
INSERT INTO tenantry.workers VALUES ('host-01M8GWB35VN7GR380Y312W6477', 'host', 20265, '0.1.0', '2026-11-28 10:48:44.480333+00', '2026-11-28 10:48:47.486183+00', NULL);
INSERT INTO tenantry_spare_10_.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:43.293453+00');
INSERT INTO tenantry_spare_10_.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:43.293453+00');
INSERT INTO tenantry_spare_8_.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:39.029458+00');
INSERT INTO tenantry_spare_8_.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:39.029458+00');
INSERT INTO tenantry_spare_9_.tenantry_migrations VALUES (1, 'tenant', '2e82ab090576c5dafba0e55c69c4242cc2ade239d7d29e69cd883e1423c93682960fe87ccaed0a38262c21f0e5ff5456', '2026-11-28 10:48:39.029458+00');
INSERT INTO tenantry_spare_9_.tenantry_migrations VALUES (2, 'person', '52f3a2c45fa2e47d4f53c372ddb8895f4f0abb61dd5ea338b6d9a8f53e706d666a498de944398c70cd3ce62b5b642af2', '2026-11-28 10:48:39.029458+00');
SELECT pg_catalog.setval('tenant_atomic_0_d.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenant_atomic_1_e.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenant_bad_0_6.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenant_done_0_1.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenant_done_1_2.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenant_done_2_3.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenantry.api_keys_id_seq', 6, true);
SELECT pg_catalog.setval('tenantry.audit_log_id_seq', 17, true);
SELECT pg_catalog.setval('tenantry.batch_items_id_seq', 18, true);
SELECT pg_catalog.setval('tenantry.operator_tokens_id_seq', 1, true);
SELECT pg_catalog.setval('tenantry.outbox_id_seq', 2, true);
SELECT pg_catalog.setval('tenantry.tenants_id_seq', 22, true);
SELECT pg_catalog.setval('tenantry_spare_10_.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenantry_spare_8_.person_id_seq', 1, false);
SELECT pg_catalog.setval('tenantry_spare_9_.person_id_seq', 1, false);
ALTER TABLE ONLY tenant_atomic_0_d.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_atomic_0_d.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenant_atomic_0_d.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_atomic_0_d.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenant_atomic_1_e.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_atomic_1_e.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenant_atomic_1_e.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_atomic_1_e.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenant_bad_0_6.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_bad_0_6.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenant_bad_0_6.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_bad_0_6.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenant_done_0_1.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_done_0_1.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenant_done_0_1.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_done_0_1.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenant_done_1_2.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_done_1_2.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenant_done_1_2.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_done_1_2.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenant_done_2_3.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_done_2_3.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenant_done_2_3.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenant_done_2_3.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenantry._migrations
    ADD CONSTRAINT _migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenantry.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);
ALTER TABLE ONLY tenantry.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.batch_items
    ADD CONSTRAINT batch_items_batch_id_idx_key UNIQUE (batch_id, idx);
ALTER TABLE ONLY tenantry.batch_items
    ADD CONSTRAINT batch_items_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (item_id, stage);
ALTER TABLE ONLY tenantry.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key);
ALTER TABLE ONLY tenantry.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (singleton);
ALTER TABLE ONLY tenantry.operator_tokens
    ADD CONSTRAINT operator_tokens_hash_key UNIQUE (hash);
ALTER TABLE ONLY tenantry.operator_tokens
    ADD CONSTRAINT operator_tokens_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.spares
    ADD CONSTRAINT spares_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_10_.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_10_.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenantry_spare_10_.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_10_.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenantry_spare_8_.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_8_.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenantry_spare_8_.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_8_.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY tenantry_spare_9_.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_9_.tenant
    ADD CONSTRAINT tenant_domain_key UNIQUE (domain);
ALTER TABLE ONLY tenantry_spare_9_.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY tenantry_spare_9_.tenantry_migrations
    ADD CONSTRAINT tenantry_migrations_pkey PRIMARY KEY (version);
CREATE UNIQUE INDEX person_email ON tenant_atomic_0_d.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenant_atomic_1_e.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenant_bad_0_6.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenant_done_0_1.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenant_done_1_2.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenant_done_2_3.person USING btree (lower(email));
CREATE INDEX api_keys_by_tenant ON tenantry.api_keys USING btree (tenant_id);
CREATE INDEX api_keys_sealed_by_batch ON tenantry.api_keys USING btree (batch_id, id) WHERE (sealed IS NOT NULL);
CREATE INDEX api_keys_sealed_until ON tenantry.api_keys USING btree (sealed_until) WHERE (sealed IS NOT NULL);
CREATE INDEX audit_log_by_batch ON tenantry.audit_log USING btree (batch_id, id) WHERE (batch_id IS NOT NULL);
CREATE INDEX audit_log_by_tenant ON tenantry.audit_log USING btree (tenant_id, id) WHERE (tenant_id IS NOT NULL);
CREATE INDEX batch_items_by_state ON tenantry.batch_items USING btree (batch_id, state);
CREATE INDEX batch_items_by_tenant ON tenantry.batch_items USING btree (tenant_id);
CREATE INDEX batch_items_owned ON tenantry.batch_items USING btree (worker_id) WHERE (state = ANY (ARRAY['running'::text, 'compensating'::text]));
CREATE INDEX batch_items_waiting ON tenantry.batch_items USING btree (id) WHERE (state = ANY (ARRAY['queued'::text, 'retrying'::text, 'compensating'::text]));
CREATE INDEX batches_deadline ON tenantry.batches USING btree (deadline_at) WHERE (finished_at IS NULL);
CREATE INDEX batches_open ON tenantry.batches USING btree (id) WHERE (finished_at IS NULL);
CREATE INDEX batches_scheduled ON tenantry.batches USING btree (run_at) WHERE ((run_at IS NOT NULL) AND (state = 'queued'::text));
CREATE INDEX idempotency_keys_by_age ON tenantry.idempotency_keys USING btree (created_at);
CREATE UNIQUE INDEX operator_tokens_live_name ON tenantry.operator_tokens USING btree (name) WHERE (revoked_at IS NULL);
CREATE UNIQUE INDEX outbox_one_finish_per_run ON tenantry.outbox USING btree (batch_id, run) WHERE (kind = 'batch.finished'::text);
CREATE INDEX spares_by_stamp ON tenantry.spares USING btree (stamp, id);
CREATE INDEX tenants_by_domain_prefix ON tenantry.tenants USING btree (domain text_pattern_ops, id);
CREATE INDEX tenants_by_name_prefix ON tenantry.tenants USING btree (lower(name) text_pattern_ops, id);
CREATE INDEX tenants_by_state ON tenantry.tenants USING btree (state, id);
CREATE UNIQUE INDEX tenants_live_domain ON tenantry.tenants USING btree (domain) WHERE (state <> 'deleted'::text);
CREATE UNIQUE INDEX tenants_live_external_id ON tenantry.tenants USING btree (external_id) WHERE ((state <> 'deleted'::text) AND (external_id IS NOT NULL));
CREATE UNIQUE INDEX tenants_live_schema ON tenantry.tenants USING btree (schema_name) WHERE (state <> 'deleted'::text);
CREATE INDEX workers_alive ON tenantry.workers USING btree (id) WHERE (stopped_at IS NULL);
CREATE UNIQUE INDEX person_email ON tenantry_spare_10_.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenantry_spare_8_.person USING btree (lower(email));
CREATE UNIQUE INDEX person_email ON tenantry_spare_9_.person USING btree (lower(email));
CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON tenantry.audit_log FOR EACH STATEMENT EXECUTE FUNCTION tenantry.audit_is_append_only();
ALTER TABLE ONLY tenantry.batch_items
    ADD CONSTRAINT batch_items_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES tenantry.batches(id);
ALTER TABLE ONLY tenantry.batch_items
    ADD CONSTRAINT batch_items_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenantry.tenants(id);
ALTER TABLE ONLY tenantry.batches
    ADD CONSTRAINT batches_created_by_fkey FOREIGN KEY (created_by) REFERENCES tenantry.operator_tokens(id);
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA tenant_atomic_0_d TO tn_2959fcb4_13;
GRANT USAGE ON SCHEMA tenant_atomic_1_e TO tn_2959fcb4_14;
GRANT USAGE ON SCHEMA tenant_bad_0_6 TO tn_2959fcb4_6;
GRANT USAGE ON SCHEMA tenant_done_0_1 TO tn_2959fcb4_1;
GRANT USAGE ON SCHEMA tenant_done_1_2 TO tn_2959fcb4_2;
GRANT USAGE ON SCHEMA tenant_done_2_3 TO tn_2959fcb4_3;
GRANT USAGE ON SCHEMA tenantry_spare_10_ TO tn_2959fcb4_10;
GRANT USAGE ON SCHEMA tenantry_spare_8_ TO tn_2959fcb4_8;
GRANT USAGE ON SCHEMA tenantry_spare_9_ TO tn_2959fcb4_9;
REVOKE ALL ON FUNCTION public.ghstore_in(cstring) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_out(public.ghstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_in(cstring) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_out(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_recv(internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_send(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_subscript_handler(internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore(text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_to_json(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_to_jsonb(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.akeys(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.armor(bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.armor(bytea, text[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.avals(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.crypt(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.dearmor(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.decrypt(bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.decrypt_iv(bytea, bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.defined(public.hstore, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.delete(public.hstore, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.delete(public.hstore, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.delete(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.digest(bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.digest(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.each(hs public.hstore, OUT key text, OUT value text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.encrypt(bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.encrypt_iv(bytea, bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.exist(public.hstore, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.exists_all(public.hstore, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.exists_any(public.hstore, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.fetchval(public.hstore, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gen_random_bytes(integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gen_random_uuid() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gen_salt(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gen_salt(text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_compress(internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_consistent(internal, public.hstore, smallint, oid, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_decompress(internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_options(internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_penalty(internal, internal, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_picksplit(internal, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_same(public.ghstore, public.ghstore, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.ghstore_union(internal, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gin_consistent_hstore(internal, smallint, public.hstore, integer, internal, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gin_extract_hstore(public.hstore, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.gin_extract_hstore_query(public.hstore, internal, smallint, internal, internal) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hmac(bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hmac(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hs_concat(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hs_contained(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hs_contains(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore(record) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore(text[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_cmp(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_eq(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_ge(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_gt(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_hash(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_hash_extended(public.hstore, bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_le(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_lt(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_ne(public.hstore, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_to_array(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_to_json_loose(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_to_jsonb_loose(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_to_matrix(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.hstore_version_diag(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.isdefined(public.hstore, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.isexists(public.hstore, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_armor_headers(text, OUT key text, OUT value text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_key_id(bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_decrypt(bytea, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_decrypt(bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_decrypt(bytea, bytea, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_decrypt_bytea(bytea, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_decrypt_bytea(bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_decrypt_bytea(bytea, bytea, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_encrypt(text, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_encrypt(text, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_encrypt_bytea(bytea, bytea) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_pub_encrypt_bytea(bytea, bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_decrypt(bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_decrypt(bytea, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_decrypt_bytea(bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_decrypt_bytea(bytea, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_encrypt(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_encrypt(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_encrypt_bytea(bytea, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.pgp_sym_encrypt_bytea(bytea, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.populate_record(anyelement, public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.skeys(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.slice(public.hstore, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.slice_array(public.hstore, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.svals(public.hstore) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.tconvert(text, text) FROM PUBLIC;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_atomic_0_d.person TO tn_2959fcb4_13;
GRANT SELECT,USAGE ON SEQUENCE tenant_atomic_0_d.person_id_seq TO tn_2959fcb4_13;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_atomic_0_d.tenant TO tn_2959fcb4_13;
GRANT SELECT ON TABLE tenant_atomic_0_d.tenantry_migrations TO tn_2959fcb4_13;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_atomic_1_e.person TO tn_2959fcb4_14;
GRANT SELECT,USAGE ON SEQUENCE tenant_atomic_1_e.person_id_seq TO tn_2959fcb4_14;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_atomic_1_e.tenant TO tn_2959fcb4_14;
GRANT SELECT ON TABLE tenant_atomic_1_e.tenantry_migrations TO tn_2959fcb4_14;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_bad_0_6.person TO tn_2959fcb4_6;
GRANT SELECT,USAGE ON SEQUENCE tenant_bad_0_6.person_id_seq TO tn_2959fcb4_6;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_bad_0_6.tenant TO tn_2959fcb4_6;
GRANT SELECT ON TABLE tenant_bad_0_6.tenantry_migrations TO tn_2959fcb4_6;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_done_0_1.person TO tn_2959fcb4_1;
GRANT SELECT,USAGE ON SEQUENCE tenant_done_0_1.person_id_seq TO tn_2959fcb4_1;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_done_0_1.tenant TO tn_2959fcb4_1;
GRANT SELECT ON TABLE tenant_done_0_1.tenantry_migrations TO tn_2959fcb4_1;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_done_1_2.person TO tn_2959fcb4_2;
GRANT SELECT,USAGE ON SEQUENCE tenant_done_1_2.person_id_seq TO tn_2959fcb4_2;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_done_1_2.tenant TO tn_2959fcb4_2;
GRANT SELECT ON TABLE tenant_done_1_2.tenantry_migrations TO tn_2959fcb4_2;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_done_2_3.person TO tn_2959fcb4_3;
GRANT SELECT,USAGE ON SEQUENCE tenant_done_2_3.person_id_seq TO tn_2959fcb4_3;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenant_done_2_3.tenant TO tn_2959fcb4_3;
GRANT SELECT ON TABLE tenant_done_2_3.tenantry_migrations TO tn_2959fcb4_3;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenantry_spare_10_.person TO tn_2959fcb4_10;
GRANT SELECT,USAGE ON SEQUENCE tenantry_spare_10_.person_id_seq TO tn_2959fcb4_10;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenantry_spare_10_.tenant TO tn_2959fcb4_10;
GRANT SELECT ON TABLE tenantry_spare_10_.tenantry_migrations TO tn_2959fcb4_10;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenantry_spare_8_.person TO tn_2959fcb4_8;
GRANT SELECT,USAGE ON SEQUENCE tenantry_spare_8_.person_id_seq TO tn_2959fcb4_8;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenantry_spare_8_.tenant TO tn_2959fcb4_8;
GRANT SELECT ON TABLE tenantry_spare_8_.tenantry_migrations TO tn_2959fcb4_8;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenantry_spare_9_.person TO tn_2959fcb4_9;
GRANT SELECT,USAGE ON SEQUENCE tenantry_spare_9_.person_id_seq TO tn_2959fcb4_9;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tenantry_spare_9_.tenant TO tn_2959fcb4_9;
GRANT SELECT ON TABLE tenantry_spare_9_.tenantry_migrations TO tn_2959fcb4_9;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_atomic_0_d GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_13;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_atomic_0_d GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_13;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_atomic_0_d GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_13;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_atomic_1_e GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_14;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_atomic_1_e GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_14;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_atomic_1_e GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_14;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_bad_0_6 GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_6;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_bad_0_6 GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_6;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_bad_0_6 GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_6;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_0_1 GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_1;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_0_1 GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_1;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_0_1 GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_1;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_1_2 GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_2;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_1_2 GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_2;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_1_2 GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_2;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_2_3 GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_3;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_2_3 GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_3;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenant_done_2_3 GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_3;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_10_ GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_10;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_10_ GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_10;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_10_ GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_10;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_8_ GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_8;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_8_ GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_8;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_8_ GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_8;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_9_ GRANT SELECT,USAGE ON SEQUENCES  TO tn_2959fcb4_9;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_9_ GRANT ALL ON FUNCTIONS  TO tn_2959fcb4_9;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA tenantry_spare_9_ GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES  TO tn_2959fcb4_9;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres REVOKE ALL ON FUNCTIONS  FROM PUBLIC;
