//! `run`: one script, its output passed through, its result on the last line.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use python_executor::{
    Event, Execution, Executor, FailureKind, Report, Stream, check::check, server::report_json,
};
use serde_json::value::RawValue;

use super::{Failure, args::RunArgs, exit, read_script, with_executor};

pub(crate) fn run(args: &RunArgs) -> Result<u8, Failure> {
    let script = read_script(&args.script)?;
    let report = match check(script.clone()) {
        Ok(checked) => {
            let mut execution = Execution::new(checked);
            if let Some(text) = &args.args {
                let json: &RawValue =
                    serde_json::from_str(text).map_err(|error| format!("--args is not JSON: {error}"))?;
                execution = execution.args(json).map_err(|error| format!("--{error}"))?;
            }
            if let Some(file) = &args.stdin {
                execution = execution.stdin(read_text(file)?);
            }
            with_executor(&args.runtime, |executor| follow(executor, execution, !args.json))??
        }
        Err(error) => {
            with_executor(&args.runtime, async |executor| executor.last_word(script, error).await)??
        }
    };
    if args.json {
        write(io::stdout(), format!("{}\n", report_json(report.clone())).as_bytes())?;
    } else {
        conclude(&report)?;
    }
    Ok(match report.outcome.failure() {
        None => exit::OK,
        Some((FailureKind::Timeout, _)) => exit::TIMEOUT,
        Some(_) => exit::SCRIPT,
    })
}

/// Runs to the end; passes output on as it comes if asked to.
async fn follow(executor: Executor, execution: Execution, pass_on: bool) -> Result<Report, Failure> {
    let mut running = executor.start(execution);
    while let Some(event) = running.next().await {
        match event? {
            Event::Output(Stream::Stdout, bytes) if pass_on => write(io::stdout(), &bytes)?,
            Event::Output(Stream::Stderr, bytes) if pass_on => write(io::stderr(), &bytes)?,
            Event::Report(report) => return Ok(*report),
            _ => {}
        }
    }
    Err("the execution ended without a report".into())
}

/// What comes after the script's own output.
fn conclude(report: &Report) -> Result<(), Failure> {
    if report.stdout.truncated || report.stderr.truncated {
        eprintln!("warning: more was printed than is kept; the rest was dropped");
    }
    if let Some(result) = report.outcome.result() {
        // On a line of its own, whatever the script printed last.
        let newline =
            if report.stdout.text.is_empty() || report.stdout.text.ends_with('\n') { "" } else { "\n" };
        return write(io::stdout(), format!("{newline}{}\n", result.get()).as_bytes());
    }
    if let Some((kind, fault)) = report.outcome.failure() {
        if let Some(traceback) = &fault.traceback {
            eprintln!("{}", traceback.trim_end());
        }
        let place = fault.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        eprintln!("error: {}: {}{place}", kind.as_str(), fault.message);
    }
    Ok(())
}

/// Writes at once. A reader that has gone (`| head`) is no failure.
fn write(mut to: impl Write, bytes: &[u8]) -> Result<(), Failure> {
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let failed = |error: io::Error| format!("failed to read --stdin {}: {error}", file.display());
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    Ok(fs::read_to_string(file).map_err(failed)?)
}
