//! The shared libraries that interpreter and packages load, gathered in one folder.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Progress, ProvisionError,
    child::{self, Shell},
    tree,
};

/// Objects that one run of ldd is asked about.
const AT_ONCE: usize = 200;

/// One line of ldd's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Dependency {
    /// A library under the name that it is asked for, and where the loader finds it.
    Found { name: String, path: PathBuf },
    /// Nothing by that name.
    Missing { name: String },
}

/// Reads what ldd prints about any number of objects.
fn parse(output: &str) -> Vec<Dependency> {
    let line = |line: &str| -> Option<Dependency> {
        // Objects' own names aren't indented.
        let line = line.strip_prefix(['\t', ' '])?.trim();
        let (name, place) = line.split_once(" => ").unwrap_or((line, line));
        let place = place.rsplit_once(" (0x").map_or(place, |(place, _)| place);
        let name = name.rsplit_once(" (0x").map_or(name, |(name, _)| name);
        let name = name.rsplit('/').next()?.to_owned();
        if place == "not found" {
            return Some(Dependency::Missing { name });
        }
        // Neither the kernel's own (linux-vdso) nor sentences like "statically linked".
        place.starts_with('/').then(|| Dependency::Found { name, path: place.into() })
    };
    output.lines().filter_map(line).collect()
}

/// Copies what `objects` need into `rootfs`/lib, each library by the name it is asked for. Libraries that lie in the
/// rootfs already, beside the packages that brought them, are found from there. The first to claim a name keeps it.
///
/// # Errors
/// [`ProvisionError`] when a library can't be copied. One that nobody finds is told as progress: modules that can't be
/// loaded here don't matter, unless the check at the end says so.
pub(super) fn gather(shell: &mut Shell, objects: &[PathBuf], rootfs: &Path) -> Result<(), ProvisionError> {
    let lib = rootfs.join("lib");
    // Libraries of a wheel are found once the module that needs them has told where to look.
    let own: HashSet<&OsStr> = objects.iter().filter_map(|path| path.file_name()).collect();
    let mut found = BTreeMap::new();
    for some in objects.chunks(AT_ONCE) {
        for dependency in ask(some)? {
            match dependency {
                Dependency::Found { name, path } if !path.starts_with(rootfs) => {
                    found.entry(name).or_insert(path);
                }
                Dependency::Found { .. } => {}
                Dependency::Missing { name } if own.contains(OsStr::new(&name)) => {}
                Dependency::Missing { name } => {
                    (shell.progress)(Progress::Detail(format!("{name} is not installed here")));
                }
            }
        }
    }
    for (name, path) in found {
        let target = lib.join(&name);
        if !target.exists() {
            tree::file(&path, &target)?;
        }
    }
    Ok(())
}

fn ask(objects: &[PathBuf]) -> Result<Vec<Dependency>, ProvisionError> {
    // Its status only says whether each of them had dependencies.
    let output = child::command("ldd").args(objects).output().map_err(|source| ProvisionError::Io {
        doing: "asking for shared libraries".into(),
        path: "ldd".into(),
        source,
    })?;
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// The shared objects below a folder.
pub(super) fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if name.ends_with(".so") || name.contains(".so.") => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_line_is_understood() {
        let output = "/usr/bin/python3:\n\tlinux-vdso.so.1 (0x00007fff)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)\n\
                      \tlibtk8.6.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n/a b.so:\n\tstatically linked\n\
                      \t/opt/x/liby.so => /opt/x y/liby.so (0x1)\n\tnot a dynamic executable\n";
        let found = |name: &str, path: &str| Dependency::Found { name: name.into(), path: path.into() };
        assert_eq!(
            parse(output),
            [
                found("libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6"),
                Dependency::Missing { name: "libtk8.6.so".into() },
                found("ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2"),
                found("liby.so", "/opt/x y/liby.so"),
            ]
        );
    }
}
