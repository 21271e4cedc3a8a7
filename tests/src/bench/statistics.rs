//! Quantiles of measured times.

use std::time::Duration;

/// Measured times, sorted.
#[derive(Clone, Debug)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn new(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut micros: Vec<f64> = times.into_iter().map(|time| time.as_secs_f64() * 1e6).collect();
        micros.sort_by(f64::total_cmp);
        Self(micros)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time, in microseconds, that a fraction of all does not exceed (nearest rank).
    pub fn quantile(&self, fraction: f64) -> f64 {
        let rank = (fraction * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }

    pub fn p50(&self) -> f64 {
        self.quantile(0.5)
    }

    /// p50, p95 and p99, in microseconds, as text.
    pub fn cells(&self) -> [String; 3] {
        [0.5, 0.95, 0.99].map(|fraction| microseconds(self.quantile(fraction)))
    }
}

pub fn microseconds(micros: f64) -> String {
    if micros < 100.0 { format!("{micros:.1}") } else { format!("{micros:.0}") }
}

pub fn ratio(a: f64, b: f64) -> String {
    format!("{:.2}", a / b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let times = Times::new((1..=100).rev().map(Duration::from_micros));
        let rounded = |fraction| times.quantile(fraction).round();
        assert_eq!([0.0, 0.5, 0.95, 0.99, 1.0].map(rounded), [1.0, 50.0, 95.0, 99.0, 100.0]);
        assert!(Times::new([]).p50().is_nan());
    }
}
