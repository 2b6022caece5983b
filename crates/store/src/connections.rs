//! The connections of a process: those that it holds are enough to go on.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection};
use tokio::{task::spawn_blocking, time::sleep};

use crate::connect::TRUSTED_FOR;

/// A connection that was given back longer ago goes round with the others.
const WARM_FOR: Duration = Duration::from_secs(60);

/// Between two looks for a connection that was given back while another is opened.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Longest wait for one that is given back before another is opened: that takes the server about as long,
/// and each session takes part in every CREATE.
const BEFORE_OPENING: Duration = Duration::from_millis(5);

/// Between two looks for one that is given back. The pool has it a round trip after that, as it asks the
/// server first. A timer of the runtime takes 1 to 2 ms, and who only yields keeps two cores busy: the
/// server has none to answer with, and the wait lasted 1.3 ms.
const MOMENT: Duration = Duration::from_micros(50);

/// A pool that gives out what is given back also while the server refuses it another connection: any
/// role may take all that the server has, and a caller would wait for one that never comes.
#[derive(Debug, Clone)]
pub struct Connections {
    pool: PgPool,
    /// Given back last, taken first; `None`: all go round, as the pool has it. A session keeps what it has read
    /// of the catalogue and its plans; one that is idle while others change the catalogue reads and plans anew.
    warm: Option<Arc<Warm>>,
}

#[derive(Debug, Default)]
struct Warm {
    idle: Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
    /// Callers that wait for the pool's.
    waiting: AtomicUsize,
}

/// A caller that waits, until this is dropped.
struct Waits<'a>(Option<&'a Warm>);

impl Connections {
    /// Connections of `pool`, where [`Self::acquire_warm`] takes the one that [`Self::give_back`] got last. Close
    /// them by [`Self::close`].
    #[must_use]
    pub fn warm(pool: PgPool) -> Self {
        Self { pool, warm: Some(Arc::default()) }
    }

    /// A connection: an idle one, one that is given back soon, a new one, or the first that is given
    /// back.
    ///
    /// # Errors
    /// When there was none in time.
    pub async fn acquire(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        if self.pool.num_idle() == 0
            && let Some(conn) = self.warmest().await
        {
            return Ok(conn);
        }
        let _waits = Waits::of(self.warm.as_deref());
        self.one_is_given_back().await;
        let mut acquired = Box::pin(self.pool.acquire());
        loop {
            tokio::select! {
                biased;
                conn = &mut acquired => return conn,
                () = sleep(LOOK_EVERY) => {
                    let given_back = self.warmest().await;
                    if let Some(conn) = given_back.or_else(|| self.pool.try_acquire()) {
                        // What it opens has cost the server a process: the pool keeps it.
                        tokio::spawn(acquired);
                        return Ok(conn);
                    }
                }
            }
        }
    }

    /// The same, the warmest there is; to be given back by [`Self::give_back`].
    ///
    /// # Errors
    /// When there was none in time.
    pub async fn acquire_warm(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        match self.warmest().await {
            Some(conn) => Ok(conn),
            None => self.acquire().await,
        }
    }

    /// The connection that was given back last, if it still answers.
    async fn warmest(&self) -> Option<PoolConnection<Postgres>> {
        let warm = self.warm.as_deref()?;
        loop {
            let (mut conn, since) = warm.idle().pop()?;
            if since.elapsed() < TRUSTED_FOR || conn.ping().await.is_ok() {
                return Some(conn);
            }
        }
    }

    /// Gives `conn` back warm: it is in no transaction. One that is dropped goes round with the others.
    pub fn give_back(&self, conn: PoolConnection<Postgres>) {
        if let Some(warm) = self.warm.as_deref()
            && warm.waiting.load(Ordering::Relaxed) == 0
            && !self.pool.is_closed()
        {
            let mut idle = warm.idle();
            idle.push((conn, Instant::now()));
            // What was not used for that long goes to the pool, which closes idle connections.
            idle.retain(|(_, since)| since.elapsed() < WARM_FOR);
        }
    }

    /// Closes all of them, once they have been given back.
    pub async fn close(&self) {
        let closed = self.pool.close();
        if let Some(warm) = self.warm.as_deref() {
            warm.idle().clear();
        }
        closed.await;
    }

    /// Waits, not for long, until one is idle, where the pool itself would open another.
    async fn one_is_given_back(&self) {
        let began = Instant::now();
        let most = self.pool.options().get_max_connections();
        while self.pool.num_idle() == 0
            && (1..most).contains(&self.pool.size())
            && began.elapsed() < BEFORE_OPENING
        {
            // It fails when the runtime ends: there is nothing to wait for then.
            let _ = spawn_blocking(|| thread::sleep(MOMENT)).await;
        }
    }

    /// A transaction on such a connection.
    ///
    /// # Errors
    /// When there was none in time, or it broke.
    pub async fn begin(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        Transaction::begin(self.acquire().await?, None).await
    }

    /// Opens a new session in the place of `conn`'s, whose backend has grown. The new one comes first:
    /// one that is closed before may be another role's.
    ///
    /// # Errors
    /// When the server refuses another session: `conn` stays what it was.
    pub async fn replace(&self, conn: &mut PgConnection) -> sqlx::Result<()> {
        let fresh = crate::open(&self.pool.connect_options()).await?;
        std::mem::replace(conn, fresh).close().await
    }
}

impl From<PgPool> for Connections {
    fn from(pool: PgPool) -> Self {
        Self { pool, warm: None }
    }
}

impl Deref for Connections {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.pool
    }
}

