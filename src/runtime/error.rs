//! Why there is no runtime, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a runtime could not be opened or built. Each text names what was wrong and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// No interpreter at all.
    #[error(
        "no Python found (looked for {looked_for}): install Python 3.11 to 3.14 (Debian and Ubuntu: `apt install \
         python3`), or name one with --python PATH"
    )]
    NoPython {
        /// The names that were looked for.
        looked_for: String,
    },
    /// Interpreters, but none that packages exist for.
    #[error("{python} is {found}, but CPython 3.11 to 3.14 is needed: name another one with --python PATH")]
    UnsupportedPython {
        /// What was asked.
        python: String,
        /// What it is, such as `Python 3.8.18`.
        found: String,
    },
    /// It started, but did not tell what it is.
    #[error("{python} does not work ({reason}): name another interpreter with --python PATH")]
    BrokenPython {
        /// What was asked.
        python: String,
        /// What it said instead.
        reason: String,
    },
    /// The standard library was packaged in parts, and this part is missing.
    #[error(
        "{python} has no module named {module}: install the rest of its standard library (Debian and Ubuntu: `apt \
         install python3 python3-venv`), or name another interpreter with --python PATH"
    )]
    MissingModule {
        /// The interpreter.
        python: String,
        /// Such as `venv`.
        module: String,
    },
    /// The package index can't be reached.
    #[error(
        "{doing} needs the network once, and the package index could not be reached: check the connection, or tell \
         pip of a mirror (PIP_INDEX_URL), a folder of wheels (PIP_FIND_LINKS), a proxy (HTTPS_PROXY) or the proxy's \
         certificate (PIP_CERT). pip said:\n{tail}"
    )]
    NoNetwork {
        /// What was being done.
        doing: String,
        /// The end of what pip said.
        tail: String,
    },
    /// A package isn't the one that was locked.
    #[error(
        "{doing} stopped, because a file does not have the hash that its lock file demands: it was changed on its way, \
         or by the package index. Nothing of it was used. pip said:\n{tail}"
    )]
    WrongHash {
        /// What was being done.
        doing: String,
        /// The end of what pip said: the file, the hash expected and the hash found.
        tail: String,
    },
    /// No room.
    #[error(
        "no room left on the disk while {doing} ({}): a runtime needs about 300 MB in the cache folder, and pip as \
         much in TMPDIR; make room, or choose another cache folder with --cache-dir", path.display()
    )]
    DiskFull {
        /// What was being done.
        doing: String,
        /// The file or folder that there is no room for.
        path: PathBuf,
    },
    /// The user's packages and ours exclude one another.
    #[error(
        "the packages of --requirements do not go with the locked ones, numpy and pandas among them: ask for other \
         versions. pip said:\n{tail}"
    )]
    Conflict {
        /// The end of what pip said.
        tail: String,
    },
    /// pip failed in another way.
    #[error("{doing} failed ({status}). pip said:\n{tail}")]
    Pip {
        /// What was being done.
        doing: String,
        /// How pip ended, such as `exit status: 1`.
        status: String,
        /// The end of what it said.
        tail: String,
    },
    /// A requirements file can't be read.
    #[error("can't read the requirements file {}: {source}", path.display())]
    Requirements {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The cache folder can't be written.
    #[error("can't write to {} ({source}): make it writable, or choose another folder with --cache-dir", path.display())]
    CacheNotWritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A jail that root starts runs as nobody, who can't get to the cache folder.
    #[error(
        "started by root, a jail runs as an unprivileged user, who may not pass {} (mode {mode:o}) on the way to the \
         runtime: choose another folder with --cache-dir, or `chmod o+x` this one", folder.display()
    )]
    CacheUnreachable {
        /// The folder in the way.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else could have put anything there.
    #[error("won't use {}, because {reason}: choose another folder with --cache-dir", path.display())]
    CacheUntrusted {
        /// The folder.
        path: PathBuf,
        /// Who could have changed it.
        reason: String,
    },
    /// The lock that keeps two builds apart can't be taken.
    #[error("can't lock {} ({source}): choose a --cache-dir on a file system with locks", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// nsjail isn't usable.
    #[error("nsjail at {} does not start: {reason}", path.display())]
    Nsjail {
        /// The binary.
        path: PathBuf,
        /// What happened, and what to do.
        reason: String,
    },
    /// The finished runtime doesn't run Python, so it was not put into use.
    #[error(
        "the new runtime does not work, so it was thrown away: {reason}\n(a shared library that is missing must be \
         installed here first, for example `apt install libstdc++6 libgcc-s1`)"
    )]
    DoesNotWork {
        /// What the check said.
        reason: String,
    },
    /// Any other failure of the file system or of starting a program.
    #[error("{doing} failed: {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: String,
        /// The file, folder or program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Whether a disk or a quota is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Names a failed file operation below the cache folder.
pub(super) fn in_cache<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> ProvisionError + 'a {
    move |source| {
        let path = path.to_path_buf();
        match source.kind() {
            _ if is_full(&source) => ProvisionError::DiskFull { doing: doing.into(), path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ProvisionError::CacheNotWritable { path, source }
            }
            _ => ProvisionError::Io { doing: doing.into(), path, source },
        }
    }
}
