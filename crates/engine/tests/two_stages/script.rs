//! A plan of two stages with three steps; the effect of a step is a row.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use engine::{
    Classify, During, Finish, Place, Plan, Stage, Step, StepCx, StepError, StepName,
    TenantDatabases,
};
use sqlx::PgPool;
use store::{Connections, ErrorClass, items::Claim};

/// What the steps did, and what befalls them.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// `apply first`, `undo third`: in order, rolled back or not.
    log: Mutex<Vec<&'static str>>,
    /// The act that fails, and how.
    fails: Mutex<Option<(&'static str, ErrorClass)>>,
    /// A statement that another session commits while the act is under way.
    meanwhile: Mutex<Option<(&'static str, &'static str, PgPool)>>,
}

impl Script {
    /// From now on `act` fails; `None`: none does.
    pub(crate) fn fail(&self, act: Option<(&'static str, ErrorClass)>) {
        *self.fails.lock().expect("no test panics with it") = act;
    }

    /// During the next `act`, another session commits `sql`.
    pub(crate) fn meanwhile(&self, act: &'static str, sql: &'static str, pool: &PgPool) {
        *self.meanwhile.lock().expect("no test panics with it") = Some((act, sql, pool.clone()));
    }

    /// What was done since the last call.
    pub(crate) fn done(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.log.lock().expect("no test panics with it"))
    }

    async fn act(
        &self,
        act: &'static str,
        cx: &mut StepCx<'_>,
        sql: &'static str,
    ) -> Result<(), StepError> {
        self.log.lock().expect("no test panics with it").push(act);
        let due = |planned: &mut (&str, &'static str, PgPool)| planned.0 == act;
        let other = self.meanwhile.lock().expect("no test panics with it").take_if(due);
        if let Some((_, sql, pool)) = other {
            sqlx::query(sql).execute(&pool).await.during("be another session")?;
        }
        let fails = *self.fails.lock().expect("no test panics with it");
        if let Some((_, class)) = fails.filter(|(failing, _)| *failing == act) {
            return Err(Refused(class)).during(act);
        }
        let (tenant, step) = (cx.tenant().id.get(), act.split(' ').next_back());
        let query = sqlx::query(sql).bind(tenant).bind(step);
        query.execute(cx.tx()).await.during(act)?;
        let noted = sqlx::query("insert into public.acts values ($1, $2)").bind(tenant).bind(act);
        noted.execute(cx.tx()).await.during(act)?;
        Ok(())
    }
}

/// The table of effects, and that of all acts that were committed.
pub(crate) const EFFECTS: &str =
    "create table public.made (tenant bigint, step text, primary key (tenant, step));
     create table public.acts (tenant bigint, act text)";

const MAKE: &str = "insert into public.made values ($1, $2) on conflict do nothing";
const UNMAKE: &str = "delete from public.made where tenant = $1 and step = $2";

macro_rules! step {
    ($name:ident, $text:literal) => {
        #[derive(Debug)]
        struct $name(Arc<Script>);

        impl Step for $name {
            const NAME: StepName = StepName::new($text);

            async fn apply(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
                self.0.act(concat!("apply ", $text), cx, MAKE).await
            }

            async fn undo(&self, cx: &mut StepCx<'_>) -> Result<(), StepError> {
                self.0.act(concat!("undo ", $text), cx, UNMAKE).await
            }
        }
    };
}

step!(First, "first");
step!(Second, "second");
step!(Third, "third");

/// Stage `one` with the first step, stage `two` with the others, in the tenant's database.
pub(crate) fn plan(script: &Arc<Script>, finish: Finish) -> Plan {
    plan_at([Place::Tenant, Place::Tenant], script, finish)
}

/// The same, taking effect at other places.
pub(crate) fn plan_at([one, two]: [Place; 2], script: &Arc<Script>, finish: Finish) -> Plan {
    let of = || Arc::clone(script);
    let one = Stage::new("one").at(one).step(First(of()));
    let two = Stage::new("two").at(two).step(Second(of())).step(Third(of()));
    Plan::new(vec![one, two], finish).expect("all names differ")
}

/// Every tenant is in this database.
#[derive(Debug)]
pub(crate) struct Elsewhere(pub(crate) PgPool);

impl TenantDatabases for Elsewhere {
    fn of(&self, _: &Claim) -> Option<Connections> {
        Some(self.0.clone().into())
    }
}

/// The script wants it so.
#[derive(Debug)]
struct Refused(ErrorClass);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the script lets it fail as {:?}", self.0)
    }
}

impl std::error::Error for Refused {}

impl Classify for Refused {
    fn class(&self) -> ErrorClass {
        self.0
    }
}
