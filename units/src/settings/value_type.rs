//! The kinds of values settings have: how each is read from text, lent to callers, and described.

use super::value::Value;
use crate::name::{UnitKind, UnitName};
use crate::value::{
    Assignment, CalendarSpec, Condition, EnvironmentFile, ExecLine, ExitSet, Input, Limit, LogFile,
    MemoryLimit, Mode, NoZones, OpenFile, Output, Owner, Probe, Signal, Size, Span, ValueProblem,
    WorkingDirectory, Zones, absolute_path, check_account, parse_count, parse_integer,
};

/// What TOML may stand for a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
    /// A string.
    Text,
    /// A string, or a number without a unit.
    TextOrNumber,
    /// A string, or an array of strings.
    List,
    /// A string or number, or an array of them.
    ListOrNumber,
    /// A command line, an array of words, or an array of either.
    Commands,
    /// A string of assignments, an array of assignments, or a table.
    Assignments,
}

/// Replaces the specifiers of a text.
pub(crate) type Expand<'a> = &'a mut dyn FnMut(&str) -> Result<String, ValueProblem>;

/// Reads the items of a setting (one for a scalar) into a value; an error names the item.
type Read = fn(&[&str], Expand<'_>) -> Result<Value, (usize, ValueProblem)>;

/// What the values of a setting are.
#[derive(Debug)]
pub struct ValueType {
    /// A noun for it, such as `time span`.
    pub name: &'static str,
    /// How it is written, for manuals.
    pub grammar: &'static str,
    /// Every word it can be, where it is one of a few.
    pub words: &'static [&'static str],
    /// What each of `words` means, in the same order.
    pub meanings: &'static [&'static str],
    /// What TOML it is written as.
    pub shape: Shape,
    /// Whether several values add up.
    pub is_list: bool,
    read: Read,
}

impl ValueType {
    /// Reads items with specifiers; an error names the item it is about.
    pub(crate) fn read(
        &self,
        items: &[&str],
        expand: Expand<'_>,
    ) -> Result<Value, (usize, ValueProblem)> {
        (self.read)(items, expand)
    }

    /// Reads one text as it stands, without specifiers; `""` is [`Value::Nothing`].
    ///
    /// # Errors
    /// When it is no value of this type.
    pub fn read_literally(&self, text: &str) -> Result<Value, ValueProblem> {
        if text.is_empty() {
            return Ok(Value::Nothing);
        }
        self.read(&[text], &mut |text| Ok(text.to_owned()))
            .map_err(|(_, problem)| problem)
    }
}

/// Ties a row of the table to the Rust type its accessor lends.
pub(super) trait Typed {
    /// What the accessor returns.
    type Lent<'a>;
    const TYPE: ValueType;

    fn lend(value: &Value) -> Self::Lent<'_>;
}

/// Markers: one for each value type of the table.
pub(super) mod types {
    pub(in crate::settings) use super::commands::markers::*;
    pub(in crate::settings) use super::markers::*;
    pub(in crate::settings) use super::sockets::markers::*;
    pub(in crate::settings) use super::words::markers::*;
}

const NO_WORDS: &[&str] = &[];

/// Reads a scalar: its one item, specifiers expanded, by `parse`.
fn scalar(
    items: &[&str],
    expand: Expand<'_>,
    parse: impl Fn(&str) -> Result<Value, ValueProblem>,
) -> Result<Value, (usize, ValueProblem)> {
    let text = items.first().copied().unwrap_or_default();
    expand(text)
        .and_then(|text| parse(&text))
        .map_err(|problem| (0, problem))
}

fn read_slice(text: &str) -> Result<Value, ValueProblem> {
    let name = UnitName::parse(text)?;
    if name.slice_path().is_some() {
        return Ok(Value::Name(name));
    }
    let hint = match name.kind() {
        UnitKind::Slice => "the parts of its name have one `-` between them, as in `app-web.slice`",
        _ => "write a name that ends in .slice, such as `app.slice`",
    };
    Err(ValueProblem::new(format!("{name} is no slice")).with_hint(hint))
}

