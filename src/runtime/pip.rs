//! Installing packages: where pip comes from, how it is called, and what its failures mean.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    ProvisionError,
    child::{self, Ended, Shell},
    interpreter::Interpreter,
    requirements, tree,
};

const FETCH_PIP: &str = include_str!("../../jail/provision/fetch_pip.py");

/// The first pip that can install into another interpreter's environment (`--python`).
const OLDEST_PIP: (u32, u32) = (22, 3);

/// An empty virtual environment to install into, and the pip that does.
pub(super) struct Pip {
    environment: PathBuf,
    call: Vec<String>,
}

impl Pip {
    /// Makes the environment at `folder`/venv.
    ///
    /// # Errors
    /// [`ProvisionError`], also when there is no pip and none can be fetched.
    pub(super) fn new(
        shell: &mut Shell,
        interpreter: &Interpreter,
        lock: &str,
        folder: &Path,
    ) -> Result<Self, ProvisionError> {
        let executable = &interpreter.stamp.executable;
        if !interpreter.venv {
            let python = executable.display().to_string();
            return Err(ProvisionError::MissingModule { python, module: "venv".into() });
        }
        let environment = folder.join("venv");
        let mut command = child::command(executable);
        command.args(["-I", "-m", "venv", "--without-pip"]).arg(&environment);
        let doing = "making a virtual environment";
        succeed(shell.run(command, "")?, doing, folder)?;

        let python = environment.join("bin/python3").display().to_string();
        let own = interpreter.pip.as_deref().is_some_and(is_recent);
        let call = if own {
            let executable = executable.display().to_string();
            [&executable, "-I", "-m", "pip", "--python", &python].map(str::to_owned).to_vec()
        } else {
            let wheel = match &interpreter.pip_wheel {
                Some(wheel) => wheel.clone(),
                None => fetch(shell, &python, lock, folder)?,
            };
            // A wheel is a zip archive, and Python runs packages from those.
            vec![python, wheel.join("pip").display().to_string()]
        };
        Ok(Self { environment, call })
    }

    /// Installs a lock file, each file checked against its hashes; into `target` rather than the environment if given.
    ///
    /// # Errors
    /// [`ProvisionError`].
    pub(super) fn install_locked(
        &self,
        shell: &mut Shell,
        lock: &str,
        target: Option<&Path>,
    ) -> Result<(), ProvisionError> {
        let file = self.environment.join("locked.txt");
        tree::write(&file, lock.as_bytes())?;
        let mut command = self.install();
        command.args(["--require-hashes", "--no-deps", "--requirement"]).arg(&file);
        if let Some(target) = target {
            command.arg("--target").arg(target);
        }
        succeed(shell.run(command, "")?, "installing the locked packages", &self.environment)
    }

    /// Installs the user's requirement files beside the locked packages, which stay as they are.
    ///
    /// # Errors
    /// [`ProvisionError`]; `Conflict` when they don't go together.
    pub(super) fn install_more(
        &self,
        shell: &mut Shell,
        lock: &str,
        files: &[PathBuf],
    ) -> Result<(), ProvisionError> {
        let pins = self.environment.join("pins.txt");
        tree::write(&pins, requirements::constraints(lock).as_bytes())?;
        let mut command = self.install();
        command.arg("--constraint").arg(&pins);
        for file in files {
            command.arg("--requirement").arg(file);
        }
        succeed(shell.run(command, "")?, "installing the packages of --requirements", &self.environment)
    }

    /// Where the environment keeps its packages.
    pub(super) fn site_packages(&self, interpreter: &Interpreter) -> PathBuf {
        let (major, minor, _) = interpreter.version;
        // The scheme of virtual environments is `lib`, also where `platlibdir` is `lib64`: that one is a link to it.
        self.environment.join(format!("lib/python{major}.{minor}/site-packages"))
    }

    /// Wheels only, since a source package runs its own code to be built; a requirements file can say `--no-binary
    /// NAME`.
    fn install(&self) -> Command {
        let mut command = child::command(&self.call[0]);
        command.args(&self.call[1..]).arg("install").args([
            "--only-binary",
            ":all:",
            "--no-compile",
            "--no-input",
            "--disable-pip-version-check",
            "--no-color",
            "--progress-bar",
            "off",
        ]);
        command
    }
}

