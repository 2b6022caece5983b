//! The worker: from job to verdict, supervision, drain, sweeper.
