//! `escape`: texts as unit names.

use units::name::{self, EscapeProblem};

use crate::cli::EscapeArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;

/// `escape`
pub(super) fn escape(args: &EscapeArgs, terminal: &mut Terminal) -> Outcome {
    let convert = match (args.mangle, args.unescape) {
        (true, _) => |text: &str, _: &EscapeArgs| name::mangle(text),
        (_, true) => unescaped,
        _ => escaped,
    };
    let mut found = Vec::with_capacity(args.texts.len());
    for text in &args.texts {
        let one = convert(text, args)
            .map_err(|problem| Failure::because(format!("{text:?}: {problem}")))?;
        found.push(one);
    }
    if terminal.json() {
        terminal.value(&found)?;
    } else {
        for one in &found {
            let one = terminal.foreign(one).into_owned();
            terminal.line(&one)?;
        }
    }
    Ok(Exit::Done)
}

fn escaped(text: &str, args: &EscapeArgs) -> Result<String, EscapeProblem> {
    let escaped = match args.path {
        true => name::escape_path(text).ok_or(EscapeProblem::NoPath)?,
        false => name::escape(text),
    };
    match (&args.template, &args.suffix) {
        (Some(template), _) => name::instance_of(template, &escaped),
        (None, Some(suffix)) => Ok(format!("{escaped}.{suffix}")),
        (None, None) => Ok(escaped),
    }
}

fn unescaped(text: &str, args: &EscapeArgs) -> Result<String, EscapeProblem> {
    let escaped = match args.instance || args.template.is_some() {
        true => name::instance_in(text, args.template.as_deref())?,
        false => text,
    };
    let text = match args.path {
        true => name::unescape_path(escaped),
        false => name::unescape(escaped),
    };
    text.ok_or(EscapeProblem::NotEscaped)
}
