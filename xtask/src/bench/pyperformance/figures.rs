//! What one process reported, and the numbers that are made of it.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::bench::median;

/// How many numbers are made of a report.
const COUNT: usize = 6;
/// Their names. The first `TIMES` are CPU seconds, the rest memory in KiB.
const NAMES: [&str; COUNT] = [
    "steady_s",
    "first_s",
    "second_s",
    "start_s",
    "peak_kib",
    "peak_without_compiler_kib",
];
const TIMES: usize = 4;
/// Those that the table shows, with their headings.
pub(super) const SHOWN: [(usize, &str); 5] = [
    (0, "steady"),
    (1, "first"),
    (2, "1 s"),
    (4, "memory"),
    (5, "w/o comp"),
];

/// What `measure.py` prints: CPU seconds and KiB, as its comment describes them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Report {
    start: f64,
    times: Vec<f64>,
    steady_from: usize,
    peak: f64,
    late_peak: f64,
    compiler_files: f64,
    thread_heaps: f64,
    /// What a program of our own has computed.
    #[serde(default)]
    pub(super) result: Option<String>,
}

impl Report {
    /// Reads the last line of what the process printed.
    pub(super) fn read(stdout: &str) -> Result<Self> {
        let last = stdout.lines().last().unwrap_or_default();
        let report: Self =
            serde_json::from_str(last).with_context(|| format!("no report: {last}"))?;
        ensure!(
            report.steady_from < report.times.len() && report.times.iter().all(|it| *it > 0.0),
            "a report without a steady state: {last}"
        );
        Ok(report)
    }

    fn steady(&self) -> f64 {
        median(&mut self.times[self.steady_from..].to_vec())
    }

    /// The time of so many iterations from cold; if fewer were run, they are scaled up.
    fn cold(&self, iterations: usize) -> f64 {
        let run = iterations.min(self.times.len());
        self.times[..run].iter().sum::<f64>() * iterations as f64 / run as f64
    }

    /// The numbers, where `second` iterations are a second's worth of the plain interpreter's work.
    fn figures(&self, second: usize) -> Figures {
        Figures([
            self.steady(),
            self.times[0],
            self.cold(second),
            self.start,
            self.peak,
            self.late_peak - self.compiler_files - self.thread_heaps,
        ])
    }
}

/// How many iterations are a second's worth of work in the best steady state of these processes.
pub(super) fn second(reports: &[Report]) -> usize {
    let steady = reports.iter().map(Report::steady);
    let steady = steady.fold(f64::INFINITY, f64::min);
    ((1.0 / steady).round() as usize).max(1)
}

/// The numbers of one program under one interpreter, or their ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures(pub(super) [f64; COUNT]);

impl Figures {
    /// How this compares with `plain`'s: speeds, above 1 is faster; of memory, below 1 is less.
    pub(super) fn against(&self, plain: &Self) -> Self {
        Self(std::array::from_fn(|i| {
            if i < TIMES {
                plain.0[i] / self.0[i]
            } else {
                self.0[i] / plain.0[i]
            }
        }))
    }

    /// The least of each number that some processes reported.
    pub(super) fn least(reports: &[Report], second: usize) -> Self {
        let all: Vec<_> = reports.iter().map(|it| it.figures(second).0).collect();
        Self(std::array::from_fn(|i| {
            all.iter().map(|it| it[i]).fold(f64::INFINITY, f64::min)
        }))
    }

    /// The geometric mean of each number.
    pub(super) fn mean(all: &[Self]) -> Self {
        Self(std::array::from_fn(|i| {
            let logarithms: f64 = all.iter().map(|it| it.0[i].ln()).sum();
            (logarithms / all.len() as f64).exp()
        }))
    }

    /// The numbers by name, without units if they are ratios.
    pub(super) fn json(&self, are_ratios: bool) -> serde_json::Value {
        NAMES
            .iter()
            .zip(self.0)
            .map(|(name, value)| {
                let unit = name.rfind('_').unwrap_or(name.len());
                let name = if are_ratios { &name[..unit] } else { name };
                (name.to_owned(), serde_json::json!(value))
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(times: &[f64], steady_from: usize) -> Report {
        Report::read(&format!(
            "noise\n{{\"start\": 0.5, \"times\": {times:?}, \"steady_from\": {steady_from}, \
             \"peak\": 120, \"late_peak\": 100, \"compiler_files\": 30, \"thread_heaps\": 10}}"
        ))
        .unwrap()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} and {b}");
    }

    #[test]
    fn figures_of_a_report() {
        let plain = report(&[0.6, 0.5, 0.5, 0.4], 1);
        assert_eq!(second(std::slice::from_ref(&plain)), 2);
        let [steady, first, second, start, peak, without] = plain.figures(2).0;
        close(steady, 0.5);
        close(first, 0.6);
        close(second, 1.1);
        close(start, 0.5);
        close(peak, 120.0);
        close(without, 60.0);
    }

    #[test]
    fn a_second_of_slow_iterations_is_one_iteration() {
        assert_eq!(second(&[report(&[3.0, 3.0], 1)]), 1);
    }

    #[test]
    fn the_least_of_several_rounds_counts() {
        let rounds = [report(&[0.9, 0.5], 1), report(&[0.7, 0.6], 1)];
        assert_eq!(second(&rounds), 2);
        let least = Figures::least(&rounds, 2).0;
        close(least[0], 0.5);
        close(least[1], 0.7);
        close(least[2], 1.3);
    }

    #[test]
    fn fewer_iterations_than_a_second_are_scaled_up() {
        close(report(&[0.2, 0.4], 1).figures(4).0[2], 1.2);
    }

    #[test]
    fn ratios_of_speed_and_of_memory() {
        let plain = report(&[0.4, 0.4], 1).figures(2);
        let fast = report(&[0.8, 0.1], 1).figures(2);
        let ratios = fast.against(&plain).0;
        close(ratios[0], 4.0);
        close(ratios[1], 0.5);
        close(ratios[5], 1.0);
        let twice = Figures([2.0; COUNT]).against(&Figures([1.0; COUNT]));
        assert_eq!(twice, Figures([0.5, 0.5, 0.5, 0.5, 2.0, 2.0]));
    }

    #[test]
    fn means_are_geometric() {
        let mean = Figures::mean(&[Figures([1.0; COUNT]), Figures([4.0; COUNT])]);
        close(mean.0[0], 2.0);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for stdout in ["", "killed", "{}"] {
            assert!(Report::read(stdout).is_err());
        }
        let endless = r#"{"start": 1, "times": [0.1], "steady_from": 1, "peak": 1, "late_peak": 1, "compiler_files": 0, "thread_heaps": 0}"#;
        assert!(Report::read(endless).is_err());
    }
}
