//! The CPU time and the memory of a process, as the system accounts for them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::Error;

/// What the scheduler gave a process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all its threads.
    pub ran: Duration,
    /// Time for which they could have run and had no core, because somebody else had it. Zero where the system does not tell.
    pub waited: Duration,
}

impl Usage {
    /// What came since an earlier reading of the same process.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self { ran: self.ran.saturating_sub(earlier.ran), waited: self.waited.saturating_sub(earlier.waited) }
    }
}

/// What the scheduler gave that process so far.
///
/// On Linux from `/proc/PID/task/*/schedstat`, in nanoseconds; elsewhere from `ps`, in hundredths of a second, which is why a round
/// should take a second or more there.
///
/// # Errors
/// When the process is gone, or the system does not tell.
pub fn usage(pid: u32) -> Result<Usage, Error> {
    let usage = if cfg!(target_os = "linux") { threads(pid) } else { by_ps(pid) };
    usage.map_err(|reason| Error::Cpu { pid, reason })
}

/// Resident memory of a process in KiB.
///
/// # Errors
/// When the process is gone, or the system does not tell.
pub fn resident_kib(pid: u32) -> Result<u64, Error> {
    let text = ps(pid, "rss=").map_err(|reason| Error::Cpu { pid, reason })?;
    text.trim().parse().map_err(|_| Error::Cpu { pid, reason: format!("ps says {text:?}") })
}

/// A thread that ends takes its time with it; Envoy's threads last as long as Envoy.
fn threads(pid: u32) -> Result<Usage, String> {
    let mut usage = Usage::default();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| error.to_string())?;
    for task in tasks {
        let path = task.map_err(|error| error.to_string())?.path().join("schedstat");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if has_ended(&error) => continue,
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let (ran, waited) = parse_schedstat(&text).ok_or_else(|| format!("{}: {text:?}", path.display()))?;
        usage.ran += ran;
        usage.waited += waited;
    }
    Ok(usage)
}

/// Whether a thread has ended between being listed and being read: its file is gone, or nobody is behind it any more (`ESRCH`).
fn has_ended(error: &std::io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// Time on a core, time waiting for one, both in nanoseconds, then a count. (Linux, `Documentation/scheduler/sched-stats.rst`.)
fn parse_schedstat(text: &str) -> Option<(Duration, Duration)> {
    let mut numbers =
        text.split_ascii_whitespace().map(|number| number.parse().ok().map(Duration::from_nanos));
    Some((numbers.next()??, numbers.next()??))
}

fn by_ps(pid: u32) -> Result<Usage, String> {
    let text = ps(pid, "time=")?;
    let ran = parse_ps_time(text.trim()).ok_or_else(|| format!("ps says {text:?}"))?;
    Ok(Usage { ran, waited: Duration::ZERO })
}

fn ps(pid: u32, column: &str) -> Result<String, String> {
    let output = Command::new("ps")
        .args(["-o", column, "-p", &pid.to_string()])
        .output()
        .map_err(|error| format!("ps does not run: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err("ps does not know it".to_owned())
    }
}

/// `[[days-]hours:]minutes:seconds[.hundredths]`
fn parse_ps_time(text: &str) -> Option<Duration> {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let (hours, clock) = match clock.matches(':').count() {
        2 => clock.split_once(':')?,
        _ => ("0", clock),
    };
    let (minutes, seconds) = clock.split_once(':')?;
    let number = |text: &str| text.parse::<f64>().ok();
    let minutes = (number(days)? * 24.0 + number(hours)?) * 60.0 + number(minutes)?;
    Duration::try_from_secs_f64(minutes * 60.0 + number(seconds)?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn ps_times_are_read() {
        for (text, millis) in
            [("0:01.50", 1_500), ("12:00.00", 720_000), ("1:02:03", 3_723_000), ("2-00:00:01", 172_801_000)]
        {
            assert_eq!(parse_ps_time(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse_ps_time("soon"), None);
    }

    #[test]
    fn schedstat_is_read() {
        let nanos = Duration::from_nanos;
        assert_eq!(parse_schedstat("1500 20 3\n"), Some((nanos(1500), nanos(20))));
        assert_eq!(parse_schedstat("1500\n"), None);
    }

    #[test]
    fn work_shows_in_this_process_time() {
        let own = std::process::id();
        let before = usage(own).unwrap().ran;
        let start = Instant::now();
        let mut sum = 0_u64;
        // Other tests' threads end meanwhile, and take their time with them.
        let shown = loop {
            if usage(own).unwrap().ran > before {
                break true;
            }
            if start.elapsed() > Duration::from_secs(10) {
                break false;
            }
            sum = (0..1_000_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        };
        assert!(shown, "{sum}");
        assert!(resident_kib(own).unwrap() > 100);
    }
}
