//! From evidence to outcome: a pure function, and the only place that decides how an execution ended.
//!
//! Nothing here is text that a script could have written, but for the frame, which is believed only when the
//! supervisor saw the script's process end with status 0, and only about the script's own result.

use crate::{
    Limits, Outcome,
    jail::protocol::{End, Frame},
};

/// Why we ended an execution ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its time was over.
    Deadline,
    /// It didn't become ready in time.
    StartDeadline,
    /// Its caller gave it up.
    Cancelled,
}

/// What is known from outside once everything in the jail is dead.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// The supervisor's child was set up and about to read the script.
    pub(crate) ready: bool,
    /// How the script's process ended, if the supervisor lived to tell.
    pub(crate) ended: Option<End>,
    /// Whether we ended it.
    pub(crate) stop: Option<Stop>,
    /// What came out of the result descriptor, if it was one whole frame.
    pub(crate) frame: Option<Frame>,
    /// Processes of this jail that the kernel killed for want of memory.
    pub(crate) oom_kills: u64,
    /// The signal that ended the first process of the jail, as nsjail's exit status tells (128 + n).
    pub(crate) jail_signal: Option<i32>,
}

/// The outcome, or `None` where the evidence speaks of a failure of ours.
pub(crate) fn judge(evidence: Evidence, limits: &Limits) -> Option<Outcome> {
    const SIGKILL: i32 = 9;
    let out_of_memory = Outcome::OutOfMemory { limit: limits.memory_bytes };
    match evidence.stop {
        Some(Stop::Deadline) => {
            return Some(Outcome::TimedOut { limit: limits.timeout });
        }
        Some(Stop::StartDeadline | Stop::Cancelled) => return None,
        None => {}
    }
    match evidence.ended {
        // It may have been too little memory to start in.
        _ if !evidence.ready => (evidence.oom_kills > 0).then_some(out_of_memory),
        Some(End::Exit(0)) => Some(match evidence.frame {
            Some(Frame::Returned(json)) => Outcome::Returned(json),
            Some(Frame::SyntaxError(fault)) => Outcome::SyntaxError(fault),
            Some(Frame::MissingMain(fault)) => Outcome::MissingMain(fault),
            Some(Frame::BadArguments(fault)) => Outcome::BadArguments(fault),
            Some(Frame::Raised(fault)) => Outcome::Raised(fault),
            Some(Frame::NotJson(fault)) => Outcome::NotJson(fault),
            Some(Frame::ResultTooLarge(fault)) => Outcome::ResultTooLarge(fault),
            Some(Frame::OutOfMemory) => out_of_memory,
            None => Outcome::Exited { code: 0 },
        }),
        Some(End::Exit(code)) => Some(Outcome::Exited { code }),
        Some(End::Signal(SIGKILL)) | None if evidence.oom_kills > 0 => Some(out_of_memory),
        Some(End::Signal(signal)) => Some(Outcome::Killed { signal }),
        // The supervisor itself was killed: the script's doing, since we did not.
        None => evidence.jail_signal.map(|signal| Outcome::Killed { signal }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(end: End) -> Evidence {
        Evidence { ready: true, ended: Some(end), stop: None, frame: None, oom_kills: 0, jail_signal: None }
    }

    fn returned() -> Option<Frame> {
        Frame::decode(b"returned 1\n1".to_vec())
    }

    fn name(evidence: Evidence) -> String {
        match judge(evidence, &Limits::default()) {
            None => "ours".into(),
            Some(Outcome::Returned(json)) => format!("returned {}", json.get()),
            Some(Outcome::Exited { code }) => format!("exited {code}"),
            Some(Outcome::Killed { signal }) => format!("killed {signal}"),
            Some(outcome) => outcome.failure().unwrap().0.as_str().into(),
        }
    }

    #[test]
    fn a_frame_counts_only_with_a_clean_exit() {
        assert_eq!(name(Evidence { frame: returned(), ..ended(End::Exit(0)) }), "returned 1");
        assert_eq!(name(Evidence { frame: returned(), ..ended(End::Exit(3)) }), "exited 3");
        assert_eq!(name(Evidence { frame: returned(), ..ended(End::Signal(11)) }), "killed 11");
        assert_eq!(name(ended(End::Exit(0))), "exited 0");
    }

    #[test]
    fn forged_exit_codes_are_exit_codes() {
        for code in [255, 137, 159, 139, 143] {
            assert_eq!(name(ended(End::Exit(code))), format!("exited {code}"));
        }
    }

    #[test]
    fn the_deadline_outweighs_a_result_that_came_before_a_hang() {
        let evidence =
            Evidence { frame: returned(), ended: None, stop: Some(Stop::Deadline), ..ended(End::Exit(0)) };
        assert_eq!(name(evidence), "timeout");
    }

    #[test]
    fn a_kill_is_for_memory_only_where_the_kernel_counted_one() {
        assert_eq!(name(Evidence { oom_kills: 1, ..ended(End::Signal(9)) }), "memory_limit");
        assert_eq!(name(Evidence { oom_kills: 1, ended: None, ..ended(End::Exit(0)) }), "memory_limit");
        assert_eq!(name(ended(End::Signal(9))), "killed 9");
        assert_eq!(name(Evidence { oom_kills: 1, ..ended(End::Signal(11)) }), "killed 11");
        assert_eq!(name(Evidence { oom_kills: 1, frame: returned(), ..ended(End::Exit(0)) }), "returned 1");
    }

    #[test]
    fn a_dead_supervisor_is_the_scripts_doing_a_dead_nsjail_ours() {
        let dead = || Evidence { ended: None, ..ended(End::Exit(0)) };
        assert_eq!(name(Evidence { jail_signal: Some(9), ..dead() }), "killed 9");
        assert_eq!(name(dead()), "ours");
    }

    #[test]
    fn what_never_became_ready_is_ours_unless_memory_was_too_small() {
        let early = |oom_kills| Evidence {
            ready: false,
            ended: None,
            oom_kills,
            jail_signal: Some(9),
            ..ended(End::Exit(0))
        };
        assert_eq!(name(early(0)), "ours");
        assert_eq!(name(early(1)), "memory_limit");
        assert_eq!(name(Evidence { stop: Some(Stop::StartDeadline), ..early(0) }), "ours");
    }
}
