//! The cache folder: who may use it, which runtimes are ready in it, and the lock that keeps two builds apart.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::{Progress, ProvisionError, error::in_cache, interpreter::Stamp, tree};

const MANIFEST: &str = "manifest.json";

/// What a finished runtime says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Digest of the lock files and requirement files that it was made from.
    pub(super) inputs: String,
    /// The interpreter that it was copied from.
    #[serde(flatten)]
    pub(super) stamp: Stamp,
    /// Of the interpreter.
    pub(super) version: (u8, u8, u8),
    /// Name and version, sorted.
    pub(super) packages: Vec<(String, String)>,
    /// When it was finished, in milliseconds since 1970.
    pub(super) finished_ms: u64,
}

/// The cache folder.
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// The folder as it is, there or not. Links are resolved, since a jail binds what is below it.
    pub(super) fn at(folder: &Path) -> Self {
        let resolved = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
        Self { folder: resolved.unwrap_or_else(|_| folder.to_path_buf()) }
    }

    /// The folder, made if it isn't there.
    pub(super) fn create(folder: &Path) -> Result<Self, ProvisionError> {
        let new: Vec<_> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
        tree::folder(folder)?;
        if root() {
            // A jail must be able to pass, whatever the umask was.
            for folder in new.into_iter().filter(|folder| !folder.as_os_str().is_empty()) {
                fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
                    .map_err(in_cache("setting permissions", folder))?;
            }
        }
        Ok(Self::at(folder))
    }

    /// Where a runtime is when it is ready.
    pub(super) fn ready(&self, id: &str) -> PathBuf {
        self.folder.join(format!("runtime-{id}"))
    }

    /// Where it is being built.
    pub(super) fn building(&self, id: &str) -> PathBuf {
        self.folder.join(format!("building-{id}"))
    }

    /// The newest ready runtime made from one of `inputs`, and from that interpreter if one is given.
    pub(super) fn newest(&self, inputs: &[String], stamp: Option<&Stamp>) -> Option<(String, Manifest)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("runtime-").map(str::to_owned))
            .filter_map(|id| self.manifest(&id).map(|manifest| (id, manifest)))
            .filter(|(_, manifest)| inputs.contains(&manifest.inputs))
            .filter(|(_, manifest)| stamp.is_none_or(|stamp| manifest.stamp == *stamp))
            .max_by_key(|(_, manifest)| manifest.finished_ms)
    }

    /// The manifest of a ready runtime; `None` if it isn't there, or not whole.
    pub(super) fn manifest(&self, id: &str) -> Option<Manifest> {
        let folder = self.ready(id);
        let manifest = serde_json::from_slice(&fs::read(folder.join(MANIFEST)).ok()?).ok()?;
        folder.join("rootfs/python/bin/python3").is_file().then_some(manifest)
    }

    /// Refuses a folder that the jail can't get to, or where anybody could plant a runtime.
    pub(super) fn check(&self) -> Result<(), ProvisionError> {
        let mode_of = |folder: &Path| {
            let found = fs::metadata(folder)
                .map_err(|source| ProvisionError::CacheNotWritable { path: folder.into(), source })?;
            Ok(found.mode() & 0o7777)
        };
        for folder in self.folder.ancestors().filter(|_| root()) {
            let mode = mode_of(folder)?;
            if mode & 0o001 == 0 {
                return Err(ProvisionError::CacheUnreachable { folder: folder.into(), mode });
            }
        }
        let mode = mode_of(&self.folder)?;
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return Err(ProvisionError::CacheUntrusted {
                path: self.folder.clone(),
                reason: "everybody may write to it".into(),
            });
        }
        Ok(())
    }

    /// Refuses a ready runtime that somebody else made: its nsjail binary would run with our rights.
    pub(super) fn check_owner(&self, id: &str) -> Result<(), ProvisionError> {
        let path = self.ready(id);
        let found = fs::metadata(&path).map_err(in_cache("opening a runtime", &path))?;
        let we = rustix::process::geteuid().as_raw();
        let reason = match (found.uid(), found.mode() & 0o022) {
            (0, 0) => return Ok(()),
            (owner, 0) if owner == we => return Ok(()),
            (owner, 0) => format!("user {owner} made it, who is neither root nor us (user {we})"),
            (_, mode) => format!("others may write to it (mode {mode:03o})"),
        };
        Err(ProvisionError::CacheUntrusted { path, reason })
    }

    /// Takes the lock of one runtime, waiting for whoever builds it. It is released when the file is dropped and all
    /// programs that inherited it have ended.
    pub(super) fn lock(&self, id: &str, progress: &mut dyn FnMut(Progress)) -> Result<File, ProvisionError> {
        let path = self.lock_file(id);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(in_cache("opening the lock", &path))?;
        let failed =
            |error: rustix::io::Errno| ProvisionError::Lock { path: path.clone(), source: error.into() };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => {}
            Err(error) => return Err(failed(error)),
        }
        progress(Progress::Waiting { lock: path.clone() });
        rustix::io::retry_on_intr(|| flock(&file, FlockOperation::LockExclusive)).map_err(failed)?;
        Ok(file)
    }

    /// Removes what killed builds of other runtimes left. Call with the lock of this one held.
    pub(super) fn sweep(&self, id: &str) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(other) = name.to_str().and_then(|name| name.strip_prefix("building-")) else {
                continue;
            };
            // Never waits, so two builds can't wait for one another.
            let lock = File::open(self.lock_file(other)).ok();
            let free = lock
                .as_ref()
                .is_some_and(|file| flock(file, FlockOperation::NonBlockingLockExclusive).is_ok());
            if other != id && free {
                // It is only about room: what can't be removed stays.
                let _ = tree::remove(&entry.path());
            }
        }
    }

    fn lock_file(&self, id: &str) -> PathBuf {
        self.folder.join(format!("runtime-{id}.lock"))
    }

    /// Puts a finished build where it is looked for. Call with the lock held.
    pub(super) fn publish(&self, id: &str, manifest: &Manifest) -> Result<(), ProvisionError> {
        let (building, ready) = (self.building(id), self.ready(id));
        let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::from);
        let path = building.join(MANIFEST);
        tree::write(&path, &text.map_err(in_cache("writing the manifest", &path))?)?;
        tree::seal(&building)?;
        // After a power failure, a renamed folder must not hold empty files.
        let synced = File::open(&building).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.map_err(in_cache("writing to the disk", &building))?;
        // What is there and couldn't be opened is damaged.
        tree::remove(&ready)?;
        tree::rename(&building, &ready)
    }
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(inputs: &str, executable: &str, finished_ms: u64) -> Manifest {
        Manifest {
            inputs: inputs.into(),
            stamp: Stamp { executable: executable.into(), executable_size: 1, executable_mtime: 1 },
            version: (3, 12, 1),
            packages: vec![("numpy".into(), "2.4.6".into())],
            finished_ms,
        }
    }

    fn publish(store: &Store, id: &str, manifest: &Manifest) {
        let python = store.building(id).join("rootfs/python/bin/python3");
        fs::create_dir_all(python.parent().unwrap()).unwrap();
        fs::write(python, "").unwrap();
        store.publish(id, manifest).unwrap();
    }

    #[test]
    fn the_newest_that_fits_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path());
        assert_eq!(store.newest(&["x".into()], None), None);
        publish(&store, "a", &manifest("x", "/py1", 1));
        publish(&store, "b", &manifest("x", "/py2", 2));
        publish(&store, "c", &manifest("y", "/py1", 3));
        let id = |inputs: &[&str], stamp: Option<&str>| {
            let inputs: Vec<String> = inputs.iter().map(|&it| it.into()).collect();
            let stamp = stamp.map(|path| manifest("", path, 0).stamp);
            store.newest(&inputs, stamp.as_ref()).map(|(id, _)| id)
        };
        assert_eq!(id(&["x"], None).as_deref(), Some("b"));
        assert_eq!(id(&["x"], Some("/py1")).as_deref(), Some("a"));
        assert_eq!(id(&["x", "y"], None).as_deref(), Some("c"));
        assert_eq!(id(&["z"], None), None);
        assert_eq!(id(&["y"], Some("/py2")), None);
    }

    #[test]
    fn a_damaged_runtime_is_not_found_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path());
        publish(&store, "a", &manifest("x", "/py", 1));
        fs::remove_dir_all(store.ready("a").join("rootfs")).unwrap();
        assert_eq!(store.manifest("a"), None);
        publish(&store, "a", &manifest("x", "/py", 2));
        assert_eq!(store.manifest("a").unwrap().finished_ms, 2);
    }

    #[test]
    fn who_waits_for_a_lock_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path());
        let first = store.lock("a", &mut |_| panic!("nobody to wait for")).unwrap();
        let releases = std::sync::Mutex::new(Some(first));
        let mut told = None;
        store
            .lock("a", &mut |progress| {
                told = Some(progress);
                drop(releases.lock().unwrap().take());
            })
            .unwrap();
        assert!(matches!(told, Some(Progress::Waiting { lock }) if lock.ends_with("runtime-a.lock")));
    }

    #[test]
    fn a_folder_that_anybody_can_write_to_is_refused() {
        let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o777)).tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let text = Store::at(dir.path()).check().unwrap_err().to_string();
        assert!(text.contains("everybody may write") && text.contains("--cache-dir"), "{text}");
    }

    #[test]
    fn for_root_every_folder_on_the_way_must_be_passable() {
        if !root() {
            eprintln!("skipped: only root starts jails as somebody else");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("home/cache");
        Store::create(&cache).unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Store::at(&cache).check().unwrap();
        let home = fs::canonicalize(dir.path().join("home")).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        let text = Store::at(&cache).check().unwrap_err().to_string();
        assert!(text.contains(home.to_str().unwrap()) && text.contains("--cache-dir"), "{text}");
    }
}
