//! From what the host grants and what an execution may use to the layers of its jail.

use std::sync::Arc;

use crate::{Limits, jail::cgroup::CgroupParent};

/// Who the script is on a host where we may choose: an id that owns nothing.
const NOBODY: u32 = 65534;

/// What the host grants us. Probed once, when an executor is built.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Our own effective user and group.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Where cgroups can be made, if they can.
    pub(crate) cgroups: Option<Arc<CgroupParent>>,
}

impl Environment {
    /// Looks at this process and this host.
    pub(crate) fn probe() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            cgroups: CgroupParent::find().map(Arc::new),
        }
    }

    /// Whether a cgroup bounds the memory of all processes of a jail together.
    pub(crate) fn bounds_memory(&self) -> bool {
        self.cgroups.as_ref().is_some_and(|cgroups| cgroups.bounds_memory())
    }
}

/// The layers of one jail, in the units that nsjail takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) outside_uid: u32,
    pub(crate) outside_gid: u32,
    pub(crate) address_space_mib: u64,
    pub(crate) file_mib: u64,
    pub(crate) time_limit_s: u64,
    pub(crate) processes: u64,
    pub(crate) open_files: u32,
    pub(crate) scratch_bytes: u64,
    pub(crate) scratch_inodes: u64,
}

/// What a jail may take to become ready before we call it broken.
pub(crate) const START_SECONDS: u64 = 20;

/// The runner's own folders and files in scratch: root, work, tmp, shm.
const OWN_INODES: u64 = 4;

const MIB: u64 = 1 << 20;

/// The plan. Pure: the same environment and limits give the same plan.
pub(crate) fn plan(uid: u32, gid: u32, memory_bounded: bool, limits: &Limits) -> Plan {
    let memory_mib = limits.memory_bytes.div_ceil(MIB);
    Plan {
        // Root may be anyone outside; others can map themselves only.
        outside_uid: if uid == 0 { NOBODY } else { uid },
        outside_gid: if uid == 0 { NOBODY } else { gid },
        // Where a cgroup counts pages, address space is bounded only against absurdity: thread stacks and
        // malloc arenas reserve far more than they touch. Where none does, this is the bound.
        address_space_mib: if memory_bounded { memory_mib.saturating_add(2048) } else { memory_mib },
        file_mib: limits.scratch_bytes.div_ceil(MIB),
        time_limit_s: limits.timeout.as_secs().saturating_add(START_SECONDS + 5),
        // The supervisor is one too.
        processes: u64::from(limits.processes) + 1,
        open_files: limits.open_files,
        // size=0 and nr_inodes=0 would mean "no bound" to the kernel (tmpfs(5)).
        scratch_bytes: limits.scratch_bytes.max(4096),
        scratch_inodes: u64::from(limits.scratch_inodes) + OWN_INODES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_becomes_nobody_and_others_stay_themselves() {
        let limits = Limits::default();
        assert_eq!(plan(0, 0, true, &limits).outside_uid, NOBODY);
        assert_eq!(plan(1001, 100, true, &limits).outside_uid, 1001);
        assert_eq!(plan(1001, 100, true, &limits).outside_gid, 100);
    }

    #[test]
    fn without_a_cgroup_the_address_space_is_the_bound() {
        let limits = Limits::default();
        assert_eq!(plan(1001, 100, false, &limits).address_space_mib, limits.memory_bytes >> 20);
    }

    #[test]
    fn no_limit_can_turn_a_bound_of_scratch_off() {
        let limits = Limits { scratch_bytes: 0, scratch_inodes: 0, ..Limits::default() };
        let plan = plan(0, 0, true, &limits);
        assert!(plan.scratch_bytes > 0 && plan.scratch_inodes > 0);
    }
}
