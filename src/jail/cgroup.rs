//! A control group per execution, where the host lets us make one: cgroups(7), version 1 or 2.
//!
//! It bounds memory and processes of the whole jail together, counts processor time, and tells whether the kernel
//! killed for want of memory. Groups are made below our own, so that what bounds us bounds them too.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::Limits;

const PREFIX: &str = "python-executor-";

/// nsjail and the supervisor are processes too.
const OWN_PROCESSES: u64 = 2;

/// The kernel's own bound on process numbers (PID_MAX_LIMIT).
const MOST_PROCESSES: u64 = 1 << 22;

/// Where groups are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CgroupParent {
    /// One folder per controller.
    V1 { memory: Option<PathBuf>, pids: Option<PathBuf>, cpuacct: Option<PathBuf> },
    /// One folder with the memory and pids controllers enabled for its children.
    V2(PathBuf),
}

impl CgroupParent {
    /// Finds a writable place, and clears away what servers that no longer live left there.
    pub(crate) fn find() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let parent = Self::version_2(&own, &mounts).or_else(|| Self::version_1(&own, &mounts))?;
        parent.folders().iter().for_each(|folder| clear_leftovers(folder));
        Some(parent)
    }

    fn version_1(own: &str, mounts: &str) -> Option<Self> {
        let writable = |controller: &str| {
            let folder = own_folder(own, mounts, Some(controller))?;
            rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).ok()?;
            Some(folder)
        };
        let (memory, pids, cpuacct) = (writable("memory"), writable("pids"), writable("cpuacct"));
        (memory.is_some() || pids.is_some()).then_some(Self::V1 { memory, pids, cpuacct })
    }

    fn version_2(own: &str, mounts: &str) -> Option<Self> {
        let folder = own_folder(own, mounts, None)?;
        let has = |file: &str, controller: &str| {
            fs::read_to_string(folder.join(file))
                .is_ok_and(|text| text.split_whitespace().any(|word| word == controller))
        };
        if !["memory", "pids"].iter().all(|controller| has("cgroup.controllers", controller)) {
            return None;
        }
        rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK).ok()?;
        let enable = || fs::write(folder.join("cgroup.subtree_control"), "+memory +pids");
        if !["memory", "pids"].iter().all(|controller| has("cgroup.subtree_control", controller))
            && enable().is_err()
        {
            // A group with processes of its own can't have controllers below it, the root apart. If we are the
            // only process in it (a service with delegation, a container), we move into a leaf.
            let members = fs::read_to_string(folder.join("cgroup.procs")).ok()?;
            if members.trim() != std::process::id().to_string() {
                return None;
            }
            let leaf = folder.join("server");
            fs::create_dir_all(&leaf).ok()?;
            fs::write(leaf.join("cgroup.procs"), "0").ok()?;
            enable().ok()?;
        }
        Some(Self::V2(folder))
    }

    fn folders(&self) -> Vec<&Path> {
        match self {
            Self::V1 { memory, pids, cpuacct } => {
                [memory, pids, cpuacct].into_iter().flatten().map(PathBuf::as_path).collect()
            }
            Self::V2(folder) => vec![folder],
        }
    }

    /// Whether a group made here bounds memory.
    pub(crate) fn bounds_memory(&self) -> bool {
        match self {
            Self::V1 { memory, .. } => memory.is_some(),
            Self::V2(_) => true,
        }
    }

    /// Makes a group under these limits.
    pub(crate) fn create(&self, limits: &Limits) -> io::Result<Cgroup> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut group = Cgroup { parts: Vec::new(), version_2: matches!(self, Self::V2(_)) };
        for folder in self.folders() {
            let part = folder.join(&name);
            fs::create_dir(&part)?;
            // Known to the group at once, so that a failure below removes it.
            group.parts.push(part);
        }
        group.bound(limits)?;
        Ok(group)
    }
}

/// The group of one execution. Dropping it removes it; everything in it must be dead by then.
#[derive(Debug)]
pub(crate) struct Cgroup {
    parts: Vec<PathBuf>,
    version_2: bool,
}

impl Cgroup {
    fn bound(&self, limits: &Limits) -> io::Result<()> {
        // The kernel counts in signed pages.
        let memory = limits.memory_bytes.min(1 << 50).to_string();
        let processes = (u64::from(limits.processes) + OWN_PROCESSES).min(MOST_PROCESSES).to_string();
        let required = |file: &str, value: &str| match self.file(file) {
            Some(path) => fs::write(path, value),
            None => Ok(()),
        };
        required("pids.max", &processes)?;
        if self.version_2 {
            required("memory.max", &memory)?;
            required("memory.oom.group", "1")?;
            // Absent where the kernel has no swap accounting.
            required("memory.swap.max", "0")
        } else {
            required("memory.limit_in_bytes", &memory)?;
            required("memory.memsw.limit_in_bytes", &memory)
        }
    }

