//! Progress as a line for a terminal or a log.

use std::fmt;

use super::Progress;

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { number, total, text } => write!(f, "[{number}/{total}] {text}"),
            Self::Detail(line) => write!(f, "      {line}"),
            Self::Waiting { lock } => {
                write!(f, "waiting: another process builds the same runtime (it holds {})", lock.display())
            }
        }
    }
}