fn is_recent(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST_PIP
}

fn fetch(shell: &mut Shell, python: &str, lock: &str, folder: &Path) -> Result<PathBuf, ProvisionError> {
    let mut command = child::command(python);
    command.args(["-I", "-c", FETCH_PIP]).arg(folder);
    let ended = shell.run(command, lock)?;
    let wheel = PathBuf::from(ended.stdout.trim());
    succeed(ended, "fetching pip", folder)?;
    Ok(wheel)
}

fn succeed(ended: Ended, doing: &str, place: &Path) -> Result<(), ProvisionError> {
    if ended.status.success() { Ok(()) } else { Err(failure(doing, place, ended)) }
}

/// What a failure of pip is, from what it said: its exit status is always the same.
fn failure(doing: &str, place: &Path, ended: Ended) -> ProvisionError {
    let Ended { status, tail, .. } = ended;
    let says = |signs: &[&str]| signs.iter().any(|sign| tail.contains(sign));
    let doing = doing.to_owned();
    if says(&["DO NOT MATCH THE HASHES"]) {
        ProvisionError::WrongHash { doing, tail }
    } else if child::says_full(&tail) {
        ProvisionError::DiskFull { doing, path: place.into() }
    } else if says(&["ResolutionImpossible", "conflicting dependencies"]) {
        ProvisionError::Conflict { tail }
    } else if says(&[
        "connection broken by",
        "Could not fetch URL",
        "ConnectionError",
        "Connection to",
        "Network is ",
    ]) {
        ProvisionError::NoNetwork { doing, tail }
    } else {
        ProvisionError::Pip { doing, status: status.to_string(), tail }
    }
}

/// Name and version of the packages that are installed in a folder, sorted.
pub(super) fn installed(folder: &Path) -> Vec<(String, String)> {
    let mut packages: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            entry.file_name().to_str()?.strip_suffix(".dist-info")?;
            name_and_version(&fs::read_to_string(entry.path().join("METADATA")).ok()?)
        })
        .collect();
    packages.sort();
    packages
}

fn name_and_version(metadata: &str) -> Option<(String, String)> {
    let field =
        |name: &str| metadata.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim().to_owned());
    Some((field("Name:")?, field("Version:")?))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    use super::*;

    fn said(tail: &str) -> ProvisionError {
        let ended = Ended { status: ExitStatus::from_raw(256), stdout: String::new(), tail: tail.into() };
        failure("installing", Path::new("/cache"), ended)
    }

    #[test]
    fn failures_are_told_apart() {
        let hash = said("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. Got 12");
        assert!(matches!(hash, ProvisionError::WrongHash { .. }));
        let full =
            said("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device");
        assert!(matches!(full, ProvisionError::DiskFull { .. }));
        let conflict = said(
            "ERROR: Cannot install numpy<2 because these package versions have conflicting dependencies.",
        );
        assert!(matches!(conflict, ProvisionError::Conflict { .. }));
        let network = said(
            "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: No matching distribution found",
        );
        assert!(matches!(network, ProvisionError::NoNetwork { .. }));
        let other = said("ERROR: No matching distribution found for x");
        assert!(matches!(&other, ProvisionError::Pip { .. }));
        assert!(
            other.to_string().contains("exit status: 1") && other.to_string().contains("for x"),
            "{other}"
        );
    }

    #[test]
    fn old_pips_are_passed_over() {
        assert!(is_recent("22.3") && is_recent("23.0.1") && is_recent("100.1rc1"));
        assert!(!is_recent("22.2.2") && !is_recent("9.0") && !is_recent(""));
    }

    #[test]
    fn name_and_version_come_from_the_metadata() {
        let text = "Metadata-Version: 2.4\nName: numpy\nVersion: 2.4.6\n\nName: other\n";
        assert_eq!(name_and_version(text), Some(("numpy".into(), "2.4.6".into())));
    }
}
