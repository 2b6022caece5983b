//! Holds what exists against what was promised: the mark, the shape, the rights.

use domain::{InstallationId, RoleName, SchemaName, TenantId};
use sqlx::PgConnection;

use crate::drift::{self, Drifted};
use crate::mark::Mark;
use crate::newcomers;
use crate::promise::Promise;
use crate::shared::TenantPath;
use crate::survey::{self, Depth, Grant, Subject, Survey};

/// Checks a tenant's schema and role: that both bear the mark, that the schema
/// holds exactly what the migrations make; that the role is as it was made,
/// may use its own tables and sequences, and is refused the neighbour's schema, `tenantry`, `apalis`,
/// creating in `public` and temporary tables; that no role but the application's is a member of it; that
/// the schema and all in it belong to one owner, and others have no right there that no migration gave.
/// Schemas that do not exist are passed over. One message, and another if a right is not as we give it.
///
/// # Errors
/// [`VerifyError::Violated`] lists all that is wrong, in sentences without SQL.
pub async fn verify(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    promise: &Promise,
) -> Result<(), VerifyError> {
    look(conn, subject, promise).await?.into_result()
}

/// What [`verify`] finds, by what it concerns.
pub async fn look(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    promise: &Promise,
) -> sqlx::Result<Faults> {
    let surveys = survey::read_all(conn, std::slice::from_ref(subject), Depth::FULL).await?;
    Ok(faults(&surveys[0], promise))
}

