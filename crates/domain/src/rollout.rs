//! How a migration goes through its tenants: in waves.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use crate::{Selector, SelectorError, TenantId, state::words};

/// Waves of one rollout, at most.
pub const MAX_WAVES: usize = 50;

/// Longest bake time: 30 days, in seconds.
pub const MAX_BAKE_SECS: u32 = 30 * 24 * 60 * 60;

/// Failures of the first wave that halt it, unless the caller says otherwise.
const FIRST_WAVE: HaltRules = HaltRules { failures: Some(1), percent: None, same_code: None };

/// The same of every later wave: one bad tenant stops no fleet, a bad release does.
const LATER_WAVES: HaltRules = HaltRules { failures: None, percent: Some(5), same_code: None };

words! {
    /// What a permanent failure means to its wave.
    #[derive(Default)]
    OnFailure: "what a failure means to a wave" {
        /// The halt rules decide.
        #[default]
        Halt = "halt",
        /// The wave goes on, whatever fails.
        Continue = "continue",
    }
}

words! {
    /// In which order the tenants of a wave are taken.
    #[derive(Default)]
    WaveOrder: "an order of tenants" {
        /// The oldest first.
        #[default]
        Oldest = "oldest",
        /// The newest first.
        Newest = "newest",
        /// By name.
        Name = "name",
    }
}

words! {
    /// What a wave waits for when its tenants are done.
    Gate: "a gate" {
        /// A person, who promotes the rollout.
        Manual = "manual",
    }
}

words! {
    /// Where a wave is on its way.
    WaveState: "a state of a wave" {
        /// Earlier waves are not over.
        Waiting = "waiting",
        /// Its tenants are in work.
        Running = "running",
        /// Its tenants are done, and its bake time runs.
        Baking = "baking",
        /// It is over, and the next one waits for a person.
        Gated = "gated",
        /// Too much of it failed.
        Halted = "halted",
        /// Too few of its tenants were tried to say whether it went well.
        Unclear = "unclear",
        /// Over.
        Done = "done",
        /// Its operation ended before it did.
        Stopped = "stopped",
    }
}

words! {
    /// Why an operation is paused.
    PauseReason: "a reason of a pause" {
        /// A person paused it.
        User = "user",
        /// A wave is over, and the next one waits for a person.
        Gate = "gate",
        /// The bake time of a wave runs.
        Bake = "bake",
        /// Too much of a wave failed.
        Halt = "halt",
        /// Too few tenants of a wave were tried to say whether it went well.
        Unclear = "unclear",
    }
}

/// When a wave halts: when any of these is reached, counted over the failures that no further try mends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HaltRules {
    /// So many tenants of the wave failed.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// So many percent of the wave's tenants failed.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// So many failed with the same error code.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_code: Option<u32>,
}

impl HaltRules {
    /// Whether a wave halts. It has `total` tenants; `failed` of them failed, and `same_code` is the largest number
    /// that failed with one code.
    #[must_use]
    pub fn reached(&self, total: u64, failed: u64, same_code: u64) -> bool {
        let reaches = |n: u64, most: Option<u32>| most.is_some_and(|most| n >= u64::from(most));
        let share = self.percent.map(|percent| (total * u64::from(percent)).div_ceil(100).max(1));
        reaches(failed, self.failures)
            || share.is_some_and(|share| failed >= share)
            || reaches(same_code, self.same_code)
    }
}

/// What a finished wave says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The next wave may follow.
    Pass,
    /// Its halt rules were reached.
    Fail,
    /// Fewer than half of its tenants were tried: the others were skipped, or are gone.
    Unclear,
}

impl Verdict {
    /// The verdict on a wave of `total` tenants. `tried` of them succeeded or failed; the others were skipped or are
    /// gone.
    #[must_use]
    pub const fn of(total: u64, tried: u64, halts: bool) -> Self {
        if halts {
            Self::Fail
        } else if tried * 2 < total {
            Self::Unclear
        } else {
            Self::Pass
        }
    }
}

/// In which waves a migration goes through its tenants. A tenant belongs to the first wave that it fits; those
/// that fit none make one more, the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RolloutPolicy))]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The waves, in order; left out: 1 tenant, 1 %, 10 %, and the rest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<Wave>,
    /// When a wave halts; left out: the first at its first failure, later ones when 5 % of their tenants failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<HaltRules>,
}