/// Reads a list: each item, by `parse`, which may add several elements.
fn list<T>(
    items: &[&str],
    expand: Expand<'_>,
    mut parse: impl FnMut(&str, Expand<'_>, &mut Vec<T>) -> Result<(), ValueProblem>,
) -> Result<Box<[T]>, (usize, ValueProblem)> {
    let mut elements = Vec::new();
    for (at, item) in items.iter().enumerate() {
        parse(item, expand, &mut elements).map_err(|problem| (at, problem))?;
    }
    Ok(elements.into())
}

/// As [`list`], an item being white-space separated words, each an element.
fn word_list<T>(
    items: &[&str],
    expand: Expand<'_>,
    parse: impl Fn(&str) -> Result<T, ValueProblem>,
) -> Result<Box<[T]>, (usize, ValueProblem)> {
    list(items, expand, |item, expand, elements| {
        for word in item.split_ascii_whitespace() {
            elements.push(parse(&expand(word)?)?);
        }
        Ok(())
    })
}

/// Reads a list whose items build on one another, from `start`.
fn fold<T>(
    items: &[&str],
    expand: Expand<'_>,
    start: T,
    lay_over: impl Fn(&T, &str) -> Result<T, ValueProblem>,
) -> Result<T, (usize, ValueProblem)> {
    items
        .iter()
        .enumerate()
        .try_fold(start, |held, (at, item)| {
            expand(item)
                .and_then(|text| lay_over(&held, &text))
                .map_err(|problem| (at, problem))
        })
}

/// The row's own reader fixes the variant, so another one cannot be met; saying so here keeps it
/// out of every accessor.
#[cold]
fn mismatch(value: &Value) -> ! {
    unreachable!("the table read {value:?} with another setting's type")
}

macro_rules! value_types {
    ($($marker:ident -> $lent:ty {
        name: $name:literal,
        grammar: $grammar:literal,
        words: $words:expr,
        meanings: $meanings:expr,
        shape: $shape:ident,
        list: $is_list:literal,
        read: $read:expr,
        lend: { $($pattern:pat => $out:expr),+ $(,)? },
    })+) => {
        pub(super) mod markers {
            $(pub(in crate::settings) struct $marker;)+
        }

        $(impl Typed for types::$marker {
            type Lent<'a> = $lent;
            const TYPE: ValueType = ValueType {
                name: $name,
                grammar: $grammar,
                words: $words,
                meanings: $meanings,
                shape: Shape::$shape,
                is_list: $is_list,
                read: $read,
            };

            fn lend(value: &Value) -> Self::Lent<'_> {
                match value {
                    $($pattern => $out,)+
                    other => mismatch(other),
                }
            }
        })+
    };
}

mod commands;
mod sockets;
mod words;

