//! Metrics, traces, capture.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogForm {
    /// For people.
    Lines,
    /// For machines, one object a line.
    Json,
}

/// Logs to standard error, as much as `RUST_LOG` says, or INFO.
pub(crate) fn log(form: LogForm) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Said twice, as tests do, the first one stands.
    let _ = match form {
        LogForm::Lines => logs.with_target(false).try_init(),
        LogForm::Json => logs.json().try_init(),
    };
}

/// What was counted, as text for a Prometheus scrape.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: PrometheusHandle,
}

impl Metrics {
    /// Counts from here on.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let seconds = Matcher::Suffix("_seconds".into());
        let recorder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS)?.install_recorder()?;
        Ok(Self { recorder })
    }

    /// The text of `/metrics`.
    pub(crate) fn render(&self) -> String {
        self.recorder.render()
    }

    /// Sums up what histograms have collected, so that a node nobody scrapes does not grow; never ends.
    pub(crate) async fn keep_up(self) {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            self.recorder.run_upkeep();
        }
    }
}

/// From the 10 us of a retransmission to the second that nobody must see; 1 ms is the law for one `handle`.
const SECONDS: [f64; 12] = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.1, 1.0];

/// At 100,000 packets a second a histogram collects a few MB in between.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_into_buckets() {
        let recorder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS).unwrap().build_recorder();
        let metrics = Metrics { recorder: recorder.handle() };
        metrics::with_local_recorder(&recorder, || metrics::histogram!("turn_seconds").record(0.000_3));
        assert!(metrics.render().contains("turn_seconds_bucket{le=\"0.0005\"} 1"), "{}", metrics.render());
    }
}
