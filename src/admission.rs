//! How many executions run at one time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Gives out permits; an execution needs one to start its jail, and holds it until nothing of the jail is left.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    running: Arc<Semaphore>,
}

/// The right to run one jail.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Waits, in the order of asking.
    pub(crate) async fn admit(&self) -> Option<Permit> {
        Arc::clone(&self.running).acquire_owned().await.ok().map(|permit| Permit { _permit: permit })
    }
}
