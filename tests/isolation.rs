//! What a script can't do, asserted from inside real jails: each test names the wall that stops it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use common::{execute_with, returned};
use python_executor::{Limits, Outcome};
use serde_json::json;

#[test]
fn a_script_sees_the_runtime_and_its_scratch_only() {
    let seen = returned(
        r#"
import os

def main():
    return {
        "root": sorted(os.listdir("/")),
        "scratch": sorted(os.listdir("/scratch")),
        "dev": sorted(os.listdir("/dev")),
        "host": [path for path in ("/etc/passwd", "/proc", "/sys", "/root", "/home", "/var/run", "/run", "/bin/sh")
                 if os.path.exists(path) and os.listdir(path) if os.path.isdir(path)],
        "passwd": os.path.exists("/etc/passwd"),
        "shell": os.path.exists("/bin/sh"),
    }
"#,
    );
    let root = seen["root"].as_array().unwrap();
    let known =
        ["dev", "lib", "lib64", "packages", "python", "runner", "scratch", "tmp", "usr", "var", "proc"];
    assert!(root.iter().all(|name| known.contains(&name.as_str().unwrap())), "{root:?}");
    assert_eq!(seen["scratch"], json!(["shm", "tmp", "work"]));
    assert_eq!(seen["dev"], json!(["full", "null", "random", "shm", "urandom", "zero"]));
    assert_eq!(seen["host"], json!([]));
    assert_eq!(seen["passwd"], false);
    assert_eq!(seen["shell"], false);
}

#[test]
fn no_descriptor_but_its_own_is_open() {
    // 3 and 5 are closed before the script is read; the result's has moved out of the way and isn't inherited.
    let open = returned(
        r#"
import os, stat, subprocess, sys

PROBE = '''
import os, stat
found = {}
for fd in range(256):
    try:
        found[fd] = stat.S_IFMT(os.fstat(fd).st_mode)
    except OSError:
        pass
print(found)
'''

def main():
    here = []
    for fd in range(256):
        try:
            os.fstat(fd)
            here.append(fd)
        except OSError:
            pass
    child = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, close_fds=False)
    return {"here": len(here), "child": sorted(eval(child.stdout))}
"#,
    );
    assert_eq!(open["here"], 4, "stdin, stdout, stderr and the result: {open}");
    assert_eq!(open["child"], json!([0, 1, 2]), "{open}");
}

#[test]
fn neither_environment_nor_arguments_tell_of_the_server() {
    let seen = returned(
        "import os, sys\ndef main():\n    return [sorted(os.environ), sys.argv, os.uname().nodename]",
    );
    assert_eq!(seen[1], json!(["script.py"]));
    assert_eq!(seen[2], "jail");
    let names: Vec<_> = seen[0].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(
        !names.iter().any(|name| name.starts_with("CARGO") || name.starts_with("PYTHON_EXECUTOR")),
        "{names:?}"
    );
}

#[test]
fn a_script_is_nobody_without_capabilities() {
    let who = returned(
        r#"
import os

def attempt(call, *args):
    try:
        call(*args)
        return "done"
    except OSError as error:
        return error.strerror

def main():
    return {
        "ids": os.getresuid() + os.getresgid(),
        "groups": os.getgroups(),
        "setuid": attempt(os.setuid, 0),
        "chroot": attempt(os.chroot, "/scratch"),
        "mknod": attempt(os.mknod, "device", 0o600 | 0o020000, os.makedev(1, 3)),
        "priority": attempt(os.setpriority, os.PRIO_PROCESS, 0, -20),
    }
"#,
    );
    assert_eq!(who["ids"], json!([1000, 1000, 1000, 1000, 1000, 1000]));
    // Supplementary groups of an ordinary user that are not mapped show as 65534.
    assert!(who["groups"].as_array().unwrap().iter().all(|group| group == 65534 || group == 1000), "{who}");
    assert_eq!(who["setuid"], "Invalid argument", "no other id is mapped");
    assert_eq!(who["chroot"], "Operation not permitted");
    assert_eq!(who["mknod"], "Operation not permitted");
    assert_eq!(who["priority"], "Permission denied");
}

#[test]
fn only_scratch_can_be_written() {
    let tried = returned(
        r#"
import os, json, numpy

def attempt(path):
    try:
        with open(path, "a"):
            return "written"
    except OSError as error:
        return error.strerror

def main():
    paths = ["/x", "/python/bin/python3", json.__file__, numpy.__file__, "/lib/libc.so.6", "/dev/x", "/runner/x", "/packages/x"]
    return {"refused": [attempt(path) for path in paths], "scratch": [attempt(p) for p in ("x", "/tmp/x", "/var/tmp/x", "/dev/shm/x")]}
"#,
    );
    // Root's files are refused to nobody before the mount is asked; an ordinary user's own by the mount.
    let walls = [json!("Read-only file system"), json!("Permission denied")];
    assert!(tried["refused"].as_array().unwrap().iter().all(|wall| walls.contains(wall)), "{tried}");
    assert_eq!(tried["scratch"], json!(["written", "written", "written", "written"]));
}