/// Some of the tenants, by exactly one of `selector`, `percent`, `count` and `ids`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = WavePolicy))]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Those that all of it fits; without `version_below`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
    /// So many percent of the operation's tenants, those of earlier waves included, rounded up.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// So many of the operation's tenants, in the order in which `percent` takes them.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// These.
    #[cfg_attr(feature = "openapi", schema(min_items = 1))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<TenantId>,
    /// In which order they are taken; left out: the oldest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<WaveOrder>,
    /// So many are in work at once, at most; left out: as many as the workers take.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel: Option<u32>,
    /// What a permanent failure means; left out: the halt rules decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// How long nothing follows when its tenants are done: seconds, or a text as `10m`, `2h`, `1d`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>, example = "10m"))]
    #[serde(default, deserialize_with = "bake", skip_serializing_if = "Option::is_none")]
    pub bake: Option<u32>,
    /// What it waits for after its bake time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

fn bake<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    let wrong = || {
        let most = MAX_BAKE_SECS / 86_400;
        serde::de::Error::custom(format!(
            "`bake` is seconds, or a text as `10m`; {most} days at most"
        ))
    };
    let secs = match value {
        None => return Ok(None),
        Some(Value::Number(secs)) => secs.as_u64(),
        Some(Value::String(text)) => in_seconds(&text),
        Some(_) => None,
    };
    let secs = secs.and_then(|secs| u32::try_from(secs).ok());
    secs.filter(|secs| *secs <= MAX_BAKE_SECS).map(Some).ok_or_else(wrong)
}

/// `90`, `90s`, `10m`, `2h` or `1d` in seconds.
fn in_seconds(text: &str) -> Option<u64> {
    let (number, unit) = match text.chars().last()? {
        's' => (&text[..text.len() - 1], 1),
        'm' => (&text[..text.len() - 1], 60),
        'h' => (&text[..text.len() - 1], 3_600),
        'd' => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// A rollout that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    /// Too many waves.
    #[error("a rollout has at most {MAX_WAVES} waves")]
    TooMany,
    /// None, or several.
    #[error(
        "wave {0}: name its tenants by exactly one of `selector`, `percent`, `count` and `ids`"
    )]
    Choice(usize),
    /// Not a number that has a meaning.
    #[error("wave {0}: `percent` is 1 to 100, `count` and `parallel` are at least 1")]
    Number(usize),
    /// The selector says nothing, or more than it can mean.
    #[error("wave {0}: its selector: {1}")]
    Selector(usize, SelectorError),
    /// It is of the whole operation.
    #[error("wave {0}: `version_below` is for the operation's own selector")]
    Version(usize),
    /// Rules that nothing can reach, or that are reached before the start.
    #[error(
        "`halt` has at least one of `failures`, `percent` (1 to 100) and `same_code`, each at least 1"
    )]
    Halt,
}

impl Rollout {
    /// Whether it says what it means.
    ///
    /// # Errors
    /// The first mistake, by the number of its wave, from 1.
    pub fn check(&self) -> Result<(), RolloutError> {
        if self.waves.len() > MAX_WAVES {
            return Err(RolloutError::TooMany);
        }
        if let Some(HaltRules { failures, percent, same_code }) = self.halt {
            let wrong = [failures, same_code].contains(&Some(0))
                || percent.is_some_and(|percent| !(1..=100).contains(&percent));
            if wrong || (failures, percent, same_code) == (None, None, None) {
                return Err(RolloutError::Halt);
            }
        }
        self.waves.iter().enumerate().try_for_each(|(place, wave)| wave.check(place + 1))
    }

    /// The waves as they are carried out: those asked for or the usual ones, and one for the rest.
    #[must_use]
    pub fn all_waves(&self) -> Vec<Wave> {
        let mut waves = self.waves.clone();
        if waves.is_empty() {
            waves.push(Wave { count: Some(1), ..Wave::default() });
            waves.extend([1, 10].map(|percent| Wave { percent: Some(percent), ..Wave::default() }));
        }
        waves.push(Wave::default());
        waves
    }

    /// When the wave of this number, from 1, halts; `None`: no failure stops it.
    #[must_use]
    pub fn rules(&self, wave: usize, of: &Wave) -> Option<HaltRules> {
        let usual = if wave == 1 { FIRST_WAVE } else { LATER_WAVES };
        match of.on_failure.unwrap_or_default() {
            OnFailure::Continue => None,
            OnFailure::Halt => Some(self.halt.unwrap_or(usual)),
        }
    }
}

