//! From what the host grants and what an execution may use to the layers of its jail.

use std::sync::Arc;

use rustix::process::{Resource, getrlimit};

use crate::{Limits, jail::cgroup::CgroupParent};

/// Who the script is on a host where we may choose: an id that owns nothing.
const NOBODY: u32 = 65534;

/// What the host grants us. Probed once, when an executor is built.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Who we are to the jail.
    pub(crate) grants: Grants,
    /// Where cgroups can be made, if they can.
    pub(crate) cgroups: Option<Arc<CgroupParent>>,
}

/// The part of an environment that a plan depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grants {
    /// Our own effective user and group.
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Whether a cgroup bounds the memory of all processes of a jail together.
    pub(crate) bounds_memory: bool,
    /// Our own hard limits: what is inside can't be given more (setrlimit(2)).
    pub(crate) most_address_space: u64,
    pub(crate) most_file_bytes: u64,
    pub(crate) most_open_files: u64,
    pub(crate) most_processes: u64,
}

impl Environment {
    /// Looks at this process and this host.
    pub(crate) fn probe() -> Self {
        let cgroups = CgroupParent::find().map(Arc::new);
        let hard = |resource| getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let grants = Grants {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            bounds_memory: cgroups.as_ref().is_some_and(|cgroups| cgroups.bounds_memory()),
            most_address_space: hard(Resource::As),
            most_file_bytes: hard(Resource::Fsize),
            most_open_files: hard(Resource::Nofile),
            most_processes: hard(Resource::Nproc),
        };
        Self { grants, cgroups }
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
    pub(crate) open_files: u64,
    pub(crate) scratch_bytes: u64,
    pub(crate) scratch_inodes: u64,
}

/// What a jail may take to become ready before we call it broken.
pub(crate) const START_SECONDS: u64 = 20;

/// The runner's own folders and files in scratch: root, work, tmp, shm.
const OWN_INODES: u64 = 4;

const MIB: u64 = 1 << 20;

/// Far beyond any machine, and far from where nsjail's and the kernel's arithmetic would wrap around to "no bound".
const MOST_BYTES: u64 = 1 << 50;

/// What an interpreter opens while it starts.
const LEAST_OPEN_FILES: u64 = 16;

/// The plan. Pure: the same grants and limits give the same plan.
pub(crate) fn plan(grants: &Grants, limits: &Limits) -> Plan {
    let memory = limits.memory_bytes.min(MOST_BYTES);
    // Where a cgroup counts pages, address space is bounded only against absurdity: thread stacks and malloc arenas
    // reserve far more than they touch. Where none does, this is the bound.
    let address_space = if grants.bounds_memory { memory + (2 << 30) } else { memory };
    // size=0 and nr_inodes=0 would mean "no bound" to the kernel (tmpfs(5)).
    let scratch_bytes = limits.scratch_bytes.clamp(4096, MOST_BYTES);
    // Root may be anyone outside; others can map themselves only.
    let outside = |own| if grants.uid == 0 { NOBODY } else { own };
    Plan {
        outside_uid: outside(grants.uid),
        outside_gid: outside(grants.gid),
        address_space_mib: address_space.min(grants.most_address_space) >> 20,
        file_mib: scratch_bytes.div_ceil(MIB).min(grants.most_file_bytes >> 20),
        // An unsigned 32-bit number to nsjail.
        time_limit_s: limits.timeout.as_secs().saturating_add(START_SECONDS + 5).min(u64::from(u32::MAX)),
        // The supervisor is one too.
        processes: (u64::from(limits.processes).max(1) + 1).min(grants.most_processes),
        open_files: u64::from(limits.open_files).max(LEAST_OPEN_FILES).min(grants.most_open_files),
        scratch_bytes,
        scratch_inodes: u64::from(limits.scratch_inodes) + OWN_INODES,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const ROOT: Grants = Grants {
        uid: 0,
        gid: 0,
        bounds_memory: true,
        most_address_space: u64::MAX,
        most_file_bytes: u64::MAX,
        most_open_files: 1 << 20,
        most_processes: u64::MAX,
    };
    pub(crate) const USER: Grants = Grants { uid: 1001, gid: 100, bounds_memory: false, ..ROOT };

    #[test]
    fn root_becomes_nobody_and_others_stay_themselves() {
        let (root, user) = (plan(&ROOT, &Limits::default()), plan(&USER, &Limits::default()));
        assert_eq!((root.outside_uid, root.outside_gid), (NOBODY, NOBODY));
        assert_eq!((user.outside_uid, user.outside_gid), (1001, 100));
    }

    #[test]
    fn without_a_cgroup_the_address_space_is_the_bound() {
        let limits = Limits::default();
        assert_eq!(plan(&USER, &limits).address_space_mib, limits.memory_bytes >> 20);
    }

    #[test]
    fn no_limit_can_turn_a_bound_off() {
        let none = Limits {
            scratch_bytes: 0,
            scratch_inodes: 0,
            memory_bytes: 0,
            processes: 0,
            ..Limits::default()
        };
        let most = Limits { scratch_bytes: u64::MAX, memory_bytes: u64::MAX, ..Limits::default() };
        for limits in [none, most] {
            let plan = plan(&ROOT, &limits);
            assert!(plan.scratch_bytes > 0 && plan.scratch_inodes > 0, "{plan:?}");
            assert!(
                plan.scratch_bytes <= MOST_BYTES && plan.address_space_mib <= (MOST_BYTES >> 20) + 2048,
                "{plan:?}"
            );
        }
    }

    #[test]
    fn nothing_inside_is_given_more_than_we_have() {
        let poor = Grants { most_open_files: 64, most_processes: 30, most_address_space: 100 << 20, ..USER };
        let plan = plan(&poor, &Limits::default());
        assert_eq!((plan.open_files, plan.processes, plan.address_space_mib), (64, 30, 100));
    }
}
