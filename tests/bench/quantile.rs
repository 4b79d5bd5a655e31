//! Samples, their quantiles, and a line of the table.

use std::time::Duration;

/// Durations measured one after the other.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// The value below which `per_cent` of the samples are.
    pub(crate) fn quantile(&mut self, per_cent: usize) -> Duration {
        assert!(!self.0.is_empty(), "nothing was measured");
        self.0.sort();
        self.0[(self.0.len() - 1) * per_cent / 100]
    }
}

/// One line: our figure beside the limit measured in the same run.
pub(crate) fn beside(figure: &str, ours: Duration, limit: Duration, budget: &str) {
    println!(
        "{figure:<44} {:>14} {:>14} {:>8.2}  {budget}",
        format!("{ours:.1?}"),
        format!("{limit:.1?}"),
        ours.as_secs_f64() / limit.as_secs_f64()
    );
}

/// One line without a peer.
pub(crate) fn alone(figure: &str, ours: impl std::fmt::Display, budget: &str) {
    println!(
        "{figure:<44} {:>14} {:>14} {:>8}  {budget}",
        ours.to_string(),
        "",
        ""
    );
}
