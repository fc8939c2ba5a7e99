//! Programs that a build runs: their output becomes progress, their failure an error.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

use command_fds::CommandFdExt;

use super::{Progress, ProvisionError};

/// Lines of output that an error shows.
const TAIL_LINES: usize = 25;

/// Settings of the caller that would lead a program astray. Everything else is inherited: proxies, certificates, PIP_*.
const MISLEADING: &[&str] = &[
    // Would mix the caller's modules, or another loader's libraries, into the runtime.
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONPLATLIBDIR",
    "LD_PRELOAD",
    // Would install somewhere else, or nothing.
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_DRY_RUN",
    "PIP_REQUIRE_VIRTUALENV",
];

/// How a program ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// What it printed to stdout.
    pub(super) stdout: String,
    /// The last lines of stdout and stderr, in the order in which they came.
    pub(super) tail: String,
}

/// A command whose output is English and which the caller's settings do not lead astray.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8");
    for name in MISLEADING {
        command.env_remove(name);
    }
    command
}

/// Runs programs for one build.
pub(super) struct Shell<'a> {
    pub(super) progress: &'a mut dyn FnMut(Progress),
    /// Variables that programs get beside those that they inherit.
    pub(super) env: &'a [(OsString, OsString)],
    /// Programs inherit the lock: when this process is killed, nobody builds beside what still runs.
    pub(super) lock: Option<&'a File>,
}

impl Shell<'_> {
    /// Runs a command to its end, each line of its output a detail of the progress.
    ///
    /// # Errors
    /// [`ProvisionError::Io`] when it doesn't start.
    pub(super) fn run(&mut self, mut command: Command, input: &str) -> Result<Ended, ProvisionError> {
        let program = command.get_program().to_owned();
        let failed = |source| ProvisionError::Io {
            doing: "starting a program".into(),
            path: program.clone().into(),
            source,
        };
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(lock) = self.lock {
            let lock: OwnedFd = lock.as_fd().try_clone_to_owned().map_err(failed)?;
            command.preserved_fds(vec![lock]);
        }
        let mut child = command.spawn().map_err(failed)?;
        drop(command);
        if let Some(mut stdin) = child.stdin.take() {
            // A program that doesn't read its input says so in another way.
            let _ = stdin.write_all(input.as_bytes());
        }
        let (sender, lines) = mpsc::channel();
        let readers = [
            child.stdout.take().map(|stream| read_lines(stream, true, sender.clone())),
            child.stderr.take().map(|stream| read_lines(stream, false, sender)),
        ];
        let mut stdout = String::new();
        let mut tail = VecDeque::new();
        for (is_stdout, line) in lines {
            (self.progress)(Progress::Detail(line.clone()));
            if is_stdout {
                stdout.push_str(&line);
                stdout.push('\n');
            }
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(line);
        }
        for reader in readers.into_iter().flatten() {
            let _ = reader.join();
        }
        let status = child.wait().map_err(failed)?;
        Ok(Ended { status, stdout, tail: Vec::from(tail).join("\n") })
    }
}

fn read_lines(
    stream: impl Read + Send + 'static,
    is_stdout: bool,
    lines: mpsc::Sender<(bool, String)>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if lines.send((is_stdout, text)).is_err() {
                return;
            }
            line.clear();
        }
    })
}

/// Whether a Python program's complaints say that a disk or a quota is full.
pub(super) fn says_full(output: &str) -> bool {
    ["[Errno 28]", "[Errno 122]", "No space left on device"].iter().any(|sign| output.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_progress_and_tail() {
        let mut seen = Vec::new();
        let mut progress = |told| {
            if let Progress::Detail(line) = told {
                seen.push(line)
            }
        };
        let mut shell = Shell { progress: &mut progress, env: &[], lock: None };
        let mut command = command("sh");
        command.args(["-c", "cat; echo bad >&2; exit 3"]);
        let ended = shell.run(command, "good\n").unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.stdout, "good\n");
        assert!(ended.tail.contains("good") && ended.tail.contains("bad"));
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_program_that_is_missing_is_named() {
        let mut progress = |_| ();
        let mut shell = Shell { progress: &mut progress, env: &[], lock: None };
        let error = shell.run(command("no-such-program"), "").err().unwrap();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
