//! Folders of files: copied, given their permissions, removed.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use super::{ProvisionError, error::in_cache};

/// Deeper than any standard library; ends a circle of links.
const MAX_DEPTH: usize = 24;

/// Copies a folder's contents into a new one, links as what they lead to. `keep` decides by an entry's name and whether
/// it is at the top.
///
/// Copies, not links: the runtime must outlive its source, and its pages must not be shared with files that others
/// could write.
pub(super) fn copy(from: &Path, to: &Path, keep: &dyn Fn(&str, bool) -> bool) -> Result<(), ProvisionError> {
    copy_below(from, to, keep, 0)
}

fn copy_below(
    from: &Path,
    to: &Path,
    keep: &dyn Fn(&str, bool) -> bool,
    depth: usize,
) -> Result<(), ProvisionError> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    folder(to)?;
    let reading = |source| ProvisionError::Io { doing: "reading a folder".into(), path: from.into(), source };
    for entry in fs::read_dir(from).map_err(reading)? {
        let entry = entry.map_err(reading)?;
        let name = entry.file_name();
        if !keep(&name.to_string_lossy(), depth == 0) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        // Follows links; one that leads nowhere is left out.
        match fs::metadata(&source) {
            Ok(found) if found.is_dir() => copy_below(&source, &target, keep, depth + 1)?,
            Ok(found) if found.is_file() => file(&source, &target)?,
            _ => {}
        }
    }
    Ok(())
}

/// Copies one file.
pub(super) fn file(from: &Path, to: &Path) -> Result<(), ProvisionError> {
    fs::copy(from, to).map(drop).map_err(|source| {
        if fs::File::open(from).is_err() {
            return ProvisionError::Io { doing: "reading a file".into(), path: from.into(), source };
        }
        in_cache("copying a file", to)(source)
    })
}

/// Makes a folder and those above it.
pub(super) fn folder(path: &Path) -> Result<(), ProvisionError> {
    fs::create_dir_all(path).map_err(in_cache("making a folder", path))
}

/// Writes a file.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), ProvisionError> {
    fs::write(path, content).map_err(in_cache("writing a file", path))
}

/// Makes a link at `path`.
pub(super) fn link(target: &str, path: &Path) -> Result<(), ProvisionError> {
    symlink(target, path).map_err(in_cache("making a link", path))
}

/// Moves a file or folder within the cache folder.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), ProvisionError> {
    fs::rename(from, to).map_err(in_cache("moving into place", to))
}

/// Removes a file, link or folder, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), ProvisionError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(in_cache("removing what an earlier build left", path)),
    }
}

/// Gives everything below a folder the permissions of a runtime, whatever the umask was: readable by all, since a jail
/// runs as somebody else, and writable by its owner alone.
pub(super) fn seal(path: &Path) -> Result<(), ProvisionError> {
    let failed = || in_cache("setting permissions", path);
    let found = fs::symlink_metadata(path).map_err(failed())?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode();
    let wanted = if found.is_dir() || mode & 0o111 != 0 { 0o755 } else { 0o644 };
    if mode & 0o7777 != wanted {
        fs::set_permissions(path, fs::Permissions::from_mode(wanted)).map_err(failed())?;
    }
    if found.is_dir() {
        for entry in fs::read_dir(path).map_err(failed())? {
            seal(&entry.map_err(failed())?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn links_become_what_they_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(dir.path().join("outside"), "text").unwrap();
        symlink(dir.path().join("outside"), from.join("sub/link")).unwrap();
        symlink("/no/such", from.join("dangling")).unwrap();
        symlink(".", from.join("circle")).unwrap();
        fs::write(from.join("left-out"), "").unwrap();
        copy(&from, &to, &|name, top| !(top && name == "left-out")).unwrap();
        assert!(fs::symlink_metadata(to.join("sub/link")).unwrap().is_file());
        assert_eq!(fs::read_to_string(to.join("sub/link")).unwrap(), "text");
        assert!(!to.join("dangling").exists() && !to.join("left-out").exists());
    }

    #[test]
    fn permissions_do_not_depend_on_the_umask() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, text, tool) =
            (dir.path().join("folder"), dir.path().join("folder/text"), dir.path().join("tool"));
        fs::create_dir(&folder).unwrap();
        fs::write(&text, "").unwrap();
        fs::write(&tool, "").unwrap();
        for (path, strange) in [(&text, 0o4666), (&tool, 0o700), (&folder, 0o2770)] {
            fs::set_permissions(path, fs::Permissions::from_mode(strange)).unwrap();
        }
        seal(dir.path()).unwrap();
        assert_eq!((mode(dir.path()), mode(&folder), mode(&text), mode(&tool)), (0o755, 0o755, 0o644, 0o755));
    }

    #[test]
    fn removing_what_is_not_there_is_no_failure() {
        remove(Path::new("/no/such/folder")).unwrap();
    }
}
