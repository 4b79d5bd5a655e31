//! Methods on logs.

use control::{LogName, LogProblem, LogRange, LogSource, LogText, Reply, Request, Sets};
use xmlrpc::Value;

use super::argument::Arguments;
use super::fault::{Fault, FaultCode};
use super::process::{in_order, only};
use super::{Context, info, unexpected};

/// How much of a log one call gives. supervisord gives all of it, in memory several times over,
/// and serves nobody else meanwhile; here who wants more asks again, further on.
const MOST: i64 = 4 * 1024 * 1024;

/// The range that is really read.
fn bounded(range: LogRange) -> LogRange {
    match range {
        LogRange::Read { offset, length } if offset >= 0 => LogRange::Read {
            offset,
            length: if length == 0 { MOST } else { length.min(MOST) },
        },
        LogRange::Read { offset, length: 0 } => LogRange::Read {
            offset: offset.max(-MOST),
            length: 0,
        },
        // The rules are for whoever reads it to refuse.
        refused @ LogRange::Read { .. } => refused,
        LogRange::Tail { offset, length } => LogRange::Tail {
            offset,
            length: length.min(MOST),
        },
    }
}

async fn text(
    context: Context<'_>,
    log: LogName,
    range: LogRange,
) -> Result<Result<LogText, LogProblem>, Fault> {
    let range = bounded(range);
    match context.ask(Request::LogText { log, range }).await {
        Ok(Reply::LogText(text)) => Ok(text),
        Ok(_) => Err(unexpected()),
        Err(refusal) => Err(Fault::of(refusal, "")),
    }
}

async fn read_range(
    context: Context<'_>,
    log: LogName,
    arguments: Arguments<'_>,
    first: usize,
) -> Result<Value, Fault> {
    let range = LogRange::Read {
        offset: arguments.number(first)?,
        length: arguments.number(first + 1)?,
    };
    match text(context, log, range).await? {
        Ok(text) => Ok(as_text(&text.bytes).into()),
        Err(LogProblem::NoFile(None)) => Err(FaultCode::NoFile.plain()),
        Err(LogProblem::NoFile(Some(path))) => Err(FaultCode::NoFile.about(path.display())),
        Err(LogProblem::BadRange) => Err(FaultCode::BadArguments.plain()),
        Err(LogProblem::Failed(why)) => {
            tracing::warn!("cannot read a log: {why}");
            Err(FaultCode::Failed.plain())
        }
    }
}

/// `readLog`.
pub(super) async fn read_main(
    context: Context<'_>,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    read_range(context, LogName::Main, arguments, 0).await
}

/// `readProcessStdoutLog`, `readProcessStderrLog`.
pub(super) async fn read(
    context: Context<'_>,
    sets: &Sets,
    arguments: Arguments<'_>,
    source: LogSource,
) -> Result<Value, Fault> {
    let process = only(sets, &arguments.text(0)?)?;
    read_range(context, LogName::Unit(process.unit, source), arguments, 1).await
}

/// `tailProcessStdoutLog`, `tailProcessStderrLog`.
pub(super) async fn tail(
    context: Context<'_>,
    sets: &Sets,
    arguments: Arguments<'_>,
    source: LogSource,
) -> Result<Value, Fault> {
    let process = only(sets, &arguments.text(0)?)?;
    let (offset, length) = (arguments.number(1)?, arguments.number(2)?);
    let log = LogName::Unit(process.unit, source);
    let found = text(context, log, LogRange::Tail { offset, length }).await?;
    let (text, size, overflow) = match found {
        Ok(text) => (
            as_text(&text.bytes),
            i64::try_from(text.size).unwrap_or(i64::MAX),
            text.overflow,
        ),
        Err(LogProblem::NoFile(_)) => (String::new(), 0, false),
        Err(LogProblem::BadRange | LogProblem::Failed(_)) => (String::new(), offset, false),
    };
    Ok(Value::Array(vec![
        text.into(),
        Value::Int(size),
        Value::Bool(overflow),
    ]))
}

/// `clearLog`.
pub(super) async fn clear_main(context: Context<'_>) -> Result<Value, Fault> {
    let first = LogRange::Read {
        offset: 0,
        length: 1,
    };
    if let Err(LogProblem::NoFile(_)) = text(context, LogName::Main, first).await? {
        return Err(FaultCode::NoFile.plain());
    }
    match context.ask(Request::LogClear(vec![LogName::Main])).await {
        Ok(_) => Ok(Value::Bool(true)),
        Err(refusal) => {
            tracing::warn!("cannot empty the main log: {refusal}");
            Err(FaultCode::Failed.plain())
        }
    }
}

