//! SQL on a tenant database: identifiers, schemas, roles, grants, migrations.
