//! Starting, ending and awaiting nsjail, and the descriptors that lead inside.

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::Command,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use rustix::{
    fs::{MemfdFlags, Mode, SealFlags},
    process::{Pid, Signal},
};
use tokio::net::unix::pipe::Receiver;

use crate::jail::nsjail_config::{CONFIG_FD, LOG_FD};

/// Our ends of the pipes, non-blocking.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) stdout: Receiver,
    pub(crate) stderr: Receiver,
    pub(crate) result: Receiver,
    pub(crate) status: Receiver,
    pub(crate) log: Receiver,
}

/// What nsjail is started with.
pub(crate) struct Launch<'a> {
    pub(crate) nsjail: &'a Path,
    pub(crate) config: &'a str,
    pub(crate) stdin: &'a [u8],
    pub(crate) request: &'a [u8],
    /// Files to which the new process writes `0` before it becomes nsjail: its control groups.
    pub(crate) entrances: Vec<File>,
}

/// How a process ended and what it and its waited-for descendants used: wait4(2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// The exit status, or minus the signal.
    pub(crate) status: i32,
    pub(crate) cpu: Duration,
    /// Of the largest process, in bytes.
    pub(crate) peak_memory: u64,
}

/// A running nsjail. Dropping it before it was awaited kills it, and with it everything inside.
#[derive(Debug)]
pub(crate) struct Nsjail {
    /// `None` once it's reaped: from then on its number may be another process's.
    pid: Arc<Mutex<Option<Pid>>>,
}

impl Launch<'_> {
    /// Starts nsjail. Returns at once; whether it gets as far as the interpreter is told by the status pipe.
    pub(crate) async fn start(self) -> io::Result<(Nsjail, Pipes)> {
        let (stdout, stdout_inside) = pipe()?;
        let (stderr, stderr_inside) = pipe()?;
        let (result, result_inside) = pipe()?;
        let (status, status_inside) = pipe()?;
        let (log, log_inside) = pipe()?;
        let map = |parent_fd, child_fd| FdMapping { parent_fd, child_fd };
        let descriptors = vec![
            map(sealed(c"stdin", self.stdin)?, 0),
            map(stdout_inside, 1),
            map(stderr_inside, 2),
            map(sealed(c"request", self.request)?, 3),
            map(result_inside, 4),
            map(status_inside, 5),
            map(log_inside, LOG_FD),
            map(sealed(c"config", self.config.as_bytes())?, CONFIG_FD),
        ];
        let mut command = Command::new(self.nsjail);
        command.arg("--config").arg(format!("/proc/self/fd/{CONFIG_FD}")).env_clear().current_dir("/");
        // A Ctrl-C on our terminal is ours: an execution ends when we say so.
        command.process_group(0);
        let entrances = self.entrances;
        let before_exec = move || {
            // Should the server die, the kernel ends nsjail, and so the jail.
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            entrances.iter().try_for_each(|entrance| rustix::io::write(entrance, b"0").map(drop))?;
            Ok(())
        };
        // SAFETY: runs between fork and exec, and makes system calls only: nothing allocates or takes a lock.
        unsafe { command.pre_exec(before_exec) };
        // After `before_exec`, whose descriptors these numbers could be.
        command.fd_mappings(descriptors).map_err(|_| io::ErrorKind::InvalidInput)?;
        let child = on_spawner_thread(move || command.spawn()).await??;
        let pid = Pid::from_child(&child);
        Ok((Nsjail { pid: Arc::new(Mutex::new(Some(pid))) }, Pipes { stdout, stderr, result, status, log }))
    }
}

impl Nsjail {
    /// Waits for its end. To be called once.
    pub(crate) fn wait(&self) -> impl Future<Output = io::Result<Ended>> + Send + use<> {
        let pid = Arc::clone(&self.pid);
        let waiter = tokio::task::spawn_blocking(move || {
            let Some(number) = *lock(&pid) else {
                return Err(io::ErrorKind::NotFound.into());
            };
            // Not reaped yet, so that `signal` can't meet another process of the same number.
            rustix::io::retry_on_intr(|| {
                rustix::process::waitid(
                    rustix::process::WaitId::Pid(number),
                    rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
                )
            })?;
            let mut pid = lock(&pid);
            *pid = None;
            reap(number)
        });
        async { waiter.await.unwrap_or_else(|error| Err(io::Error::other(error))) }
    }

    /// Asks nsjail to kill everything inside, wait for it and end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends nsjail; the kernel then ends what is inside.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Processor time of all processes of the jail that run now, from /proc. What a killed process used isn't told
    /// by wait4 when it dies with its namespace.
    pub(crate) fn cpu_of_tree(&self) -> Duration {
        lock(&self.pid).map_or(Duration::ZERO, |pid| cpu_of_tree(pid.as_raw_pid(), 0))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = *lock(&self.pid) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Nsjail {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reap(pid: Pid) -> io::Result<Ended> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live locals of the types that wait4(2) fills in.
    if unsafe { libc::wait4(pid.as_raw_pid(), &raw mut status, 0, usage.as_mut_ptr()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed above, which is a valid rusage, and filled in by wait4.
    let usage = unsafe { usage.assume_init() };
    let time = |t: libc::timeval| {
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
    };
    Ok(Ended {
        status: if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) },
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak_memory: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

fn cpu_of_tree(pid: i32, depth: u32) -> Duration {
    // A jail's tree is as deep as its process limit at most; recursion here is not.
    const DEEPEST: u32 = 64;
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return Duration::ZERO;
    };
    // Fields 14 to 17 of proc_pid_stat(5), counted after the command's name, which may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(4);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    let own = Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64);
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    if depth == DEEPEST {
        own
    } else {
        own + children.map(|child| cpu_of_tree(child, depth + 1)).sum::<Duration>()
    }
}

/// A pipe whose reading end is ours.
fn pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    Ok((Receiver::from_owned_fd(ours)?, theirs))
}

/// A file without a place in any file system that nobody can change any more, nor execute.
fn sealed(name: &std::ffi::CStr, content: &[u8]) -> io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(fd);
    file.write_all(content)?;
    io::Seek::rewind(&mut file)?;
    rustix::fs::fchmod(&file, Mode::RUSR)?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
}

/// Runs `job` on a thread that lives as long as this process. A parent's death signal is sent when the *thread* that
/// forked ends (PR_SET_PDEATHSIG(2const)), and the threads of an async runtime come and go.
async fn on_spawner_thread<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    type Job = Box<dyn FnOnce() + Send>;
    static SPAWNER: OnceLock<Option<mpsc::Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new().name("jail-spawner".into());
        thread.spawn(move || queue.into_iter().for_each(|job| job())).ok().map(|_| jobs)
    });
    let (answer, answered) = tokio::sync::oneshot::channel();
    let gone = || io::Error::other("the thread that starts jails is gone");
    let job: Job = Box::new(move || drop(answer.send(job())));
    spawner.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(gone)?;
    answered.await.map_err(|_| gone())
}
