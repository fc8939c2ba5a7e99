//! The check: what can be said of a script without running it.

use crate::Script;

/// A script that passed the check; only it can run.
#[derive(Clone, Debug)]
pub struct CheckedScript {
    script: Script,
}

impl CheckedScript {
    /// The source.
    pub fn source(&self) -> &str {
        self.script.source()
    }
}
