//! Who comes next: a fair share for every operation, and for every caller.
//!
//! The queue serves the highest priority first, then the oldest. Served as they came, an operation of
//! 10,000 would hold up every operation behind it. So each job gets a place in **virtual time**,
//! which is written into its priority: the place of the first job waiting now is the present, the
//! k-th job of an operation stands k places after it, and an operation that comes later stands among the
//! first of those that came before. A caller with n other operations under way
//! (`store::operations::ahead`) takes n + 1 places with each job of the next one: the second gets half
//! the share of the first, the third a third, so that many operations together are served little
//! faster than one.

use sqlx::PgConnection;

use crate::connect::hstore_schema;

/// The place of the first job when nobody waits. Places count down from here, to priorities above
/// 0 whatever the number of jobs: 2 billion between two moments at which the queue is empty.
const BEGINNING: i64 = 2_000_000_000;

/// The places of one operation's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    first: i64,
    stride: i64,
}

impl Places {
    /// Places for jobs of a caller who has `ahead` other operations open, when `present` is the
    /// place of the first job waiting.
    pub(crate) fn new(present: Option<i32>, ahead: u32) -> Self {
        let (present, ahead) = (present.map_or(BEGINNING, i64::from), i64::from(ahead));
        Self { first: present - ahead, stride: ahead + 1 }
    }

    /// The priority of the `k`-th job, counted from 0.
    pub(crate) fn priority(self, k: usize) -> usize {
        let k = i64::try_from(k).unwrap_or(i64::MAX);
        let place = self.first.saturating_sub(k.saturating_mul(self.stride)).clamp(1, BEGINNING);
        usize::try_from(place).unwrap_or(1)
    }
}

/// The priority of the job of `queue` that would be served next, and the time, by the database's clock, at
/// which a job with `delay_secs` is due, in seconds since 1970. Reads one entry of the index from
/// which the queue fetches. In the same round trip the session's search path becomes the schema of
/// `hstore`, which the jobs that follow are written with.
pub(crate) async fn present(
    conn: &mut PgConnection,
    queue: &str,
    delay_secs: f64,
) -> sqlx::Result<(Option<i32>, i64)> {
    let (present, now, _): (_, _, String) = sqlx::query_as(concat!(
        "select (select priority from apalis.jobs
                 where job_type = $1
                   and (status = 'Pending' or (status = 'Failed' and attempts < max_attempts))
                 order by priority desc, run_at limit 1),
                floor(extract(epoch from clock_timestamp() + make_interval(secs => $2)))::bigint,
                set_config('search_path', ",
        hstore_schema!(),
        ", false)"
    ))
    .bind(queue)
    .bind(delay_secs)
    .fetch_one(conn)
    .await?;
    Ok((present, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_batch_stands_among_the_first_of_an_earlier_one() {
        let large = Places::new(None, 0);
        let served = 100;
        let present = i32::try_from(large.priority(served)).unwrap();

        let small = Places::new(Some(present), 1);

        assert!(small.priority(0) > large.priority(served + 2));
        assert!(small.priority(0) <= large.priority(served));
    }

    #[test]
    fn many_batches_of_one_caller_get_the_share_of_one() {
        // One caller has three operations open, another has one: of the first 40 places, half each.
        let many: Vec<Places> = (0..3).map(|ahead| Places::new(None, ahead)).collect();
        let single = Places::new(None, 0);
        let horizon = single.priority(40);

        let of_many: usize = many
            .iter()
            .map(|places| (0..).take_while(|k| places.priority(*k) > horizon).count())
            .sum();

        // 40 + 20 + 13: more than one operation gets, far less than three do.
        assert!(of_many <= 74, "{of_many}");
    }

    #[test]
    fn a_place_is_never_below_the_least_priority() {
        assert_eq!(Places::new(Some(3), 0).priority(1_000_000), 1);
        assert_eq!(Places::new(None, u32::MAX).priority(usize::MAX), 1);
    }
}