value_types! {
    Text -> &'a str {
        name: "text",
        grammar: "any text",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| Ok(Value::Text(text.into()))),
        lend: { Value::Nothing => "", Value::Text(text) => text },
    }
    Texts -> &'a [Box<str>] {
        name: "list of words",
        grammar: "words separated by spaces, or an array",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            word_list(items, expand, |word| Ok(Box::from(word))).map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(texts) => texts },
    }
    Flag -> bool {
        name: "yes or no",
        grammar: "`true` or `false`",
        words: &["true", "false"], meanings: &["yes", "no"],
        shape: Flag, list: false,
        read: |items, expand| scalar(items, expand, parse_flag),
        lend: { Value::Flag(flag) => *flag },
    }
    Count -> u32 {
        name: "number",
        grammar: "a number from 0 to 4294967295",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| parse_count(t).map(Value::Count)),
        lend: { Value::Count(count) => *count },
    }
    Integer -> i32 {
        name: "whole number",
        grammar: "a number from -2147483648 to 2147483647",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| parse_integer(t).map(Value::Integer)),
        lend: { Value::Integer(number) => *number },
    }
    OptionalCount -> Option<u32> {
        name: "number",
        grammar: "a number from 0 to 4294967295",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| parse_count(t).map(Value::Count)),
        lend: { Value::Nothing => None, Value::Count(count) => Some(*count) },
    }
    Duration -> Span {
        name: "time span",
        grammar: "`1min 30s`, `500ms`, a number of seconds, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Span::parse(t).map(Value::Span)),
        lend: { Value::Span(span) => *span },
    }
    Spans -> &'a [Span] {
        name: "list of time spans",
        grammar: "as a time span, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, spans| {
                spans.push(Span::parse(&expand(item)?)?);
                Ok(())
            })
            .map(Value::Spans)
        },
        lend: { Value::Nothing => &[], Value::Spans(spans) => spans },
    }
    Calendars -> &'a [CalendarSpec] {
        name: "list of calendar expressions",
        grammar: "`daily`, `Mon..Fri 08:30`, `*-*-01 04:00:00 Europe/Berlin`, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| read_calendars(items, expand, &NoZones),
        lend: { Value::Nothing => &[], Value::Calendars(specs) => specs },
    }
    WatchedPaths -> &'a [Box<str>] {
        name: "list of paths",
        grammar: "an absolute path, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, paths| {
                paths.push(simple_path(&expand(item)?)?);
                Ok(())
            })
            .map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(paths) => paths },
    }
    Bytes -> Size {
        name: "size",
        grammar: "`64M` (powers of 1024), a number of bytes, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Size::parse(t).map(Value::Size)),
        lend: { Value::Size(size) => *size },
    }
    Memory -> MemoryLimit {
        name: "size",
        grammar: "`512M` (powers of 1024), a number of bytes, `50%` of the memory there is, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        // No specifiers, as in systemd: the percent sign is one.
        read: |items, _| {
            scalar(items, &mut |text| Ok(text.to_owned()), |t| MemoryLimit::parse(t).map(Value::Memory))
        },
        lend: { Value::Memory(limit) => *limit },
    }
    ReadyProbe -> Option<&'a Probe> {
        name: "probe",
        grammar: "`tcp:PORT`, `tcp:HOST:PORT`, `unix:/path`, `http:PORT/path`, `http://HOST:PORT/path` or `exec:COMMAND`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| {
            let text = items.first().copied().unwrap_or_default();
            let probe = Probe::parse_with(text, expand).map_err(|problem| (0, problem))?;
            Ok(Value::Probe(probe.into()))
        },
        lend: { Value::Nothing => None, Value::Probe(probe) => Some(&**probe) },
    }
    AccessMode -> Mode {
        name: "access mode",
        grammar: "octal digits, `\"0660\"` or `0o660`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Mode::parse(t).map(Value::Mode)),
        lend: { Value::Mode(mode) => *mode },
    }
    SignalName -> Signal {
        name: "signal",
        grammar: "a signal's name, such as `SIGTERM`, or number",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Signal::parse(t).map(Value::Signal)),
        lend: { Value::Signal(signal) => *signal },
    }
    OptionalSignal -> Option<Signal> {
        name: "signal",
        grammar: "a signal's name, such as `SIGTERM`, or number",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Signal::parse(t).map(Value::Signal)),
        lend: { Value::Nothing => None, Value::Signal(signal) => Some(*signal) },
    }
    OptionalDuration -> Option<Span> {
        name: "time span",
        grammar: "`1min 30s`, `500ms`, a number of seconds, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Span::parse(t).map(Value::Span)),
        lend: { Value::Nothing => None, Value::Span(span) => Some(*span) },
    }
    Exits -> &'a ExitSet {
        name: "exit codes and signals",
        grammar: "exit codes (numbers, or names such as `TEMPFAIL`) and signals (`SIGKILL`)",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| read_exits(items, expand),
        lend: { Value::Nothing => &NO_EXITS, Value::Exits(exits) => exits },
    }
    ResourceLimit -> Option<Limit> {
        name: "resource limit",
        grammar: "a number, `soft:hard`, or `infinity`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| Limit::parse(t).map(Value::Limit)),
        lend: { Value::Nothing => None, Value::Limit(limit) => Some(*limit) },
    }
    Unit -> Option<&'a UnitName> {
        name: "unit name",
        grammar: "a full unit name, such as `web.service`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |t| Ok(Value::Name(UnitName::parse(t)?))),
        lend: { Value::Nothing => None, Value::Name(name) => Some(name) },
    }
    Slice -> Option<&'a UnitName> {
        name: "slice",
        grammar: "the name of a slice, such as `app-web.slice`, which is in `app.slice`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, read_slice),
        lend: { Value::Nothing => None, Value::Name(name) => Some(name) },
    }
    Units -> &'a [UnitName] {
        name: "list of unit names",
        grammar: "full unit names, separated by spaces or as an array",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            word_list(items, expand, |word| Ok(UnitName::parse(word)?)).map(Value::Names)
        },
        lend: { Value::Nothing => &[], Value::Names(names) => names },
    }
    Commands -> &'a [ExecLine] {
        name: "commands",
        grammar: "a command line, an array of words, or an array of either for several commands",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Commands, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, lines| {
                lines.extend(ExecLine::parse_line_with(item, expand)?);
                Ok(())
            })
            .map(Value::Commands)
        },
        lend: { Value::Nothing => &[], Value::Commands(lines) => lines },
    }
    Variables -> &'a [Assignment] {
        name: "environment variables",
        grammar: "`NAME=value`, quoted where there are spaces; an array of them; or a table",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Assignments, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, set| {
                set.extend(Assignment::parse_line_with(item, expand)?);
                Ok(())
            })
            .map(Value::Assignments)
        },
        lend: { Value::Nothing => &[], Value::Assignments(set) => set },
    }
    EnvironmentFiles -> &'a [EnvironmentFile] {
        name: "list of files",
        grammar: "absolute paths, which may have `*`, `?` and `[…]`, each with `-` before it if the file may be missing",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, files| {
                files.push(EnvironmentFile::parse(&expand(item)?)?);
                Ok(())
            })
            .map(Value::EnvironmentFiles)
        },
        lend: { Value::Nothing => &[], Value::EnvironmentFiles(files) => files },
    }
    OpenFiles -> &'a [OpenFile] {
        name: "files to open",
        grammar: "`PATH:NAME:OPTIONS`, where the options are `read-only`, `append`, `truncate` and `graceful`, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, files| {
                files.push(OpenFile::parse(&expand(item)?)?);
                Ok(())
            })
            .map(Value::OpenFiles)
        },
        lend: { Value::Nothing => &[], Value::OpenFiles(files) => files },
    }
    Directory -> Option<&'a WorkingDirectory> {
        name: "directory",
        grammar: "an absolute path or `~`, with `-` before it if it may be missing, `inherit`, or `inherit:PATH`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| {
            scalar(items, expand, |t| WorkingDirectory::parse(t).map(|d| Value::Directory(d.into())))
        },
        lend: { Value::Nothing => None, Value::Directory(directory) => Some(directory) },
    }
    FilePath -> Option<&'a str> {
        name: "path",
        grammar: "an absolute path",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| {
            scalar(items, expand, |text| Ok(Value::Text(absolute_path(text)?.into())))
        },
        lend: { Value::Nothing => None, Value::Text(path) => Some(&**path) },
    }
    BusName -> Option<&'a str> {
        name: "name on a message bus",
        grammar: "a well-known name such as `org.example.Service`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, parse_bus_name),
        lend: { Value::Nothing => None, Value::Text(name) => Some(&**name) },
    }
    LogPath -> Option<&'a LogFile> {
        name: "log file",
        grammar: "a path, `auto`, or `auto:DIR`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| {
            scalar(items, expand, |text| Ok(Value::LogFile(LogFile::parse(text)?.into())))
        },
        lend: { Value::Nothing => None, Value::LogFile(file) => Some(&**file) },
    }
    Account -> Option<&'a str> {
        name: "user or group",
        grammar: "a name or a number",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| {
            scalar(items, expand, |text| Ok(Value::Text(check_account(text)?.into())))
        },
        lend: { Value::Nothing => None, Value::Text(account) => Some(&**account) },
    }
    FileOwner -> Option<&'a Owner> {
        name: "owner",
        grammar: "`user`, `user:group` or `:group`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| {
            scalar(items, expand, |t| Owner::parse(t).map(|owner| Value::Owner(owner.into())))
        },
        lend: { Value::Nothing => None, Value::Owner(owner) => Some(&**owner) },
    }
    DescriptorName -> Option<&'a str> {
        name: "descriptor name",
        grammar: "at most 255 printable ASCII characters without `:`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, parse_descriptor_name),
        lend: { Value::Nothing => None, Value::Text(name) => Some(&**name) },
    }
    OutputTarget -> Option<&'a Output> {
        name: "output",
        grammar: "`null`, `inherit`, `socket`, `tty`, `journal`, `kmsg`, `console`, `ring`, `log`, `file:PATH`, `append:PATH`, `truncate:PATH` or `fd:NAME`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |t| Output::parse(t).map(|o| Value::Output(o.into()))),
        lend: { Value::Nothing => None, Value::Output(output) => Some(output) },
    }
    InputSource -> &'a Input {
        name: "input",
        grammar: "`null`, `socket`, `pipe`, `data`, `tty`, `tty-force`, `tty-fail`, `file:PATH` or `fd:NAME`",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |t| Input::parse(t).map(|i| Value::Input(i.into()))),
        lend: { Value::Input(input) => input },
    }
    ExitCode -> Option<u8> {
        name: "exit status",
        grammar: "a number from 0 to 255",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, parse_exit_code),
        lend: {
            Value::Nothing => None,
            Value::Integer(status) => u8::try_from(*status).ok(),
        },
    }
    Conditions -> &'a [Condition] {
        name: "list of conditions",
        grammar: "`VALUE`, with `!` before it for the contrary and `|` before that where one of several is enough, or an array of such",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, conditions| {
                // As with other lists, white space alone is no element.
                if !item.trim().is_empty() {
                    conditions.push(Condition::parse_with(item, |text| expand(text))?);
                }
                Ok(())
            })
            .map(Value::Conditions)
        },
        lend: { Value::Nothing => &[], Value::Conditions(conditions) => conditions },
    }
    PathConditions -> &'a [Condition] {
        name: "list of conditions",
        grammar: "`/path`, with `!` before it for the contrary and `|` before that where one of several is enough, or an array of such",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            list(items, expand, |item, expand, conditions| {
                conditions.push(Condition::parse_path_with(item, |text| expand(text))?);
                Ok(())
            })
            .map(Value::Conditions)
        },
        lend: { Value::Nothing => &[], Value::Conditions(conditions) => conditions },
    }
    Paths -> &'a [Box<str>] {
        name: "list of paths",
        grammar: "absolute paths, separated by spaces or as an array",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| {
            word_list(items, expand, |word| Ok(Box::from(absolute_path(word)?))).map(Value::Texts)
        },
        lend: { Value::Nothing => &[], Value::Texts(paths) => paths },
    }
}

