//! Exit statuses. clap's own for a wrong command line is 2.

/// `main()` returned; the script is right; the command did its work.
pub(crate) const OK: u8 = 0;
/// The script's fault.
pub(crate) const SCRIPT: u8 = 1;
/// Our failure: no runtime, a broken jail, an unreadable file.
pub(crate) const OURS: u8 = 3;
/// The deadline passed: what timeout(1) says.
pub(crate) const TIMEOUT: u8 = 124;
