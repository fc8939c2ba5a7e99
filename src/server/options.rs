//! What an operator may choose.

use std::time::Duration;

use super::wire::{Bound, Bounds, HealthResponse, HealthStatus, RuntimeBody};
use crate::{Ceiling, Limits, MAX_SCRIPT_BYTES};

/// How to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// What a request gets that asks for nothing.
    pub limits: Limits,
    /// The most that a request may ask for.
    pub ceiling: Ceiling,
    /// The longest script, in bytes of UTF-8. 1 MiB.
    pub max_script_bytes: usize,
    /// The largest request body, in bytes. 8 MiB.
    pub max_body_bytes: usize,
    /// How long open requests may go on once the server is told to stop. 35 s: a script with the default timeout ends
    /// by itself.
    pub drain_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            ceiling: Ceiling::default(),
            max_script_bytes: MAX_SCRIPT_BYTES,
            max_body_bytes: 8 << 20,
            drain_timeout: Duration::from_secs(35),
        }
    }
}

impl ServerOptions {
    /// What `GET /health` answers when scripts run in `runtime`.
    pub(super) fn health(&self, runtime: RuntimeBody) -> HealthResponse {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        HealthResponse {
            status: HealthStatus::Ok,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime,
            limits: Bounds {
                timeout_ms: Bound { default: ms(self.limits.timeout), ceiling: ms(self.ceiling.timeout) },
                memory_mib: Bound {
                    default: self.limits.memory_bytes >> 20,
                    ceiling: self.ceiling.memory_bytes >> 20,
                },
                script_bytes: self.max_script_bytes as u64,
                body_bytes: self.max_body_bytes as u64,
            },
        }
    }
}