static NO_EXITS: std::sync::LazyLock<ExitSet> = std::sync::LazyLock::new(ExitSet::default);

fn parse_flag(text: &str) -> Result<Value, ValueProblem> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" | "t" => Ok(Value::Flag(true)),
        "false" | "no" | "off" | "0" | "n" | "f" => Ok(Value::Flag(false)),
        _ => Err(ValueProblem::new(format!(
            "{text:?} is neither `true` nor `false`"
        ))),
    }
}

/// Reads calendar expressions; `zones` are those that they may name.
pub(crate) fn read_calendars(
    items: &[&str],
    expand: Expand<'_>,
    zones: &dyn Zones,
) -> Result<Value, (usize, ValueProblem)> {
    list(items, expand, |item, expand, specs| {
        specs.push(CalendarSpec::parse(&expand(item)?, zones)?);
        Ok(())
    })
    .map(Value::Calendars)
}

/// An absolute path with one slash between its parts and none at its end.
fn simple_path(text: &str) -> Result<Box<str>, ValueProblem> {
    let parts = absolute_path(text)?.split('/');
    let parts: Vec<&str> = parts.filter(|part| !matches!(*part, "" | ".")).collect();
    Ok(format!("/{}", parts.join("/")).into())
}

fn parse_descriptor_name(text: &str) -> Result<Value, ValueProblem> {
    let well = text.len() <= 255 && text.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b':');
    if well {
        Ok(Value::Text(text.into()))
    } else {
        Err(
            ValueProblem::new(format!("{text:?} is no name for a descriptor"))
                .with_hint("at most 255 printable ASCII characters without `:`"),
        )
    }
}