    /// The file of that name in whichever part has it.
    fn file(&self, name: &str) -> Option<PathBuf> {
        self.parts.iter().map(|part| part.join(name)).find(|path| path.exists())
    }

    /// Files to which a process writes `0` in order to enter.
    pub(crate) fn entrances(&self) -> io::Result<Vec<fs::File>> {
        self.parts
            .iter()
            .map(|part| fs::OpenOptions::new().write(true).open(part.join("cgroup.procs")))
            .collect()
    }

    /// Processes in it that the kernel killed for want of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        let file = if self.version_2 { "memory.events" } else { "memory.oom_control" };
        self.keyed(file, "oom_kill").unwrap_or(0)
    }

    /// The most memory it held at one time, in bytes.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let file = if self.version_2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        fs::read_to_string(self.file(file)?).ok()?.trim().parse().ok()
    }

    /// Processor time of all that ran in it.
    pub(crate) fn cpu(&self) -> Option<Duration> {
        if self.version_2 {
            return self.keyed("cpu.stat", "usage_usec").map(Duration::from_micros);
        }
        let nanoseconds = fs::read_to_string(self.file("cpuacct.usage")?).ok()?.trim().parse().ok()?;
        Some(Duration::from_nanos(nanoseconds))
    }

    fn keyed(&self, file: &str, key: &str) -> Option<u64> {
        let text = fs::read_to_string(self.file(file)?).ok()?;
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for part in &self.parts {
            if let Err(error) = remove(part) {
                tracing::warn!(folder = %part.display(), %error, "a control group is left behind");
            }
        }
    }
}

/// A group whose last process has just been reaped may be busy for a moment.
fn remove(folder: &Path) -> io::Result<()> {
    let mut result = fs::remove_dir(folder);
    for _ in 0..50 {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                std::thread::sleep(Duration::from_millis(1))
            }
            _ => break,
        }
        result = fs::remove_dir(folder);
    }
    result
}

/// Removes groups of servers that were killed. A group in use can't be removed, so a wrong guess does no harm.
fn clear_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) =
            name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok())
        else {
            continue;
        };
        if pid != std::process::id() && !Path::new(&format!("/proc/{pid}")).exists() {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Our own group's folder: of version 1's `controller`, or of version 2. `own` is /proc/self/cgroup, `mounts`
/// /proc/self/mountinfo (proc(5)).
fn own_folder(own: &str, mounts: &str, controller: Option<&str>) -> Option<PathBuf> {
    let group = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let found = match controller {
            Some(controller) => controllers.split(',').any(|name| name == controller),
            None => id == "0" && controllers.is_empty(),
        };
        found.then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let (kind, _source, options) = (after.next()?, after.next()?, after.next()?);
        let found = match controller {
            Some(controller) => kind == "cgroup" && options.split(',').any(|name| name == controller),
            None => kind == "cgroup2",
        };
        // A container may see only a part of the tree, mounted as if it were the whole.
        let below =
            Path::new(group).strip_prefix(root).or_else(|_| Path::new(group).strip_prefix("/")).ok()?;
        found.then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS_1: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn version_1_has_a_folder_per_controller() {
        let own = "8:memory:/service/a\n2:cpu,cpuacct:/\n0::/\n";
        assert_eq!(own_folder(own, MOUNTS_1, Some("memory")), Some("/sys/fs/cgroup/memory/service/a".into()));
        assert_eq!(own_folder(own, MOUNTS_1, Some("cpuacct")), Some("/sys/fs/cgroup/cpu,cpuacct/".into()));
        assert_eq!(own_folder(own, MOUNTS_1, Some("pids")), None);
    }

    #[test]
    fn version_2_has_one_folder() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let own = "0::/system.slice/python-executor.service\n";
        assert_eq!(
            own_folder(own, mounts, None),
            Some("/sys/fs/cgroup/system.slice/python-executor.service".into())
        );
    }

    #[test]
    fn a_container_sees_its_own_part_of_the_tree_as_the_whole() {
        let mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let own = "8:memory:/docker/abc\n";
        assert_eq!(own_folder(own, mounts, Some("memory")), Some("/sys/fs/cgroup/memory/".into()));
    }
}