async fn clear_unit(context: Context<'_>, unit: units::UnitName, name: &str) -> Result<(), Fault> {
    let both = [LogSource::Out, LogSource::Error].map(|source| LogName::Unit(unit.clone(), source));
    match context.ask(Request::LogClear(both.to_vec())).await {
        Ok(_) => Ok(()),
        Err(refusal) => {
            tracing::warn!("cannot empty the logs of {unit}: {refusal}");
            Err(FaultCode::Failed.about(name))
        }
    }
}

/// `clearProcessLogs`.
pub(super) async fn clear(
    context: Context<'_>,
    sets: &Sets,
    arguments: Arguments<'_>,
) -> Result<Value, Fault> {
    let name = arguments.text(0)?;
    let process = only(sets, &name)?;
    clear_unit(context, process.unit, &name).await?;
    Ok(Value::Bool(true))
}

/// `clearAllProcessLogs`.
pub(super) async fn clear_all(context: Context<'_>, sets: &Sets) -> Result<Value, Fault> {
    let mut results = Vec::new();
    for process in in_order(sets) {
        let cleared = clear_unit(context, process.unit.clone(), &process.display()).await;
        let (code, text) = match &cleared {
            Ok(()) => (FaultCode::Success, "OK"),
            Err(fault) => (fault.code, fault.text.as_str()),
        };
        results.push(info::status(
            &process.name,
            &process.group,
            code.number(),
            text,
        ));
    }
    Ok(Value::Array(results))
}

/// Bytes of a log as text. A character that was cut in two by the range is left out (the original
/// answers such a request with 500); what is no text otherwise becomes U+FFFD.
fn as_text(bytes: &[u8]) -> String {
    let is_inner = |byte: &u8| (0x80..0xc0).contains(byte);
    let cut = bytes
        .iter()
        .take(3)
        .take_while(|byte| is_inner(byte))
        .count();
    let rest = bytes.get(cut..).unwrap_or_default();
    // Where the last character begins, and how long it says it is.
    let tail = rest
        .iter()
        .rev()
        .take(3)
        .take_while(|byte| is_inner(byte))
        .count();
    let begin = (rest.len() - tail).checked_sub(1);
    let whole = match begin.and_then(|at| Some((at, *rest.get(at)?))) {
        Some((at, byte)) => {
            let length = match byte {
                0xc2..0xe0 => 2,
                0xe0..0xf0 => 3,
                0xf0..0xf5 => 4,
                _ => 0,
            };
            if length > tail + 1 { &rest[..at] } else { rest }
        }
        None => rest,
    };
    String::from_utf8_lossy(whole).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b22_no_call_gives_all_of_a_large_log() {
        let read = |offset, length| LogRange::Read { offset, length };
        let tail = |offset, length| LogRange::Tail { offset, length };
        for (asked, given) in [
            (read(0, 0), read(0, MOST)),
            (read(7, 5), read(7, 5)),
            (read(7, i64::MAX), read(7, MOST)),
            (read(-1600, 0), read(-1600, 0)),
            (read(i64::MIN, 0), read(-MOST, 0)),
            (read(-1, 1), read(-1, 1)),
            (read(0, -1), read(0, -1)),
            (tail(0, 10), tail(0, 10)),
            (tail(i64::MAX, i64::MAX), tail(i64::MAX, MOST)),
            (tail(0, -1), tail(0, -1)),
        ] {
            assert_eq!(bounded(asked), given);
        }
    }

    #[test]
    fn b21_a_character_cut_in_two_is_left_out() {
        let text = "aé€😀".as_bytes();
        for (range, expected) in [
            (0..10, "aé€😀"),
            (2..10, "€😀"),
            (4..10, "😀"),
            (8..10, ""),
            (0..2, "a"),
            (0..3, "aé"),
            (0..5, "aé"),
            (0..9, "aé€"),
            (1..4, "é"),
            (0..0, ""),
        ] {
            assert_eq!(as_text(&text[range.clone()]), expected, "{range:?}");
        }
        assert_eq!(as_text(b"a\xffb\xff"), "a\u{fffd}b\u{fffd}");
        let all: Vec<u8> = (0..=255).collect();
        assert!(as_text(&all).starts_with("\0\u{1}"));
    }
}
