//! Who makes the roles, where the connected role is no superuser and the server is PostgreSQL 16 or
//! newer.
//!
//! From 16 on, whoever makes a role is a member of it, with ADMIN, until it is dropped, and the
//! server goes through all that its user is a member of whenever a role is made, changed or dropped:
//! 3 ms after 500 tenants, 35 ms after 8,000. So nobody makes more than a few: the connected role
//! makes *makers*, and each of them makes the roles of at most [`MOST`] tenants and those that are
//! made at the same moment. A maker cannot log in; a function that belongs to it runs commands as it,
//! and only the owner of schema `tenantry` may call that, who could do all the same without it. A maker
//! whose function or rights are gone is passed over, and another one is made; [`crate::hand_over()`] puts them back.
//!
//! A superuser is a member of nothing, and before 16 nobody becomes one: there all is done directly.

use domain::{InstallationId, RoleName};
use sqlx::PgConnection;

use crate::ident::{Ident, dollar_tag, literal};

/// First version in which the maker of a role becomes a member of it.
const MAKERS_ARE_MEMBERS: u32 = 160_000;

/// Tenants that a maker is enough for, as it is a member of their group too. Half as many would save
/// a tenth of a millisecond a tenant, and the connected role would be a member of twice as many.
pub const MOST: u32 = 127;

const MAKE: &str = include_str!("queries/make_role.sql");
const CHANGE: &str = include_str!("queries/change_role.sql");

/// A statement that runs `commands`, which make roles.
pub(crate) fn making(conn: &PgConnection, of: &InstallationId, commands: String) -> String {
    alone(conn, making_in_block(conn, of, commands))
}

/// What [`making`] does, as a statement within a block.
pub(crate) fn making_in_block(
    conn: &PgConnection,
    of: &InstallationId,
    commands: String,
) -> String {
    if !are_members(conn) {
        return commands;
    }
    let group = RoleName::group(of);
    MAKE.replace("{makers}", &literal(&group.makers()))
        .replace("{group}", &literal(group.as_str()))
        .replace("{mark}", &literal(&format!("tenantry:{}:maker", of.as_str())))
        .replace("{most}", &(MOST + 1).to_string())
        .replace("{commands}", &literal(&commands))
}

/// A statement that runs `commands`, which change or drop `role`, and others with the same maker.
pub(crate) fn changing(conn: &PgConnection, role: &RoleName, commands: String) -> String {
    alone(conn, changing_in_block(conn, role, commands))
}

/// What [`changing`] does, as a statement within a block.
pub(crate) fn changing_in_block(conn: &PgConnection, role: &RoleName, commands: String) -> String {
    if !are_members(conn) {
        return commands;
    }
    CHANGE
        .replace("{makers}", &literal(&role.makers()))
        .replace("{role}", &Ident::from(role).as_text())
        .replace("{commands}", &literal(&commands))
}

fn alone(conn: &PgConnection, block: String) -> String {
    if !are_members(conn) {
        return block;
    }
    let tag = dollar_tag([block.as_str()]);
    format!("do {tag} {block} {tag}")
}

/// Whether this server takes whoever makes a role into it.
pub(crate) fn are_members(conn: &PgConnection) -> bool {
    conn.server_version_num().is_some_and(|version| version >= MAKERS_ARE_MEMBERS)
}
