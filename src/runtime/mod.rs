//! The runtime: interpreter, packages and nsjail, provisioned once.
use std::path::{Path, PathBuf};

/// Stand-in.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// .
    pub rootfs: PathBuf,
    /// .
    pub nsjail: PathBuf,
    /// .
    pub runner: String,
}
impl Runtime {
    /// .
    pub fn rootfs(&self) -> &Path {
        &self.rootfs
    }
    /// .
    pub fn nsjail(&self) -> &Path {
        &self.nsjail
    }
    /// .
    pub fn runner(&self) -> &str {
        &self.runner
    }
}
