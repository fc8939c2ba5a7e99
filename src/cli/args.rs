//! Flags, their environment variables and help texts.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use python_executor::runtime::RuntimeOptions;

use super::Failure;

/// Runs Python that nobody has reviewed, each script in its own nsjail, and answers with the JSON that its main()
/// returned.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Without a command it serves: `python-executor` is `python-executor serve`."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// The command given, else `serve` with its defaults and variables.
    pub(crate) fn command(self) -> Command {
        self.command.unwrap_or_else(|| Cli::parse_from(["python-executor", "serve"]).command())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve POST /execute, with Swagger UI at /docs.
    #[command(
        after_help = "Examples:\n  python-executor serve\n  python-executor serve --listen 0.0.0.0:9000\n  PORT=9000 python-executor serve"
    )]
    Serve(ServeArgs),
    /// Run one script and print what its main() returned.
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Say whether a script would run, without running it.
    #[command(
        after_help = "Examples:\n  python-executor check script.py\n  cat script.py | python-executor check -\n\nExit status: 0 it would run, 1 it would not, 2 wrong usage, 3 our failure."
    )]
    Check(CheckArgs),
    /// Provision interpreter, packages and nsjail now; `serve`, `run` and `check` do it when it's missing.
    #[command(
        after_help = "Examples:\n  python-executor setup\n  python-executor setup --python /usr/bin/python3.12 --requirements extra.txt"
    )]
    Setup(RuntimeArgs),
    /// Print the OpenAPI document.
    #[command(
        after_help = "Examples:\n  python-executor openapi > openapi.json\n  python-executor openapi --yaml"
    )]
    Openapi {
        /// As YAML instead of JSON.
        #[arg(long)]
        yaml: bool,
    },
}

const RUN_HELP: &str = "The script's stdout and stderr pass through. The JSON that main() returned is the last line of \
stdout.\n\nExamples:\n  python-executor run script.py\n  python-executor run script.py --args '{\"name\": \"Ada\"}'\n  \
echo 'def main(): return 6 * 7' | python-executor run -\n  python-executor run script.py --json | jq .usage\n\n\
Exit status: 0 main() returned, 1 the script's fault, 2 wrong usage, 3 our failure, 124 stopped at its deadline.";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on [default: 127.0.0.1:8080, or every address at $PORT if that's set].
    #[arg(long, env = "PYTHON_EXECUTOR_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where container platforms say which port to use.
    #[arg(long, env = "PORT", hide = true)]
    port: Option<u16>,
    #[command(flatten)]
    pub(crate) runtime: RuntimeArgs,
}

impl ServeArgs {
    pub(crate) fn listen(&self) -> SocketAddr {
        use std::net::Ipv4Addr;
        self.listen.unwrap_or_else(|| match self.port {
            Some(port) => (Ipv4Addr::UNSPECIFIED, port).into(),
            None => (Ipv4Addr::LOCALHOST, 8080).into(),
        })
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArg,
    /// Keyword arguments for main(): a JSON object.
    #[arg(long, value_name = "JSON")]
    pub(crate) args: Option<String>,
    /// What the script's input() reads: a file, or - for our own stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) stdin: Option<PathBuf>,
    /// Print the whole report as one JSON document, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) runtime: RuntimeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) script: ScriptArg,
    #[command(flatten)]
    pub(crate) runtime: RuntimeArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ScriptArg {
    /// The script: a file, or - for stdin.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Runtime")]
pub(crate) struct RuntimeArgs {
    /// Where the runtime is kept [default: ~/.cache/python-executor; for root /var/cache/python-executor].
    #[arg(long, env = "PYTHON_EXECUTOR_CACHE_DIR", value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// The CPython (3.11 to 3.14) to build the runtime from [default: python3 on PATH].
    #[arg(long, env = "PYTHON_EXECUTOR_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
    /// Another nsjail (3.6 or later) than the one that is provisioned.
    #[arg(long, env = "PYTHON_EXECUTOR_NSJAIL", value_name = "FILE")]
    nsjail: Option<PathBuf>,
    /// Packages beside numpy and pandas, as pip's requirements file. May be given more than once.
    #[arg(long, env = "PYTHON_EXECUTOR_REQUIREMENTS", value_name = "FILE", value_delimiter = ':')]
    requirements: Vec<PathBuf>,
}

impl RuntimeArgs {
    pub(crate) fn options(&self) -> Result<RuntimeOptions, Failure> {
        let mut options = RuntimeOptions::new(match &self.cache_dir {
            Some(folder) => folder.clone(),
            None => python_executor::cache_dir()?,
        });
        if let Some(python) = &self.python {
            options = options.python(python);
        }
        if let Some(nsjail) = &self.nsjail {
            options = options.nsjail(nsjail);
        }
        Ok(self.requirements.iter().fold(options, |options, file| options.requirements(file)))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as CommandFactory>::command().debug_assert();
    }
}
