//! The figures, as a table and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

/// One load.
#[derive(Clone, Serialize)]
pub struct Figures {
    /// `sqlite`, `postgresql`, or empty if no database takes part.
    pub database: &'static str,
    pub load: String,
    pub connections: usize,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub failed: u64,
    /// User and system time of the server's process per response, in microseconds.
    pub server_cpu_us: f64,
    /// The same of the database's processes.
    pub database_cpu_us: f64,
    pub rss_mib: f64,
    pub peak_rss_mib: f64,
}

/// One comparison.
#[derive(Serialize)]
pub struct Comparison {
    pub what: String,
    pub ratio: f64,
    /// As in `>= 0.9`.
    pub target: &'static str,
    pub of: String,
}

/// Everything that a run has measured.
#[derive(Default, Serialize)]
pub struct Report {
    pub machine: String,
    pub loads: Vec<Figures>,
    pub comparisons: Vec<Comparison>,
}

impl Report {
    /// The loads with unexpected responses. Refusing part of a flood is expected.
    pub fn failures(&self) -> Vec<(&str, u64)> {
        let failed = self.loads.iter().filter(|row| row.failed > 0 && !row.load.contains("flood"));
        failed.map(|row| (row.load.as_str(), row.failed)).collect()
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap()
    }

    pub fn table(&self) -> String {
        let mut text = format!(
            "{}\n\n| load | database | connections | per second | p50 ms | p95 ms | p99 ms | failed | server CPU us | \
             database CPU us | RSS MiB (peak) |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
            self.machine
        );
        for row in &self.loads {
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {:.0} | {:.2} | {:.2} | {:.2} | {} | {:.0} | {:.0} | {:.0} ({:.0}) |",
                row.load,
                row.database,
                row.connections,
                row.per_second,
                row.p50_ms,
                row.p95_ms,
                row.p99_ms,
                row.failed,
                row.server_cpu_us,
                row.database_cpu_us,
                row.rss_mib,
                row.peak_rss_mib
            );
        }
        text.push_str("\n| compared | ratio | target | figures |\n|---|---|---|---|\n");
        for Comparison { what, ratio, target, of } in &self.comparisons {
            let _infallible = writeln!(text, "| {what} | {ratio:.2} | {target} | {of} |");
        }
        text
    }
}
