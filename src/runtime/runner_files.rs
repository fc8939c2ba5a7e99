//! Our own Python inside the jail: embedded here, written into a runtime when it is opened, so that a new version of
//! this crate does not need new packages.

use std::{fs, path::Path, process::Command};

use super::{ProvisionError, child, error::in_cache, requirements::digest_of, tree};

/// The files, by the names that they have in the runner's folder.
const FILES: &[(&str, &str)] = &[
    ("arguments.py", include_str!("../../jail/runner/arguments.py")),
    ("execution.py", include_str!("../../jail/runner/execution.py")),
    ("faults.py", include_str!("../../jail/runner/faults.py")),
    ("interpreter.py", include_str!("../../jail/runner/interpreter.py")),
    ("not_json.py", include_str!("../../jail/runner/not_json.py")),
    ("result_json.py", include_str!("../../jail/runner/result_json.py")),
    ("runner.py", include_str!("../../jail/runner/runner.py")),
    ("source.py", include_str!("../../jail/runner/source.py")),
];

/// Writes the runner's folder if it isn't there. Gives its path inside the jail.
///
/// # Errors
/// [`ProvisionError`] when it isn't there and can't be written.
pub(super) fn ensure(rootfs: &Path) -> Result<String, ProvisionError> {
    let parts: Vec<&str> = FILES.iter().flat_map(|(name, content)| [*name, *content]).collect();
    let id = &digest_of(&parts)[..12];
    let inside = format!("/runner/{id}");
    let folder = rootfs.join("runner").join(id);
    if folder.is_dir() {
        return Ok(inside);
    }
    let aside = tempfile::Builder::new()
        .prefix(".new-")
        .tempdir_in(rootfs.join("runner"))
        .map_err(in_cache("writing the runner", &folder))?;
    for (name, content) in FILES {
        tree::write(&aside.path().join(name), content.as_bytes())?;
    }
    // Only saves time: without it, the interpreter compiles at each start.
    let _ = compile(rootfs, aside.path(), &inside).output();
    tree::seal(aside.path())?;
    match fs::rename(aside.path(), &folder) {
        Ok(()) => drop(aside.keep()),
        // Somebody else was faster, and the folder is removed.
        Err(_) if folder.is_dir() => {}
        Err(error) => return Err(in_cache("writing the runner", &folder)(error)),
    }
    Ok(inside)
}

/// Compiles a folder as if it lay at `inside`.
fn compile(rootfs: &Path, folder: &Path, inside: &str) -> Command {
    let mut command = python(rootfs);
    command.args(["-I", "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s"]);
    command.arg(folder).arg("-p").arg(inside).arg(folder);
    command
}

/// The runtime's own interpreter, outside of any jail, with the runtime's own libraries.
pub(super) fn python(rootfs: &Path) -> Command {
    let lib = rootfs.join("lib");
    let loader = fs::read_dir(&lib).into_iter().flatten().flatten();
    let loader = loader
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux")));
    let mut command = child::command(loader.unwrap_or_else(|| lib.join("ld-linux.so")));
    command.arg("--library-path").arg(lib).arg(rootfs.join("python/bin/python3"));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_runner_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("jail/runner");
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".py")).collect();
        names.sort();
        let embedded: Vec<_> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, embedded);
    }
}