/// A well-known name, as the D-Bus specification has them.
fn parse_bus_name(text: &str) -> Result<Value, ValueProblem> {
    let is_element = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        part.bytes().all(plain) && !part.starts_with(|c: char| c.is_ascii_digit())
    };
    let parts: Vec<&str> = text.split('.').collect();
    let well = text.len() <= 255
        && parts.len() > 1
        && parts
            .iter()
            .all(|part| !part.is_empty() && is_element(part));
    if well {
        Ok(Value::Text(text.into()))
    } else {
        Err(ValueProblem::new(format!(
            "{text:?} is no name for a service on a message bus"
        ))
        .with_hint("parts of letters, digits, `_` and `-` with dots between: org.example.Service"))
    }
}

fn parse_exit_code(text: &str) -> Result<Value, ValueProblem> {
    let status: Option<u8> = text.trim().parse().ok();
    status
        .map(|status| Value::Integer(i32::from(status)))
        .ok_or_else(|| ValueProblem::new(format!("{text:?} is no exit status from 0 to 255")))
}

fn read_exits(items: &[&str], expand: Expand<'_>) -> Result<Value, (usize, ValueProblem)> {
    let mut texts = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        let text = expand(item).map_err(|problem| (at, problem))?;
        ExitSet::parse(&text).map_err(|problem| (at, problem))?;
        texts.push(text);
    }
    match ExitSet::parse_all(texts.iter().map(String::as_str)) {
        Ok(exits) => Ok(Value::Exits(exits.into())),
        Err(problem) => Err((0, problem)),
    }
}
