//! What one execution may use, and the most that a request may ask for.

use std::time::Duration;

const MIB: u64 = 1 << 20;

/// What one execution may use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Wall time from the moment the script is handed over. 30 s.
    pub timeout: Duration,
    /// Memory of all its processes, its scratch and its shared memory together, in bytes. 512 MiB.
    pub memory_bytes: u64,
    /// Processes and threads at one time. 64.
    pub processes: u32,
    /// Bytes it may keep in its scratch; they count as memory too. 64 MiB.
    pub scratch_bytes: u64,
    /// Files and folders it may keep in its scratch. 4,096.
    pub scratch_inodes: u32,
    /// Descriptors that each process may hold open. 256.
    pub open_files: u32,
    /// Bytes kept of stdout; the rest is dropped without stopping the script. 1 MiB.
    pub stdout_bytes: usize,
    /// Bytes kept of stderr; the rest is dropped without stopping the script. 1 MiB.
    pub stderr_bytes: usize,
    /// Bytes of JSON that `main()` may return. 8 MiB.
    pub result_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            memory_bytes: 512 * MIB,
            processes: 64,
            scratch_bytes: 64 * MIB,
            scratch_inodes: 4096,
            open_files: 256,
            stdout_bytes: MIB as usize,
            stderr_bytes: MIB as usize,
            result_bytes: 8 * MIB as usize,
        }
    }
}

/// The least memory that an interpreter with pandas starts in, in bytes: 64 MiB.
pub const MIN_MEMORY_BYTES: u64 = 64 * MIB;

/// The most that one request may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ceiling {
    /// The longest timeout. 60 s.
    pub timeout: Duration,
    /// The most memory, in bytes. 1 GiB.
    pub memory_bytes: u64,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(60), memory_bytes: 1024 * MIB }
    }
}

/// A limit that can't be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limits.{field} is {asked}, allowed are {min} to {max}")]
pub struct LimitOutOfRange {
    /// The field's name in a request.
    pub field: &'static str,
    /// The value asked for.
    pub asked: u64,
    /// The smallest value allowed.
    pub min: u64,
    /// The largest value allowed: the ceiling.
    pub max: u64,
}

impl Ceiling {
    /// `base` with what a request asks for in place of its timeout (milliseconds) and memory (MiB).
    ///
    /// # Errors
    /// [`LimitOutOfRange`] names the first field that is zero, too small to start in, or above the ceiling.
    pub fn apply(
        &self,
        base: &Limits,
        timeout_ms: Option<u64>,
        memory_mib: Option<u64>,
    ) -> Result<Limits, LimitOutOfRange> {
        let within = |field, asked: u64, min: u64, max: u64| {
            if (min..=max).contains(&asked) {
                Ok(asked)
            } else {
                Err(LimitOutOfRange { field, asked, min, max })
            }
        };
        let mut limits = base.clone();
        if let Some(asked) = timeout_ms {
            let max = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
            limits.timeout = Duration::from_millis(within("timeout_ms", asked, 1, max)?);
        }
        if let Some(asked) = memory_mib {
            let mib = within("memory_mib", asked, MIN_MEMORY_BYTES / MIB, self.memory_bytes / MIB)?;
            limits.memory_bytes = mib * MIB;
            // Scratch counts as memory: more of it than memory would be a promise that can't be kept.
            limits.scratch_bytes = limits.scratch_bytes.min(limits.memory_bytes);
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_gets_what_it_asks_for_up_to_the_ceiling() {
        let ceiling = Ceiling::default();
        let limits = ceiling.apply(&Limits::default(), Some(60_000), Some(1024)).unwrap();
        assert_eq!(limits.timeout, Duration::from_secs(60));
        assert_eq!(limits.memory_bytes, 1024 * MIB);
    }

    #[test]
    fn a_limit_above_the_ceiling_or_below_the_floor_is_named() {
        let ceiling = Ceiling::default();
        let error =
            |timeout, memory| ceiling.apply(&Limits::default(), timeout, memory).unwrap_err().to_string();
        assert_eq!(error(Some(60_001), None), "limits.timeout_ms is 60001, allowed are 1 to 60000");
        assert_eq!(error(Some(0), None), "limits.timeout_ms is 0, allowed are 1 to 60000");
        assert_eq!(error(None, Some(63)), "limits.memory_mib is 63, allowed are 64 to 1024");
        assert_eq!(
            error(None, Some(u64::MAX)),
            format!("limits.memory_mib is {}, allowed are 64 to 1024", u64::MAX)
        );
    }

    #[test]
    fn scratch_never_exceeds_memory() {
        let base = Limits { scratch_bytes: 256 * MIB, ..Limits::default() };
        let limits = Ceiling::default().apply(&base, None, Some(64)).unwrap();
        assert_eq!(limits.scratch_bytes, 64 * MIB);
    }
}
