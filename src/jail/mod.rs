//! The jail: what confines one execution.
//!
//! # What passes between server and jail
//!
//! The interpreter inside gets six descriptors and nothing else:
//!
//! | descriptor | | |
//! |---|---|---|
//! | 0 | stdin | a sealed memfd: it can be read and never changed |
//! | 1, 2 | stdout, stderr | pipes; what is written there is output, whatever it looks like |
//! | 3 | request | a sealed memfd, see [`protocol::Request`] |
//! | 4 | result | a pipe for one frame, see [`protocol::Frame`]; the script could write here too, so a frame is believed about its own result only |
//! | 5 | status | a pipe held by the supervisor alone, closed before the script is read, see [`protocol::StatusLine`] |
//!
//! The first process in the jail is the supervisor. It forks the script's process, which writes `ready` to the
//! status pipe, closes it, and only then reads the request. When the script's process has ended the supervisor
//! writes how, and ends; being the first of its PID namespace, its end is the end of everything in it.
//!
//! nsjail's own log has a descriptor of its own, which never reaches the inside.

mod capture;
mod cgroup;
mod cold;
mod evidence;
mod nsjail_config;
mod plan;
mod process;
mod protocol;

pub(crate) use cold::{Job, run};
pub(crate) use plan::Environment;
pub(crate) use protocol::Op;

/// The jail broke, or never started: our failure. Texts are for the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JailError {
    /// A system call on our side was refused.
    #[error("failed to {action}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// nsjail or the supervisor ended before the script was handed over.
    #[error("the jail didn't start ({status}): {log}")]
    NotStarted {
        /// How nsjail ended.
        status: String,
        /// What nsjail and the supervisor had to say.
        log: String,
    },
    /// nsjail ended while the script ran, without telling how the script ended.
    #[error("the jail broke while the script ran ({status}); nsjail's log: {log}")]
    Broke {
        /// How nsjail ended.
        status: String,
        /// What nsjail logged.
        log: String,
    },
    /// The execution was given up by its caller.
    #[error("the execution was cancelled")]
    Cancelled,
}

impl JailError {
    fn system(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { action, source }
    }
}
