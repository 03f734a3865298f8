//! How many bytes of images may be in memory: `--memory`, or half of what is free.
//!
//! Free is what Linux can give without swapping (`MemAvailable` of `/proc/meminfo`), or what the process's control
//! groups still allow, if that is less: their limit less what they use, but for the pages of files that nobody has
//! touched lately, which the kernel takes back first. Where nothing of this can be read, there is no limit.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The memory of one data set's images.
pub(crate) struct Memory {
    /// `None` for half of what is free.
    limit: Option<u64>,
    used: AtomicU64,
}

/// Bytes of memory that are used until this is dropped.
pub(super) struct Lease {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Memory {
    /// `limit` bytes, or half of what is free.
    pub fn new(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicU64::new(0) })
    }

    /// Takes `bytes`, if there are as many.
    pub(super) fn take(self: &Arc<Self>, bytes: u64) -> Option<Lease> {
        let lease = || Lease { memory: self.clone(), bytes };
        let Some(limit) = self.limit else {
            self.used.fetch_add(bytes, Ordering::Relaxed);
            // What is used already is not free.
            return Some(lease()).filter(|_| bytes <= free(Path::new("/")) / 2);
        };
        let add = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        let added = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        added.is_ok().then(lease)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A number of bytes with a unit of 1,024 or none: `512M`, `4G`, `1.5GiB`, `0`.
///
/// # Errors
/// What it has to be.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[digits.len()..].trim().to_lowercase();
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => Some(0),
        "k" => Some(10),
        "m" => Some(20),
        "g" => Some(30),
        "t" => Some(40),
        _ => None,
    };
    let number = digits.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    match (number, shift) {
        (Some(number), Some(shift)) => Ok((number * (1u64 << shift) as f64) as u64),
        _ => Err("it has to be a number of bytes, as 512M, 4G or 0".into()),
    }
}

/// Of `jobs` processes that begin together the bytes of images that each may have in memory, so that all together have
/// half of what is free; `None` where that cannot be read.
pub fn share_of_free(jobs: usize) -> Option<u64> {
    let free = free(Path::new("/"));
    (free < u64::MAX).then(|| free / 2 / jobs.max(1) as u64)
}

/// Bytes that can be had, by the files below `root`.
fn free(root: &Path) -> u64 {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let available = read("proc/meminfo").and_then(|text| field(&text, "MemAvailable:"));
    let available = available.map_or(u64::MAX, |kilobytes| kilobytes << 10);
    let group = read("proc/self/cgroup").unwrap_or_default();
    // `0::/path` in version 2; `9:memory:/path` in version 1.
    let path = |wanted: &str| {
        group.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|name| name == wanted).then(|| path.to_owned())
        })
    };
    let second = path("").map(|path| {
        let folder = root.join("sys/fs/cgroup");
        left(&folder, &path, ["memory.max", "memory.current", "inactive_file"])
    });
    let first = path("memory").map(|path| {
        let folder = root.join("sys/fs/cgroup/memory");
        let names = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"];
        left(&folder, &path, names)
    });
    available.min(second.unwrap_or(u64::MAX)).min(first.unwrap_or(u64::MAX))
}

/// What the control group `path` and those that it is in still allow; a container may see its own as the root.
fn left(folder: &Path, path: &str, [limit, usage, inactive]: [&str; 3]) -> u64 {
    let number = |folder: &Path, name: &str| -> Option<u64> {
        fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok()
    };
    let of = |folder: &Path| {
        let (limit, usage) = (number(folder, limit)?, number(folder, usage)?);
        let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
        let reclaimable = field(&stat, inactive).unwrap_or(0).min(usage);
        Some(limit.saturating_sub(usage - reclaimable))
    };
    let group = Path::new(path.trim_start_matches('/'));
    group.ancestors().filter_map(|group| of(&folder.join(group))).min().unwrap_or(u64::MAX)
}

/// The number behind `name` in lines of names and numbers.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next()? == name).then(|| words.next()?.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("512M", 512 << 20),
            ("4G", 4 << 30),
            ("1.5 GiB", 3 << 29),
            ("2kb", 2048),
            ("1T", 1 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "-1", "4X", "half", "50%", "inf", "1e400"] {
            assert!(parse_bytes(text).unwrap_err().contains("512M"), "{text}");
        }
    }

    #[test]
    fn what_is_taken_comes_back() {
        let memory = Memory::new(Some(100));
        let first = memory.take(60).unwrap();
        assert!(memory.take(41).is_none() && memory.take(40).is_some());
        drop(first);
        assert!(memory.take(100).is_some() && memory.take(101).is_none());
        assert!(Memory::new(Some(0)).take(1).is_none());
    }

    #[test]
    fn free_memory_is_the_least_of_system_and_groups() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(free(root.path()), u64::MAX);
        write("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    8 kB\n");
        assert_eq!(free(root.path()), 8192);
        write("proc/self/cgroup", "0::/a/b\n");
        write("sys/fs/cgroup/a/b/memory.max", "max\n");
        write("sys/fs/cgroup/a/b/memory.current", "10\n");
        assert_eq!(free(root.path()), 8192);
        write("sys/fs/cgroup/a/memory.max", "5000\n");
        write("sys/fs/cgroup/a/memory.current", "3000\n");
        write("sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 1000\n");
        assert_eq!(free(root.path()), 3000);
        write("proc/self/cgroup", "9:cpu,memory:/x\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n");
        write("sys/fs/cgroup/memory/memory.usage_in_bytes", "500\n");
        assert_eq!(free(root.path()), 1500);
    }
}
