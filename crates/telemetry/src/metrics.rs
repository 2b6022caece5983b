//! The process's metrics, in Prometheus' text form.

use std::{sync::OnceLock, thread, time::Duration};

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::names;

/// How often recorded samples are folded into histograms when nobody scrapes, so
/// that memory stays bounded. A third of Prometheus' usual 15 s between scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

static INSTALLED: OnceLock<Metrics> = OnceLock::new();

/// A handle on the process's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Records what the macros of `metrics` are given, from the first call on;
    /// later calls return the same handle.
    ///
    /// Should the process have another recorder already, that one goes on
    /// recording and [`Metrics::render`] stays empty.
    #[must_use]
    pub fn install() -> Self {
        INSTALLED.get_or_init(Self::install_once).clone()
    }

    /// Every series as Prometheus reads it, `text/plain; version=0.0.4`.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }

    fn install_once() -> Self {
        let recorder = recorder();
        let metrics = Self(recorder.handle());
        if ::metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed: /metrics stays empty");
            return metrics;
        }
        names::describe();
        let handle = metrics.0.clone();
        let upkeep = move || loop {
            thread::sleep(UPKEEP);
            handle.run_upkeep();
        };
        if let Err(error) = thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(upkeep) {
            tracing::warn!(%error, "no thread for metrics' upkeep: it happens at scrapes only");
        }
        metrics
    }
}

fn recorder() -> PrometheusRecorder {
    let buckets = names::HISTOGRAMS.iter();
    buckets
        .fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
            builder
                .set_buckets_for_metric(Matcher::Full((*name).to_owned()), bounds)
                .expect("no list of bounds is empty")
        })
        .build_recorder()
}

#[cfg(test)]
mod tests {
    use ::metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;
    use crate::names::label;

    /// One sample of every metric, each label with a value.
    fn sample() -> String {
        let recorder = recorder();
        with_local_recorder(&recorder, || {
            names::describe();
            names::begin_worker();
            counter!(names::ITEMS_TOTAL, label::OUTCOME => "succeeded").increment(3);
            counter!(names::API_REQUESTS_TOTAL, label::ROUTE => "/tenants/{id}",
                label::METHOD => "GET", label::STATUS => "200")
            .increment(1);
            counter!(names::RETRIES_TOTAL, label::CODE => "timed_out").increment(1);
            counter!(names::SETTLED_TOTAL, label::STATE => "completed").increment(1);
            histogram!(names::STAGE_SECONDS, label::STAGE => "tenant").record(0.003);
            histogram!(names::STEP_SECONDS, label::STEP => "verify").record(0.0004);
            histogram!(names::ITEM_WAIT_SECONDS).record(0.07);
            histogram!(names::API_REQUEST_SECONDS, label::ROUTE => "/tenants/{id}").record(0.2);
            gauge!(names::WORKER_BUSY).set(8.0);
            gauge!(names::QUEUE_WAITING).set(12.0);
            counter!(names::CHECKS_TOTAL, label::STATE => "healthy").increment(1);
            gauge!(names::FINDINGS_OPEN, label::KIND => "shape_differs").set(2.0);
            gauge!(names::TENANTS_UNHEALTHY, label::STATE => "unhealthy").set(1.0);
            gauge!(names::OLDEST_CHECK_SECONDS).set(3600.0);
        });
        Metrics(recorder.handle()).render()
    }

    #[test]
    fn renders_every_metric_under_its_own_name_with_help_and_type() {
        let text = sample();

        for (kind, name) in [
            ("counter", names::ITEMS_TOTAL),
            ("counter", names::API_REQUESTS_TOTAL),
            ("counter", names::TAKEOVERS_TOTAL),
            ("counter", names::RETRIES_TOTAL),
            ("counter", names::FENCED_TOTAL),
            ("counter", names::SETTLED_TOTAL),
            ("histogram", names::STAGE_SECONDS),
            ("histogram", names::STEP_SECONDS),
            ("histogram", names::ITEM_WAIT_SECONDS),
            ("histogram", names::API_REQUEST_SECONDS),
            ("gauge", names::WORKER_BUSY),
            ("gauge", names::QUEUE_WAITING),
            ("counter", names::CHECKS_TOTAL),
            ("gauge", names::FINDINGS_OPEN),
            ("gauge", names::TENANTS_UNHEALTHY),
            ("gauge", names::OLDEST_CHECK_SECONDS),
        ] {
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}: {text}");
            assert!(text.contains(&format!("# HELP {name} ")), "{name}: {text}");
        }
        assert!(text.contains("tenantry_items_total{outcome=\"succeeded\"} 3\n"), "{text}");
    }

    #[test]
    fn a_sample_falls_into_the_bucket_of_its_seconds() {
        let text = sample();

        let bucket = "tenantry_stage_seconds_bucket{stage=\"tenant\",le=";
        assert!(text.contains(&format!("{bucket}\"0.0025\"}} 0\n")), "{text}");
        assert!(text.contains(&format!("{bucket}\"0.005\"}} 1\n")), "{text}");
        assert!(text.contains("tenantry_item_wait_seconds_bucket{le=\"0.1\"} 1\n"), "{text}");
        assert!(!text.contains("quantile="), "a histogram is rendered as a summary: {text}");
    }

    #[test]
    fn counters_without_labels_begin_at_zero() {
        let text = sample();

        assert!(text.contains("tenantry_takeovers_total 0\n"), "{text}");
        assert!(text.contains("tenantry_fenced_writes_total 0\n"), "{text}");
    }

    #[test]
    fn a_process_that_is_no_worker_exports_no_series_of_one() {
        let recorder = recorder();
        with_local_recorder(&recorder, names::describe);

        let text = Metrics(recorder.handle()).render();

        for name in [names::WORKER_BUSY, names::QUEUE_WAITING, names::TAKEOVERS_TOTAL] {
            assert!(!text.contains(&format!("\n{name} ")), "{text}");
        }
    }

    #[test]
    fn bounds_rise_and_names_tell_the_unit() {
        for (name, bounds) in names::HISTOGRAMS {
            assert!(name.ends_with("_seconds"), "{name}");
            assert!(bounds.is_sorted_by(|a, b| a < b), "{name}");
        }
    }

    #[test]
    fn installing_twice_gives_the_same_metrics() {
        let (first, second) = (Metrics::install(), Metrics::install());

        counter!(names::ITEMS_TOTAL, label::OUTCOME => "failed").increment(2);

        for metrics in [first, second] {
            let text = metrics.render();
            assert!(text.contains("tenantry_items_total{outcome=\"failed\"} 2\n"), "{text}");
        }
    }
}
