//! A cold execution: one nsjail and one fresh interpreter for one script.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    Limits, Report, Script, Usage,
    executor::{Event, Stream},
    jail::{
        Environment, JailError, Op,
        capture::{Drain, Kept},
        evidence::{Evidence, Stop, judge},
        nsjail_config::nsjail_config,
        plan::{START_SECONDS, plan},
        process::{Ended, Launch, Nsjail, Pipes},
        protocol::{End, FRAME_SLACK_BYTES, Frame, Request, StatusLine},
    },
    runtime::Runtime,
};

/// What nsjail may take to kill and reap everything before it's killed itself.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// Kept of nsjail's log.
const LOG_BYTES: usize = 16 * 1024;

/// The supervisor writes two short lines.
const STATUS_BYTES: usize = 64;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) op: Op,
    pub(crate) script: Script,
    /// The text of a JSON object, or nothing.
    pub(crate) args: String,
    pub(crate) stdin: String,
    pub(crate) limits: Limits,
}

/// Runs a job to its end, telling its output while it's written. When `events` is closed by its receiver the
/// execution is ended. Whichever way this returns, nothing of the jail is left.
pub(crate) async fn run(
    environment: &Environment,
    runtime: &Runtime,
    job: &Job,
    events: &mpsc::Sender<Event>,
) -> Result<Report, JailError> {
    let limits = &job.limits;
    let plan = plan(&environment.grants, limits);
    // Dropped last: a control group can be removed when its processes are gone.
    let cgroup = environment.cgroups.as_ref().map(|cgroups| cgroups.create(limits)).transpose();
    let cgroup = cgroup.map_err(JailError::system("make a control group"))?;
    let entrances = cgroup.as_ref().map_or(Ok(Vec::new()), |cgroup| cgroup.entrances());
    let request = Request {
        op: job.op,
        result_bytes: limits.result_bytes,
        script: job.script.source(),
        args: &job.args,
    };
    let launch = Launch {
        nsjail: runtime.nsjail(),
        config: &nsjail_config(&plan, runtime.rootfs(), runtime.runner()),
        stdin: job.stdin.as_bytes(),
        request: &request.encode(),
        entrances: entrances.map_err(JailError::system("open a control group"))?,
    };
    let (nsjail, pipes) = launch.start().await.map_err(JailError::system("start nsjail"))?;

    let (end, ended) = watch::channel(false);
    let mut stdout = Kept::new(limits.stdout_bytes);
    let mut stderr = Kept::new(limits.stderr_bytes);
    let mut result = Kept::new(limits.result_bytes.saturating_add(FRAME_SLACK_BYTES));
    let mut log = Kept::new(LOG_BYTES);
    let drain = |pipe| Drain::new(pipe, ended.clone());
    let (supervised, ..) = tokio::join!(
        supervise(&nsjail, &pipes, limits, events, end),
        drain(&pipes.stdout).keep_and_tell(&mut stdout, Stream::Stdout, events),
        drain(&pipes.stderr).keep_and_tell(&mut stderr, Stream::Stderr, events),
        drain(&pipes.result).keep(&mut result),
        drain(&pipes.log).keep(&mut log),
    );
    let supervised = supervised.map_err(JailError::system("wait for nsjail"))?;

    let evidence = Evidence {
        ready: supervised.ready,
        ended: supervised.end,
        stop: supervised.stop,
        frame: result.whole().and_then(Frame::decode),
        oom_kills: cgroup.as_ref().map_or(0, |cgroup| cgroup.oom_kills()),
        jail_signal: (129..=192).contains(&supervised.nsjail.status).then(|| supervised.nsjail.status - 128),
    };
    let Some(outcome) = judge(evidence, limits) else {
        let log = log.text().text;
        let status = match supervised.nsjail.status {
            signal @ ..0 => format!("signal {}", -signal),
            status => format!("exit status {status}"),
        };
        return Err(match supervised {
            Supervised { stop: Some(Stop::Cancelled), .. } => JailError::Cancelled,
            // The supervisor says on stderr what it couldn't do; no script has written there.
            Supervised { ready: false, .. } => {
                JailError::NotStarted { status, log: log + &stderr.text().text }
            }
            _ => JailError::Broke { status, log },
        });
    };
    let usage = Usage {
        wall: supervised.wall,
        cpu: cgroup
            .as_ref()
            .and_then(|cgroup| cgroup.cpu())
            .unwrap_or_else(|| supervised.nsjail.cpu.max(supervised.cpu_when_stopped)),
        memory_bytes: cgroup
            .as_ref()
            .and_then(|cgroup| cgroup.peak_memory())
            .unwrap_or(supervised.nsjail.peak_memory),
    };
    Ok(Report { outcome, stdout: stdout.text(), stderr: stderr.text(), usage })
}

