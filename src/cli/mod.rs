//! The command line: a thin layer over the library.

mod args;
mod check;
mod exit;
mod run;
mod serve;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use python_executor::{
    Executor, Script,
    runtime::{Progress, Runtime},
};

use args::{Command, RuntimeArgs, ScriptArg};

/// Why a command could not do its work. What a script does wrong is not among it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn main() -> ExitCode {
    let command = args::Cli::parse().command();
    let filter = tracing_subscriber::EnvFilter::try_from_env("PYTHON_EXECUTOR_LOG");
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "info,rustpython_parser=off".into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let done = match command {
        Command::Serve(args) => serve::serve(&args),
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Setup(args) => provision(&args).map(|runtime| {
            eprintln!("ready: {}", runtime.rootfs().display());
            exit::OK
        }),
        Command::Openapi { yaml } => {
            use python_executor::server::{openapi_json, openapi_yaml};
            print(&if yaml { openapi_yaml() } else { openapi_json() })
        }
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            eprintln!("  because {cause}");
            source = cause.source();
        }
        exit::OURS
    }))
}

/// Writes to stdout. A reader that has gone (`| head`) is no failure.
fn print(text: &str) -> Result<u8, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(exit::OK),
    }
}

/// Opens the runtime, building it first if it's missing.
fn provision(args: &RuntimeArgs) -> Result<Runtime, Failure> {
    let mut show = |progress: Progress| eprintln!("{progress}");
    Ok(args.options()?.provision(&mut show)?)
}

/// Runs an async command on executions.
fn with_executor<F: Future>(
    args: &RuntimeArgs,
    command: impl FnOnce(Executor) -> F,
) -> Result<F::Output, Failure> {
    let runtime = provision(args)?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let output = tokio.block_on(async { command(Executor::new(runtime)).await });
    Ok(output)
}

/// Reads the script named on the command line.
fn read_script(arg: &ScriptArg) -> Result<Script, Failure> {
    let bytes = match arg.file.as_os_str().to_str() {
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
            bytes
        }
        _ => std::fs::read(&arg.file)
            .map_err(|error| format!("failed to read {}: {error}", arg.file.display()))?,
    };
    let source = String::from_utf8(bytes)
        .map_err(|error| format!("{} is not UTF-8: {}", arg.file.display(), error.utf8_error()))?;
    Ok(Script::new(source)?)
}
