create table person (
    id          bigint generated always as identity primary key,
    email       text not null,
    full_name   text not null,
    role        text not null default 'member' check (role in ('owner', 'admin', 'member')),
    active      boolean not null default true,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now()
);
create unique index person_email on person (lower(email));