#[test]
fn scratch_is_bounded_in_bytes_and_inodes() {
    let mut limits = Limits::default();
    limits.scratch_bytes = 1 << 20;
    limits.scratch_inodes = 50;
    let report = execute_with(
        r#"
import errno

def fill(count, size):
    for number in range(count):
        try:
            with open(f"file{number}", "wb") as file:
                file.write(b"x" * size)
        except OSError as error:
            return [number, errno.errorcode[error.errno]]

def main():
    import os
    inodes = fill(1000, 0)
    for name in os.listdir():
        os.remove(name)
    return [inodes, fill(40, 256 << 10)]
"#,
        |execution| execution.limits(limits),
    );
    let Outcome::Returned(json) = &report.outcome else { panic!("{report:?}") };
    assert_eq!(json.get(), r#"[[50,"ENOSPC"],[4,"ENOSPC"]]"#, "{report:?}");
}

#[test]
fn there_is_no_network() {
    let tried = returned(
        r#"
import errno, socket

def attempt(family, kind, address):
    try:
        with socket.socket(family, kind) as it:
            it.settimeout(2)
            it.connect(address)
            it.send(b"x")
            return "sent"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))

def main():
    return [
        attempt(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 80)),
        attempt(socket.AF_INET, socket.SOCK_DGRAM, ("169.254.169.254", 80)),
        attempt(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 80)),
        attempt(socket.AF_UNIX, socket.SOCK_STREAM, "/var/run/docker.sock"),
        attempt(socket.AF_UNIX, socket.SOCK_STREAM, "\0abstract"),
        sorted(name for _, name in socket.if_nameindex()),
    ]
"#,
    );
    assert_eq!(
        tried,
        json!(["ENETUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "ENOENT", "ECONNREFUSED", ["lo"]]),
        "only an interface that is down"
    );
}

#[test]
fn the_supervisor_cannot_be_killed_from_inside() {
    let survived = returned(
        r#"
import os, signal

def main():
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV):
        os.kill(1, number)
    return sorted({os.getpid(), os.getppid()})
"#,
    );
    assert_eq!(survived, json!([1, 2]), "the script's process and its supervisor are all that it can name");
}

#[test]
fn the_supervisors_memory_and_descriptors_cannot_be_taken() {
    let tried = returned(
        r#"
import ctypes, errno, os

libc = ctypes.CDLL(None, use_errno=True)

def call(number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"

def main():
    PTRACE_ATTACH, SYS_ptrace, SYS_process_vm_readv, SYS_pidfd_open, SYS_pidfd_getfd = 16, 101, 310, 434, 438
    if os.uname().machine != "x86_64":
        return ["EPERM", "EPERM"]
    buffer = ctypes.create_string_buffer(8)
    class Iovec(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
    local = Iovec(ctypes.addressof(buffer), 8)
    remote = Iovec(id(main), 8)
    pidfd = libc.syscall(SYS_pidfd_open, 1, 0)
    return [
        call(SYS_process_vm_readv, 1, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0),
        call(SYS_pidfd_getfd, pidfd, 5, 0),
    ]
"#,
    );
    assert_eq!(tried, json!(["EPERM", "EPERM"]));
}

#[test]
fn nothing_outlives_the_answer() {
    let marker = format!("orphan-{}", std::process::id());
    let report = execute_with(
        &format!(
            r#"
import os, signal, sys, time

def main():
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork():
            os._exit(0)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", "{marker}"])
    os.wait()
    time.sleep(0.3)
    return "left"
"#
        ),
        |execution| execution,
    );
    assert!(matches!(report.outcome, Outcome::Returned(_)), "{report:?}");
    let alive: Vec<_> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).split('\0').any(|arg| arg == marker))
        .collect();
    assert!(alive.is_empty(), "{alive:?}");
}

#[test]
fn nothing_passes_from_one_execution_to_the_next() {
    let source = r#"
import os, random, sys, tempfile, uuid

def main():
    left = [path for path in ("kept", "/tmp/kept", "/dev/shm/kept") if os.path.exists(path)]
    for path in ("kept", "/tmp/kept", "/dev/shm/kept"):
        open(path, "w").close()
    sys.modules["kept"] = sys
    return {"left": left, "random": random.random(), "uuid": str(uuid.uuid4()), "hash": hash("x"), "temp": tempfile.mktemp()}
"#;
    let (first, second) = (returned(source), returned(source));
    assert_eq!(second["left"], json!([]));
    for generator in ["random", "uuid", "hash", "temp"] {
        assert_ne!(first[generator], second[generator], "{generator}");
    }
}
