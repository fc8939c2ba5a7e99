//! A script: Python source within the size bound.

use std::sync::Arc;

/// The bound that [`Script::new`] holds a source to, in bytes of UTF-8: 1 MiB.
pub const MAX_SCRIPT_BYTES: usize = 1 << 20;

/// Python source text, not larger than its bound. Cheap to clone.
///
/// A leading byte order mark is dropped, as CPython does when it reads a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    source: Arc<str>,
}

/// The source is larger than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the script is {bytes} bytes long, more than the {max_bytes} bytes allowed")]
pub struct ScriptTooLarge {
    /// The size of the source, in bytes.
    pub bytes: usize,
    /// The bound it was held to, in bytes.
    pub max_bytes: usize,
}

impl Script {
    /// Takes a source of at most [`MAX_SCRIPT_BYTES`].
    ///
    /// # Errors
    /// [`ScriptTooLarge`] for a longer one.
    pub fn new(source: impl AsRef<str>) -> Result<Self, ScriptTooLarge> {
        Self::with_max_bytes(source, MAX_SCRIPT_BYTES)
    }

    /// Takes a source of at most `max_bytes`.
    ///
    /// # Errors
    /// [`ScriptTooLarge`] for a longer one.
    pub fn with_max_bytes(source: impl AsRef<str>, max_bytes: usize) -> Result<Self, ScriptTooLarge> {
        let source = source.as_ref();
        if source.len() > max_bytes {
            return Err(ScriptTooLarge { bytes: source.len(), max_bytes });
        }
        Ok(Self { source: source.strip_prefix('\u{feff}').unwrap_or(source).into() })
    }

    /// The source, without a byte order mark.
    pub fn source(&self) -> &str {
        &self.source
    }
}