impl Warm {
    fn idle(&self) -> MutexGuard<'_, Vec<(PoolConnection<Postgres>, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Waits<'a> {
    fn of(warm: Option<&'a Warm>) -> Self {
        if let Some(warm) = warm {
            warm.waiting.fetch_add(1, Ordering::Relaxed);
        }
        Self(warm)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(warm) = self.0 {
            warm.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgPoolOptions;

    use super::*;

    const BACKEND: &str = "select pg_backend_pid()";

    /// A role that may have one session, and connections of it that want two.
    async fn of_one_session(db: &harness::Db, role: &'static str) -> Connections {
        let name: String = sqlx::query_scalar("select current_database()::text")
            .fetch_one(&db.pool)
            .await
            .unwrap();
        let role = format!("{role}_{name}");
        let create = format!("create role \"{role}\" login connection limit 1");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&db.pool).await.unwrap();
        let options =
            crate::with_settings(db.pool.connect_options().as_ref().clone().username(&role));
        let pool = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(3));
        pool.connect_lazy_with(options).into()
    }

    #[tokio::test]
    async fn what_is_given_back_is_given_out_while_the_server_refuses_another() {
        let db = harness::empty_db().await;
        let connections = of_one_session(&db, "waits").await;
        let held = connections.acquire().await.unwrap();
        let give_back = async {
            sleep(Duration::from_millis(100)).await;
            drop(held);
        };

        let (second, ()) = tokio::join!(connections.begin(), give_back);

        second.unwrap().rollback().await.unwrap();
    }

    #[tokio::test]
    async fn a_session_that_was_begun_is_kept_when_another_comes_free_first() {
        let db = harness::empty_db().await;
        let slowly = PgPoolOptions::new().max_connections(2).after_connect(|_, _| {
            Box::pin(async {
                sleep(Duration::from_millis(200)).await;
                Ok(())
            })
        });
        let options = db.pool.connect_options().as_ref().clone();
        let connections = Connections::from(slowly.connect_lazy_with(options));
        let held = connections.acquire().await.unwrap();
        let give_back = async {
            sleep(Duration::from_millis(50)).await;
            drop(held);
        };

        let (second, ()) = tokio::join!(connections.acquire(), give_back);
        let size = connections.size();
        drop(second.unwrap());
        sleep(Duration::from_millis(400)).await;

        assert_eq!((size, connections.size(), connections.num_idle()), (2, 2, 2));
    }

    #[tokio::test]
    async fn no_session_is_opened_when_one_is_given_back_at_once() {
        let db = harness::empty_db().await;
        let options = db.pool.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy_with(options);
        let connections = Connections::from(pool);
        let held = connections.acquire().await.unwrap();

        let (second, ()) = tokio::join!(connections.acquire(), async { drop(held) });

        second.unwrap();
        assert_eq!(connections.size(), 1);
    }

    async fn backend(conn: &mut PgConnection) -> i32 {
        sqlx::query_scalar(BACKEND).fetch_one(conn).await.unwrap()
    }

    #[tokio::test]
    async fn the_session_that_was_given_back_last_is_taken_first() {
        let db = harness::empty_db().await;
        let options = db.pool.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new().max_connections(3).connect_lazy_with(options);
        let connections = Connections::warm(pool);
        let (mut one, mut two) =
            (connections.acquire_warm().await.unwrap(), connections.acquire_warm().await.unwrap());
        let (first, second) = (backend(&mut one).await, backend(&mut two).await);
        connections.give_back(one);
        connections.give_back(two);

        for _ in 0..3 {
            let mut conn = connections.acquire_warm().await.unwrap();
            assert_eq!(backend(&mut conn).await, second);
            connections.give_back(conn);
        }
        let _second = connections.acquire_warm().await.unwrap();
        let mut conn = connections.acquire_warm().await.unwrap();
        assert_eq!(backend(&mut conn).await, first);
    }

    #[tokio::test]
    async fn whoever_waits_gets_a_session_that_is_kept_warm_or_was_to_be() {
        let db = harness::empty_db().await;
        let options = db.pool.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let connections = Connections::warm(pool);
        let held = connections.acquire_warm().await.unwrap();
        let give_back = async {
            sleep(Duration::from_millis(50)).await;
            connections.give_back(held);
        };

        let (waited, ()) = tokio::join!(connections.begin(), give_back);
        waited.unwrap().rollback().await.unwrap();
        let warm = connections.acquire_warm().await.unwrap();
        connections.give_back(warm);
        connections.begin().await.unwrap().rollback().await.unwrap();
        let warm = connections.acquire_warm().await.unwrap();
        connections.give_back(warm);

        tokio::time::timeout(Duration::from_secs(10), connections.close()).await.unwrap();
    }

    #[tokio::test]
    async fn a_session_lasts_until_the_server_gives_another() {
        let db = harness::empty_db().await;
        let connections = of_one_session(&db, "lasts").await;
        let mut conn = connections.acquire().await.unwrap();
        let first: i32 = sqlx::query_scalar(BACKEND).fetch_one(&mut *conn).await.unwrap();

        let refused = connections.replace(&mut conn).await.unwrap_err();
        let kept: i32 = sqlx::query_scalar(BACKEND).fetch_one(&mut *conn).await.unwrap();
        let more = "do $$ begin execute format('alter role %I connection limit 2',
            (select usename from pg_stat_activity where pid = PID)); end $$";
        let more = more.replace("PID", &first.to_string());
        sqlx::raw_sql(sqlx::AssertSqlSafe(more)).execute(&db.pool).await.unwrap();
        connections.replace(&mut conn).await.unwrap();
        let second: i32 = sqlx::query_scalar(BACKEND).fetch_one(&mut *conn).await.unwrap();

        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "53300");
        assert_eq!(first, kept);
        assert_ne!(first, second);
    }
}
