//! `check`: would this script run?

use python_executor::{Fault, check::check as look_at};

use super::{Failure, args::CheckArgs, exit, read_script, with_executor};

pub(crate) fn check(args: &CheckArgs) -> Result<u8, Failure> {
    let script = read_script(&args.script)?;
    let name = args.script.file.display();
    let checked = look_at(script.clone());
    // CPython has the last word on syntax.
    let failure = with_executor(&args.runtime, async |executor| match checked {
        Err(error) => executor.last_word(script, error).await.map(|report| report.outcome.failure()),
        Ok(_) => executor.compile(script).await.map(|outcome| outcome.and_then(|outcome| outcome.failure())),
    })??
    .map(|(kind, fault)| (kind.as_str(), fault));
    let Some((kind, fault)) = failure else {
        println!("{name}: ok");
        return Ok(exit::OK);
    };
    let Fault { message, line, column, traceback } = fault;
    let place = [line, column].into_iter().flatten().map(|number| format!(":{number}")).collect::<String>();
    println!("{name}{place}: {kind}: {message}");
    if let Some(traceback) = traceback {
        println!("{}", traceback.trim_end());
    }
    Ok(exit::SCRIPT)
}