/// What was seen of a jail from its start to its end.
#[derive(Debug)]
struct Supervised {
    ready: bool,
    end: Option<End>,
    stop: Option<Stop>,
    wall: Duration,
    cpu_when_stopped: Duration,
    nsjail: Ended,
}

/// Follows the status pipe, holds the deadline, and waits for nsjail, which ends when all inside has.
async fn supervise(
    nsjail: &Nsjail,
    pipes: &Pipes,
    limits: &Limits,
    events: &mpsc::Sender<Event>,
    end: watch::Sender<bool>,
) -> std::io::Result<Supervised> {
    let (lines, mut status) = mpsc::unbounded_channel();
    let mut follow = std::pin::pin!(follow_status(pipes, end.subscribe(), lines));
    let mut exit = std::pin::pin!(nsjail.wait());
    let start = Instant::now();
    let mut ready = None;
    let mut over = None;
    let mut script_end = None;
    let mut stop = None;
    let mut cpu_when_stopped = Duration::ZERO;
    let mut deadline = start + Duration::from_secs(START_SECONDS);
    let mut following = true;
    let mut exited = None;
    // After nsjail's end the status pipe is still read to its end: its last line may be seen later than the exit.
    while exited.is_none() || following {
        tokio::select! {
            biased;
            Some(line) = status.recv() => match line {
                StatusLine::Ready => {
                    ready = Some(Instant::now());
                    deadline = Instant::now() + limits.timeout;
                }
                StatusLine::Ended(how) => {
                    over = Some(Instant::now());
                    script_end = Some(how);
                    // From here it's a matter of the kernel ending a namespace.
                    deadline = Instant::now() + KILL_GRACE;
                }
            },
            () = &mut follow, if following => following = false,
            ended = &mut exit, if exited.is_none() => {
                over = over.or_else(|| Some(Instant::now()));
                exited = Some(ended);
                let _ = end.send(true);
            }
            () = events.closed(), if stop.is_none() && exited.is_none() => {
                stop = Some(Stop::Cancelled);
                deadline = Instant::now() + KILL_GRACE;
                nsjail.terminate();
            }
            () = tokio::time::sleep_until(deadline), if exited.is_none() => {
                if stop.is_some() || script_end.is_some() {
                    nsjail.kill();
                } else {
                    stop = Some(if ready.is_some() { Stop::Deadline } else { Stop::StartDeadline });
                    cpu_when_stopped = nsjail.cpu_of_tree();
                    nsjail.terminate();
                }
                deadline = Instant::now() + KILL_GRACE;
            }
        }
    }
    while let Ok(line) = status.try_recv() {
        match line {
            StatusLine::Ready => ready = ready.or(Some(start)),
            StatusLine::Ended(how) => script_end = Some(how),
        }
    }
    let over = over.unwrap_or_else(Instant::now);
    Ok(Supervised {
        ready: ready.is_some(),
        end: script_end,
        stop,
        wall: over - ready.unwrap_or(start),
        cpu_when_stopped,
        nsjail: exited.unwrap_or_else(|| Err(std::io::ErrorKind::NotFound.into()))?,
    })
}

/// Sends on the lines that come out of the status pipe.
async fn follow_status(
    pipes: &Pipes,
    ended: watch::Receiver<bool>,
    lines: mpsc::UnboundedSender<StatusLine>,
) {
    let mut status = Drain::new(&pipes.status, ended);
    let mut text = Vec::new();
    while let Some(chunk) = status.next().await {
        // Only our supervisor writes here, a few bytes; no reason to trust that with memory.
        text.extend_from_slice(&chunk[..chunk.len().min(STATUS_BYTES)]);
        while let Some(newline) = text.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = text.drain(..=newline).collect();
            if let Some(line) = std::str::from_utf8(&line[..newline]).ok().and_then(StatusLine::parse) {
                let _ = lines.send(line);
            }
        }
    }
}
