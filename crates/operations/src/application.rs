//! The application's role in provisioning: every new tenant's role gets it as a member, as long as there
//! is room.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::{RoleName, codes};
use engine::{During, StepError};
use sqlx::PgConnection;
use store::ErrorClass;
use tenantdb::application_role;

use crate::refusal::Refusal;

/// Part of the free places that one process fills before it counts again: others fill them too.
const SHARE: u32 = 8;

/// The application's role, and how many tenants it may become.
#[derive(Debug)]
pub struct Application {
    name: String,
    limit: u32,
    /// Places that may be filled before the next count.
    uncounted: AtomicU32,
}

impl Application {
    /// The role `name`, which may become `limit` tenants.
    #[must_use]
    pub fn new(name: String, limit: u32) -> Self {
        Self { name, limit, uncounted: AtomicU32::new(0) }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Checks that the role is still fit. It may have been altered since the worker started.
    ///
    /// # Errors
    /// [`codes::RIGHT_REFUSED`] if it is not: items are retried until the role is fit again.
    pub(crate) async fn check_fit(&self, conn: &mut PgConnection) -> Result<(), StepError> {
        const ACT: &str = "look at the application's role";
        let lacking = application_role::lacking(conn, &self.name).await.during(ACT)?;
        if lacking.is_empty() {
            return Ok(());
        }
        let why = format!("tenants.application_role: {}", lacking.join("; "));
        // No tenant's fault, and over once an operator has changed the role.
        let (class, code, told) = (ErrorClass::Refused, codes::RIGHT_REFUSED, Some(why.clone()));
        Err(Refusal { class, code, why, told }).during(ACT)
    }

    /// Makes sure that the role is fit, and that there is room for `wanted` tenants more.
    ///
    /// # Errors
    /// As [`Self::check_fit`]; [`codes::APPLICATION_ROLE_FULL`] when there is no room.
    pub(crate) async fn make_room(
        &self,
        conn: &mut PgConnection,
        wanted: usize,
    ) -> Result<(), StepError> {
        const ACT: &str = "count the tenants of the application's role";
        self.check_fit(conn).await?;
        if self.has_room_for(conn, wanted).await.during(ACT)? {
            return Ok(());
        }
        let Self { name, limit, .. } = self;
        let why = format!("role {name} may become {limit} tenants, and does");
        let told = format!(
            "the application's role {name} may become {limit} tenants at most \
             (`tenants.application_role_limit`), and there are as many"
        );
        Err(Refusal::permanent(codes::APPLICATION_ROLE_FULL, why).telling(told)).during(ACT)
    }

    /// Whether there is room for `wanted` tenants more, and takes it. It counts now and then: a hundred
    /// times until all places are taken, and each time only when there are few. What other transactions
    /// make at the same moment is not counted.
    pub(crate) async fn has_room_for(
        &self,
        conn: &mut PgConnection,
        wanted: usize,
    ) -> sqlx::Result<bool> {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let left = |uncounted: u32| uncounted.checked_sub(wanted);
        if self.uncounted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok() {
            return Ok(true);
        }
        let held = application_role::count(conn, &self.name, self.limit).await?;
        let left = (self.limit - held).checked_sub(wanted);
        self.uncounted.store(left.unwrap_or(0) / SHARE, Ordering::Relaxed);
        Ok(left.is_some())
    }

    /// Makes it a member of a tenant's role, unless it is one.
    pub(crate) async fn join(
        &self,
        conn: &mut PgConnection,
        role: &RoleName,
    ) -> Result<(), StepError> {
        const ACT: &str = "grant the tenant to the application's role";
        let role = std::slice::from_ref(role);
        if application_role::missing(conn, role, &self.name).await.during(ACT)?.is_empty() {
            return Ok(());
        }
        self.make_room(conn, 1).await?;
        application_role::grant(conn, role, &self.name).await.during(ACT)?;
        Ok(())
    }

    /// Takes it out of a tenant's role.
    pub(crate) async fn leave(
        &self,
        conn: &mut PgConnection,
        role: &RoleName,
    ) -> Result<(), StepError> {
        let left = application_role::revoke(conn, role, &self.name).await;
        left.during("take the application's role out of the tenant's")
    }
}