impl Wave {
    fn check(&self, wave: usize) -> Result<(), RolloutError> {
        let choices = [
            self.selector.is_some(),
            self.percent.is_some(),
            self.count.is_some(),
            !self.ids.is_empty(),
        ];
        if choices.iter().filter(|chosen| **chosen).count() != 1 {
            return Err(RolloutError::Choice(wave));
        }
        let is_share = |percent| (1..=100).contains(&percent);
        if !self.percent.is_none_or(is_share) || [self.count, self.parallel].contains(&Some(0)) {
            return Err(RolloutError::Number(wave));
        }
        let Some(selector) = &self.selector else { return Ok(()) };
        if selector.version_below.is_some() {
            return Err(RolloutError::Version(wave));
        }
        selector.check().map_err(|error| RolloutError::Selector(wave, error))
    }

    /// How its tenants are chosen, without the texts of customers.
    #[must_use]
    pub fn told(&self) -> Value {
        match self {
            Self { selector: Some(selector), .. } => json!({ "selector": selector.told() }),
            Self { percent: Some(percent), .. } => json!({ "percent": percent }),
            Self { count: Some(count), .. } => json!({ "count": count }),
            Self { ids, .. } if !ids.is_empty() => json!({ "ids": ids.len() }),
            _ => json!({ "rest": true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> Result<Rollout, String> {
        let rollout: Rollout = serde_json::from_value(json).map_err(|e| e.to_string())?;
        rollout.check().map(|()| rollout).map_err(|e| e.to_string())
    }

    #[test]
    fn a_bake_time_is_seconds_or_a_text() {
        for (bake, secs) in
            [(json!(90), 90), (json!("90"), 90), (json!("10m"), 600), (json!("1d"), 86_400)]
        {
            let rollout = read(json!({ "waves": [{ "percent": 1, "bake": bake }] })).unwrap();
            assert_eq!(rollout.waves[0].bake, Some(secs));
        }
        for bake in [json!("soon"), json!("31d"), json!(-1), json!("m"), json!(true), json!("")] {
            let told = read(json!({ "waves": [{ "percent": 1, "bake": bake }] })).unwrap_err();
            assert!(told.contains("`bake`"), "{told}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_number_of_its_wave() {
        for (rollout, told) in [
            (json!({ "waves": [{ "percent": 1 }, {}] }), "wave 2: name its tenants"),
            (json!({ "waves": [{ "percent": 1, "ids": [1] }] }), "wave 1: name its tenants"),
            (json!({ "waves": [{ "percent": 101 }] }), "wave 1: `percent`"),
            (json!({ "waves": [{ "selector": {} }] }), "wave 1: its selector: name at least"),
            (json!({ "waves": [{ "selector": { "version_below": "2" } }] }), "wave 1: `version_"),
            (json!({ "halt": { "failures": 0 } }), "`halt` has"),
        ] {
            let error = read(rollout.clone()).unwrap_err();
            assert!(error.starts_with(told), "{rollout}: {error}");
        }
    }

    #[test]
    fn the_usual_waves_are_one_tenant_one_percent_ten_percent_and_the_rest() {
        let usual: Vec<Value> = Rollout::default().all_waves().iter().map(Wave::told).collect();

        let expected = [
            json!({ "count": 1 }),
            json!({ "percent": 1 }),
            json!({ "percent": 10 }),
            json!({ "rest": true }),
        ];
        assert_eq!(usual, expected);
        let rules = |wave| Rollout::default().rules(wave, &Wave::default()).unwrap();
        assert!(rules(1).reached(500, 1, 1), "the first failure of the first wave");
        assert!(!rules(2).reached(100, 4, 4) && rules(2).reached(100, 5, 1));
        assert!(rules(2).reached(1, 1, 1), "rounded up");
    }

    #[test]
    fn a_verdict_has_three_values() {
        assert_eq!(Verdict::of(4, 2, false), Verdict::Pass);
        assert_eq!(Verdict::of(4, 1, false), Verdict::Unclear);
        assert_eq!(Verdict::of(4, 4, true), Verdict::Fail);
        assert_eq!(Verdict::of(0, 0, false), Verdict::Pass);
    }
}
