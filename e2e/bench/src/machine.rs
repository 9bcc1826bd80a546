//! The machine: what it is, and which of its cores do what.

use std::fs;
use std::process::Command;
use std::thread;

/// What a result has to say about where it was measured.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The CPU's name, or its architecture where the system does not say.
    pub cpu: String,
    /// How many cores this process may use.
    pub cores: usize,
    /// The operating system and its version.
    pub system: String,
    /// The day, as `YYYY-MM-DD` in UTC.
    pub date: String,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .output()
                .ok()
                .filter(|output| output.status.success())?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let cpu = fs::read_to_string("/proc/cpuinfo").ok().as_deref().and_then(model_name).map(str::to_owned);
        Self {
            cpu: cpu
                .or_else(|| said("sysctl", &["-n", "machdep.cpu.brand_string"]))
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            system: said("uname", &["-sr"]).unwrap_or_else(|| std::env::consts::OS.to_owned()),
            date: said("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(|| "unknown day".to_owned()),
        }
    }
}

/// `/proc/cpuinfo`'s name of the first core; not every architecture has one.
fn model_name(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

/// Which core Envoy has to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinning {
    /// Envoy's threads on that core, everything of ours on the others.
    Core(usize),
    /// The system decides: it has one core, or no way to choose.
    Unpinned,
}

#[cfg(target_os = "linux")]
mod affinity {
    use std::fs;

    use rustix::io::Errno;
    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

    use super::Pinning;

    /// Gives the last core that this process may use to Envoys, and the others to this process: all of its threads, and those to come.
    pub fn reserve() -> Pinning {
        let Ok(allowed) = sched_getaffinity(None) else { return Pinning::Unpinned };
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        let Some((last, others)) = cores.split_last().filter(|(_, others)| !others.is_empty()) else {
            return Pinning::Unpinned;
        };
        let mut ours = CpuSet::new();
        others.iter().for_each(|core| ours.set(*core));
        if set(std::process::id(), &ours) { Pinning::Core(*last) } else { Pinning::Unpinned }
    }

    /// Binds every thread of that process; those that it starts later inherit it. Whether that worked.
    pub fn bind(pid: u32, pinning: Pinning) -> bool {
        let Pinning::Core(core) = pinning else { return true };
        let mut one = CpuSet::new();
        one.set(core);
        set(pid, &one)
    }

    fn set(pid: u32, cores: &CpuSet) -> bool {
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
        tasks.flatten().all(|task| {
            let id = task.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            // A thread that has ended since it was listed needs no core.
            id.is_some_and(|id| matches!(sched_setaffinity(Some(id), cores), Ok(()) | Err(Errno::SRCH)))
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod affinity {
    use super::Pinning;

    /// Cores cannot be chosen here.
    pub fn reserve() -> Pinning {
        Pinning::Unpinned
    }

    /// Nothing to bind.
    pub fn bind(_: u32, _: Pinning) -> bool {
        true
    }
}

pub use affinity::{bind, reserve};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_says_what_it_is() {
        let machine = Machine::here();
        assert!(!machine.cpu.is_empty() && machine.cores > 0);
        assert_eq!(machine.date.len(), "2026-01-01".len(), "{}", machine.date);
        assert_eq!(model_name("processor\t: 0\nmodel name\t: Some CPU 9000\n"), Some("Some CPU 9000"));
        assert_eq!(model_name("processor: 0\n"), None);
    }
}
