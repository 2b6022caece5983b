//! Figures, for people and for programs.

use serde_json::{Map, Value, json};

/// What one scenario measured, in the order in which it is told.
#[derive(Debug)]
pub(crate) struct Figures {
    scenario: String,
    what: String,
    rows: Vec<Figure>,
}

#[derive(Debug)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    most: Option<f64>,
    least: Option<f64>,
}

impl Figure {
    /// Makes the run fail when it is larger than `most`.
    pub(crate) fn at_most(&mut self, most: f64) {
        self.most = Some(most);
    }

    /// Makes the run fail when it is smaller than `least`, if that is given.
    pub(crate) fn at_least(&mut self, least: Option<f64>) {
        self.least = least;
    }

    fn holds(&self) -> bool {
        self.most.is_none_or(|most| self.value <= most)
            && self.least.is_none_or(|least| self.value >= least)
    }
}

impl Figures {
    pub(crate) fn of(scenario: String, what: impl Into<String>) -> Self {
        Self { scenario, what: what.into(), rows: vec![] }
    }

    /// Adds a figure; `name` says what it is of, without its unit.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> &mut Figure {
        self.rows.push(Figure { name: name.into(), unit, value, most: None, least: None });
        self.rows.last_mut().expect("it was just added")
    }

    /// Adds the 50th, 95th and 99th percentile of times in milliseconds.
    pub(crate) fn add_percentiles(&mut self, name: &str, times: &[f64]) {
        for (which, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            self.add(format!("{name}, {which}"), percentile(times, share), "ms");
        }
    }

    pub(crate) fn hold(&self) -> bool {
        self.rows.iter().all(Figure::holds)
    }

    pub(crate) fn print(&self) {
        println!("\n{}: {}\n", self.scenario, self.what);
        let width = self.rows.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        for figure in &self.rows {
            let limit = match (figure.most, figure.least) {
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
        (self.scenario.clone(), Value::Object(all))
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

/// The middle of `over` by `under`, round by round.
pub(crate) fn median_ratio(over: &[f64], under: &[f64]) -> f64 {
    let ratios: Vec<f64> = over.iter().zip(under).map(|(over, under)| over / under).collect();
    median(&ratios)
}

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
        let hold = |limit: fn(&mut Figure)| {
            let mut figures = Figures::of("test".to_owned(), "nothing");
            limit(figures.add("ratio", 0.7, ""));
            figures.hold()
        };

        assert!(hold(|ratio| ratio.at_most(0.7)) && !hold(|ratio| ratio.at_most(0.6)));
        assert!(
            hold(|ratio| ratio.at_least(Some(0.7))) && !hold(|ratio| ratio.at_least(Some(0.8)))
        );
        assert!(hold(|ratio| ratio.at_least(None)));
    }
}
