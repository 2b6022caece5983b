//! The saga engine: steps, stages, plan, runner, unwinder.