/// What [`look`] finds of the roles and rights of several tenants, and of no object's definition. One
/// message, an answer for each in order.
pub async fn look_at_rights(
    conn: &mut PgConnection,
    subjects: &[Subject<'_>],
    promise: &Promise,
) -> sqlx::Result<Vec<Faults>> {
    let surveys = survey::read_rights(conn, subjects, true).await?;
    Ok(surveys.iter().map(|found| rights(found, promise)).collect())
}

/// What [`verify`] does, for tenants that were made in this transaction.
/// One message; another if a right is not as we give it; and one that reads those schemas whose digest is not that of the
/// first schema that was read and found as promised.
///
/// # Errors
/// As [`verify`], for the first that is not as promised.
pub async fn verify_newcomers(
    conn: &mut PgConnection,
    newcomers: &[Subject<'_>],
    promise: &Promise,
) -> Result<(), VerifyError> {
    let surveys = survey::read_digests(conn, newcomers, promise.depth()).await?;
    let (mut unread, mut digest) = (Vec::new(), "");
    for (newcomer, found) in newcomers.iter().zip(&surveys) {
        if promise.was_kept_by(&found.digest) {
            rights(found, promise).into_result()?;
        } else {
            unread.push(newcomer.clone());
            digest = &found.digest;
        }
    }
    if unread.is_empty() {
        return Ok(());
    }
    let read = survey::read_all(conn, &unread, promise.depth()).await?;
    read.iter().try_for_each(|found| faults(found, promise).into_result())?;
    promise.note_kept_by(digest);
    Ok(())
}

/// Checks tenants that were adopted in this transaction: of the first, that schema and role bear its names and
/// marks, and the role's rights and powers. What all roles may do is the same for the others, and what is each one's own
/// was verified when it was built and has its fingerprint. One message.
///
/// # Errors
/// As [`verify`].
pub async fn verify_adopted(
    conn: &mut PgConnection,
    adopted: &[Subject<'_>],
) -> Result<(), VerifyError> {
    let surveys = survey::read_rights(conn, &adopted[..adopted.len().min(1)], false).await?;
    surveys.iter().try_for_each(|found| broken_rules(found, &RULES).into_result())
}

/// What [`verify`] does, of a schema that was imported, in which what `is_allowed` may differ.
///
/// # Errors
/// As [`verify`].
pub async fn verify_imported(
    conn: &mut PgConnection,
    subject: &Subject<'_>,
    promise: &Promise,
    is_allowed: impl Fn(&Drifted) -> bool,
) -> Result<(), VerifyError> {
    let surveys = survey::read_all(conn, std::slice::from_ref(subject), Depth::FULL).await?;
    let mut faults = broken_rules(&surveys[0], &RULES[..RULES.len() - 1]);
    let drifted = drift::of(&surveys[0], promise).into_iter().filter(|it| !is_allowed(it));
    faults.shape.extend(drifted.map(|it| it.sentence()));
    faults.into_result()
}

/// What is wrong with tenants built in advance, each with the fingerprint that its schema had then:
/// with its role, with the rights on its schema, with what lies in it. An answer for each in order.
pub async fn look_at_spares(
    conn: &mut PgConnection,
    installation: &InstallationId,
    application_role: Option<&str>,
    spares: &[(TenantId, &str)],
    path: TenantPath,
) -> sqlx::Result<Vec<Faults>> {
    let found =
        newcomers::fingerprints(conn, installation, spares.iter().map(|(id, _)| *id)).await?;
    let names: Vec<_> = spares
        .iter()
        .map(|(id, _)| (*id, SchemaName::of_spare(*id), RoleName::of(installation, *id)))
        .collect();
    let subjects: Vec<_> = names
        .iter()
        .map(|(id, schema, role)| {
            let mark = Mark { installation: installation.clone(), tenant: *id };
            Subject { schema, role, mark, neighbour: None, path, application_role }
        })
        .collect();
    let surveys = survey::read_rights(conn, &subjects, false).await?;
    let faults = surveys.iter().zip(found).zip(spares).map(|((survey, found), (_, built))| {
        let mut faults = broken_rules(survey, &RULES);
        // what all roles may do is no spare's fault
        faults.database.clear();
        if faults.is_empty() && found != *built {
            faults.shape.push("it was changed after it had been built".to_owned());
        }
        faults
    });
    Ok(faults.collect())
}

/// What is wrong with a tenant's schema or role.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something is not as promised.
    #[error("the tenant's schema is not as promised: {}", violations.join("; "))]
    Violated {
        /// Each of the faults, as a sentence.
        violations: Vec<String>,
    },
    /// The catalogues could not be read.
    #[error("could not read the tenant's schema")]
    Database(#[from] sqlx::Error),
}

/// What is wrong with a tenant, in sentences without SQL, by what it concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The role itself: attributes, settings, memberships, mark.
    pub role: Vec<String>,
    /// What the role may do, and what others may do in the schema.
    pub rights: Vec<String>,
    /// What the role may do outside its schema, often as one of all.
    pub database: Vec<String>,
    pub shape: Vec<String>,
    /// What of `shape` and `rights` is an object's, with its definitions; only if the objects were read.
    pub drift: Vec<Drifted>,
    /// The schema or the role is missing, or bears another mark.
    pub foreign: bool,
    /// The role cannot get in, or not use its schema.
    pub shut_out: bool,
}

impl Faults {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        [&self.role, &self.rights, &self.database, &self.shape].iter().all(|list| list.is_empty())
    }

    /// The same of a suspended tenant, whose role is meant to be shut out.
    #[must_use]
    pub fn while_suspended(mut self) -> Self {
        self.role.retain(|rule| rule != NO_LOGIN);
        self.rights.retain(|rule| rule != NO_USAGE);
        self
    }

    /// The sentences, all of them.
    #[must_use]
    pub fn into_sentences(self) -> Vec<String> {
        [self.role, self.rights, self.database, self.shape].concat()
    }

    fn into_result(self) -> Result<(), VerifyError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(VerifyError::Violated { violations: self.into_sentences() })
    }
}

const NO_SCHEMA: &str = "the schema does not exist";
const NO_ROLE: &str = "the role does not exist";
const NO_LOGIN: &str = "the role may not log in";
const NO_USAGE: &str = "the role may not use its own schema";
const NO_CONNECT: &str = "the role may not connect to the database";
const NO_CONNECTIONS: &str = "the role's connection limit is 0";

/// Each of them keeps the tenant's users out.
const SHUT_OUT: [&str; 6] = [NO_SCHEMA, NO_ROLE, NO_LOGIN, NO_USAGE, NO_CONNECT, NO_CONNECTIONS];

#[derive(Debug, Clone, Copy)]
enum About {
    /// Whether it is there and the tenant's.
    Schema,
    /// Whether it is there and the tenant's.
    Owner,
    Role,
    Rights,
    Database,
}

