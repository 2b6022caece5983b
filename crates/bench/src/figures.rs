//! Figures, for people and for programs.

use serde_json::{Map, Value, json};

/// What one scenario measured, in the order in which it is told.
#[derive(Debug)]
pub(crate) struct Figures {
    scenario: &'static str,
    /// What was done.
    what: String,
    rows: Vec<Figure>,
}

#[derive(Debug)]
struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    /// The most it may be, if there is such a limit.
    at_most: Option<f64>,
    /// The least it may be, if there is such a limit.
    at_least: Option<f64>,
}

impl Figure {
    fn holds(&self) -> bool {
        self.at_most.is_none_or(|most| self.value <= most)
            && self.at_least.is_none_or(|least| self.value >= least)
    }
}

impl Figures {
    pub(crate) fn of(scenario: &'static str, what: impl Into<String>) -> Self {
        Self { scenario, what: what.into(), rows: vec![] }
    }

    /// Adds a figure; `name` says what it is of, without its unit.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        self.rows.push(Figure { name, unit, value, at_most: None, at_least: None });
    }

    /// Adds the 50th, 95th and 99th percentile of times in milliseconds.
    pub(crate) fn add_percentiles(&mut self, name: &str, times: &[f64]) {
        for (which, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            self.add(format!("{name}, {which}"), percentile(times, share), "ms");
        }
    }

    /// Adds a figure that makes the run fail when it is larger than `most`.
    pub(crate) fn add_at_most(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        most: f64,
    ) {
        self.add(name, value, unit);
        if let Some(figure) = self.rows.last_mut() {
            figure.at_most = Some(most);
        }
    }

    /// Makes the run fail when the figure `name` is smaller than `least`.
    pub(crate) fn ask_at_least(&mut self, name: &str, least: f64) {
        for figure in self.rows.iter_mut().filter(|figure| figure.name == name) {
            figure.at_least = Some(least);
        }
    }

    /// Whether every figure keeps to its limits.
    pub(crate) fn hold(&self) -> bool {
        self.rows.iter().all(Figure::holds)
    }

    pub(crate) fn print(&self) {
        println!("\n{}: {}\n", self.scenario, self.what);
        let width = self.rows.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        for figure in &self.rows {
            let limit = match (figure.at_most, figure.at_least) {
                (Some(most), _) => format!("   (at most {most})"),
                (_, Some(least)) => format!("   (at least {least})"),
                _ => String::new(),
            };
            let verdict = if figure.holds() { "" } else { "   FAILED" };
            println!(
                "  {:<width$}  {:>11.2} {}{limit}{verdict}",
                figure.name, figure.value, figure.unit
            );
        }
    }

    pub(crate) fn to_json(&self) -> (String, Value) {
        let mut all = Map::new();
        all.insert("what".to_owned(), json!(self.what));
        for figure in &self.rows {
            let name = match figure.unit {
                "" => figure.name.clone(),
                unit => format!("{} ({unit})", figure.name),
            };
            all.insert(name, json!(figure.value));
        }
        (self.scenario.to_owned(), Value::Object(all))
    }
}

/// The value below which `share` of `values` lie.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted[at.clamp(1, sorted.len()) - 1]
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];

        assert!((median(&values) - 3.0).abs() < f64::EPSILON);
        assert!((percentile(&values, 0.99) - 5.0).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_figure_beyond_its_limit_fails_the_run() {
        let mut figures = Figures::of("test", "nothing");
        figures.add_at_most("commits", 2.0, "", 2.0);
        figures.add("ratio", 0.7, "");
        assert!(figures.hold());

        figures.ask_at_least("ratio", 0.8);

        assert!(!figures.hold());
    }
}
