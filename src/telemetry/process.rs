//! What the operating system says of this process.

use std::fs;

/// Figures of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// CPU time, user and system.
    pub cpu_seconds: f64,
    /// Memory that is resident, in bytes.
    pub memory_rss: u64,
}

/// The unit of times in `/proc` (USER_HZ, which is 100 on every architecture).
const TICKS: f64 = 100.0;

/// Reads the figures; zeros where `/proc` is not to be had.
#[must_use]
pub fn process() -> Process {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    Process { cpu_seconds: cpu_seconds(&stat), memory_rss: memory_rss(&status) }
}

/// Fields 14 and 15 of `/proc/self/stat` (proc(5)); the name before them may hold anything.
fn cpu_seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

fn memory_rss(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|it| it.parse().ok());
    kib.unwrap_or(0_u64) * 1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_the_kernel_writes_them() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert!((cpu_seconds(stat) - 3.0).abs() < 1e-9, "{}", cpu_seconds(stat));
        assert_eq!(memory_rss("Name:\tx\nVmRSS:\t    2048 kB\n"), 2_097_152);
        assert_eq!((cpu_seconds(""), memory_rss("")), (0.0, 0));
    }

    #[test]
    fn this_process_has_some_memory() {
        assert!(process().memory_rss > 0);
    }
}
