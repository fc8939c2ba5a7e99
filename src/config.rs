//! The environment's part in what is chosen; the library reads it nowhere else.

use std::{env, ffi::OsString, path::PathBuf};

use crate::runtime::{RuntimeOptions, default_cache_dir};

/// No place to keep a runtime in is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither HOME nor XDG_CACHE_HOME says where to keep the runtime: set PYTHON_EXECUTOR_CACHE_DIR to a folder"
)]
pub struct NoCacheDir;

/// The folder in which runtimes are kept when none is chosen: see [`default_cache_dir`].
///
/// # Errors
/// [`NoCacheDir`] when nothing says where.
pub fn cache_dir() -> Result<PathBuf, NoCacheDir> {
    cache_dir_from(rustix::process::geteuid().as_raw(), variable)
}

fn cache_dir_from(uid: u32, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoCacheDir> {
    default_cache_dir(uid, variable("XDG_CACHE_HOME").as_deref(), variable("HOME").as_deref())
        .ok_or(NoCacheDir)
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

impl RuntimeOptions {
    /// What the environment asks for, else the defaults. The variables are those of the command line's flags:
    ///
    /// | variable | |
    /// |---|---|
    /// | `PYTHON_EXECUTOR_CACHE_DIR` | where runtimes are kept |
    /// | `PYTHON_EXECUTOR_PYTHON` | the interpreter to copy |
    /// | `PYTHON_EXECUTOR_NSJAIL` | another nsjail |
    /// | `PYTHON_EXECUTOR_REQUIREMENTS` | requirements files, separated by colons |
    ///
    /// # Errors
    /// [`NoCacheDir`] when nothing says where to keep it.
    pub fn from_environment() -> Result<Self, NoCacheDir> {
        let chosen = variable("PYTHON_EXECUTOR_CACHE_DIR").map(PathBuf::from);
        let mut options = Self::new(chosen.map_or_else(cache_dir, Ok)?);
        if let Some(python) = variable("PYTHON_EXECUTOR_PYTHON") {
            options = options.python(python);
        }
        if let Some(nsjail) = variable("PYTHON_EXECUTOR_NSJAIL") {
            options = options.nsjail(nsjail);
        }
        let files = variable("PYTHON_EXECUTOR_REQUIREMENTS").unwrap_or_default();
        Ok(env::split_paths(&files)
            .filter(|file| !file.as_os_str().is_empty())
            .fold(options, Self::requirements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_any_variable_there_is_no_place_unless_for_root() {
        assert_eq!(cache_dir_from(1000, |_| None), Err(NoCacheDir));
        assert_eq!(cache_dir_from(0, |_| None), Ok("/var/cache/python-executor".into()));
        let home = |name: &str| (name == "HOME").then(|| "/home/ada".into());
        assert_eq!(cache_dir_from(1000, home), Ok("/home/ada/.cache/python-executor".into()));
    }
}
