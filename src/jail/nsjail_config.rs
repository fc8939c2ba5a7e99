//! From a plan to nsjail's configuration text: `jail/nsjail.cfg` with its blanks filled in.

use std::path::Path;

use crate::jail::plan::Plan;

/// The policy, as data.
const TEMPLATE: &str = include_str!("../../jail/nsjail.cfg");

/// nsjail's log leaves by this descriptor, which isn't passed on to the inside.
pub(crate) const LOG_FD: i32 = 6;
/// nsjail reads its configuration from this descriptor, which isn't passed on either.
pub(crate) const CONFIG_FD: i32 = 7;

/// The configuration for one execution. `rootfs` is a path of the host, `runner` one of the jail.
pub(crate) fn nsjail_config(plan: &Plan, rootfs: &Path, runner: &str) -> String {
    let fill = |name: &str| match name {
        "log_fd" => Some(LOG_FD.to_string()),
        "time_limit_s" => Some(plan.time_limit_s.to_string()),
        "outside_uid" => Some(plan.outside_uid.to_string()),
        "outside_gid" => Some(plan.outside_gid.to_string()),
        "address_space_mib" => Some(plan.address_space_mib.to_string()),
        "file_mib" => Some(plan.file_mib.to_string()),
        "open_files" => Some(plan.open_files.to_string()),
        "processes" => Some(plan.processes.to_string()),
        "scratch_bytes" => Some(plan.scratch_bytes.to_string()),
        "scratch_inodes" => Some(plan.scratch_inodes.to_string()),
        "rootfs" => Some(quoted(&rootfs.to_string_lossy())),
        "runner" => Some(quoted(runner)),
        _ => None,
    };
    let mut text = String::with_capacity(TEMPLATE.len() + 256);
    // Comments are for the reader of the template; nsjail needs none.
    for line in TEMPLATE.lines().filter(|line| !line.is_empty() && !line.trim_start().starts_with('#')) {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(before);
            // An unknown name stays as it is, and nsjail refuses the text: fail closed.
            text.push_str(&fill(name).unwrap_or_else(|| format!("${{{name}}}")));
            rest = after;
        }
        text.push_str(rest);
        text.push('\n');
    }
    text
}

/// Within a string of protobuf's text format.
fn quoted(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '"' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Limits,
        jail::plan::{
            Grants, plan,
            tests::{ROOT, USER},
        },
    };

    #[test]
    fn root_with_a_memory_cgroup() {
        let config = nsjail_config(&plan(&ROOT, &Limits::default()), Path::new("/cache/rootfs"), "/runner/1");
        insta::assert_snapshot!(config);
    }

    #[test]
    fn an_ordinary_user_without_cgroups() {
        let config = nsjail_config(&plan(&USER, &Limits::default()), Path::new("/cache/rootfs"), "/runner/1");
        insta::assert_snapshot!(config);
    }

    #[test]
    fn a_path_cannot_leave_its_quotes() {
        let config = nsjail_config(&plan(&ROOT, &Limits::default()), Path::new("/a\"b\\c"), "/runner/1");
        assert!(config.contains(r#"src: "/a\"b\\c" dst: "/""#), "{config}");
    }

    proptest! {
        #[test]
        fn every_blank_is_filled_whatever_the_limits(
            timeout in any::<u32>(), memory in any::<u64>(), processes in any::<u32>(), scratch in any::<u64>(),
            inodes in any::<u32>(), files in any::<u32>(), uid in any::<u32>(), bounded in any::<bool>(),
        ) {
            let limits = Limits {
                timeout: std::time::Duration::from_millis(timeout.into()),
                memory_bytes: memory, processes, scratch_bytes: scratch, scratch_inodes: inodes, open_files: files,
                ..Limits::default()
            };
            let config = nsjail_config(&plan(&Grants { uid, bounds_memory: bounded, ..ROOT }, &limits), Path::new("/r"), "/runner/1");
            prop_assert!(!config.contains('$'));
            prop_assert!(!config.contains("size=0,") && !config.contains("nr_inodes=0,"));
        }
    }
}