/// What a broken rule of `queries/rights.sql` means, in its order.
const RULES: [(About, &str); 24] = [
    (About::Schema, NO_SCHEMA),
    (About::Owner, NO_ROLE),
    (About::Schema, "the schema does not bear the tenant's mark"),
    (About::Owner, "the role does not bear the tenant's mark"),
    (About::Role, "the role has powers beyond its schema"),
    (About::Role, "the role is not in the tenants' group"),
    (About::Role, "the role is in a group besides the tenants'"),
    (About::Rights, "the role owns its schema"),
    (About::Rights, NO_USAGE),
    (About::Rights, "the role may create objects in its schema"),
    // the name of a neighbour is not this tenant's to know
    (About::Database, "the role may enter a schema that is not its own"),
    (About::Database, "the role may create objects in schema public"),
    (About::Database, NO_CONNECT),
    (About::Database, "the role may create temporary tables or schemas"),
    (About::Role, NO_LOGIN),
    (About::Role, "the role does not inherit its group's rights"),
    (About::Role, "the role's password has an end (VALID UNTIL)"),
    (About::Role, NO_CONNECTIONS),
    (
        About::Role,
        "the role's search_path is not as the settings want it: `tenantry migrate tenant up --all` mends it",
    ),
    (About::Role, "the application's role is not a member of the role, as it should be"),
    (About::Role, "the role has settings besides its search_path"),
    (About::Rights, "the role has not the default privileges in its schema that it was given"),
    (About::Role, "another role is a member of the role"),
    // the last, as others tell more of it
    (About::Rights, "others than the role and the owner have rights on the schema"),
];

fn broken_rules(found: &Survey, rules: &[(About, &str)]) -> Faults {
    let mut faults = Faults::default();
    for (about, rule) in rules.iter().zip(&found.broken).filter(|(_, b)| **b).map(|(r, _)| *r) {
        faults.foreign |= matches!(about, About::Schema | About::Owner);
        faults.shut_out |= SHUT_OUT.contains(&rule);
        let list = match about {
            About::Role | About::Owner => &mut faults.role,
            About::Rights => &mut faults.rights,
            About::Database => &mut faults.database,
            About::Schema => &mut faults.shape,
        };
        list.push(rule.to_owned());
    }
    if faults.shape.iter().any(|rule| rule == NO_SCHEMA) {
        return Faults {
            shape: vec![NO_SCHEMA.to_owned()],
            foreign: true,
            shut_out: true,
            ..Faults::default()
        };
    }
    if faults.role.iter().any(|rule| rule == NO_ROLE) {
        return Faults {
            role: vec![NO_ROLE.to_owned()],
            foreign: true,
            shut_out: true,
            ..Faults::default()
        };
    }
    faults
}

/// What concerns roles and rights; the objects were not read.
fn rights(found: &Survey, promise: &Promise) -> Faults {
    let mut faults = broken_rules(found, &RULES[..RULES.len() - 1]);
    faults.rights.extend(grants(found, promise));
    faults
}

fn faults(found: &Survey, promise: &Promise) -> Faults {
    let mut faults = broken_rules(found, &RULES[..RULES.len() - 1]);
    if faults.shape.iter().any(|rule| rule == NO_SCHEMA) {
        return faults;
    }
    if !faults.role.iter().any(|rule| rule == NO_ROLE) {
        faults.rights.extend(grants(found, promise));
    }
    faults.drift = drift::of(found, promise);
    let objects = faults.drift.iter().filter(|it| !it.is_right());
    faults.shape.extend(objects.map(Drifted::sentence));
    faults
}

/// The rights that are neither as we nor as a migration gave them.
fn grants(found: &Survey, promise: &Promise) -> Vec<String> {
    let sentence = |grant: &Grant| {
        let sentence = unqualified(&grant.to_string(), &found.spelling);
        if promise.defaults_give(grant, &found.spelling) {
            return sentence + ", by default privileges (see `alter default privileges … revoke`)";
        }
        sentence
    };
    unasked(found, promise).map(sentence).collect()
}

pub(crate) fn unasked<'a>(found: &'a Survey, promise: &Promise) -> impl Iterator<Item = &'a Grant> {
    let is_asked = |grant: &&Grant| {
        promise.grants(grant, &found.spelling) || promise.is_foreign(&grant.object)
    };
    found.grants.iter().filter(move |grant| !is_asked(grant))
}

/// All sentences are about one schema: its name before each object's would say nothing.
pub(crate) fn unqualified(text: &str, schema: &str) -> String {
    const BEFORE: [char; 9] = [' ', '.', '(', ',', ':', '[', '\'', '=', '\n'];
    let qualified = format!("{schema}.");
    let text = text.strip_prefix(&qualified).unwrap_or(text);
    BEFORE.iter().fold(text.to_owned(), |text, before| {
        text.replace(&format!("{before}{qualified}"), &before.to_string())
    })
}
