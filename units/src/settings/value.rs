//! A value of any setting, as definitions hold it.

use crate::name::UnitName;
use crate::value::{
    Assignment, CalendarSpec, Capabilities, Condition, CoredumpFilter, CpuSet, EnvironmentFile,
    ExecLine, ExitSet, Input, InputData, InputText, Limit, ListenAddress, LoadedCredential,
    LogFile, MemoryLimit, Mode, Nanoseconds, OpenFile, Output, OwnDirectory, Owner, Probe,
    SecureBits, SetCredential, Signal, Size, Span, WorkingDirectory,
};

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Unset.
    Nothing,
    /// A text, path, user or group.
    Text(Box<str>),
    /// Several texts.
    Texts(Box<[Box<str>]>),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Count(u32),
    /// A whole number.
    Integer(i32),
    /// A length of time.
    Span(Span),
    /// Several lengths of time.
    Spans(Box<[Span]>),
    /// Points in time that come again.
    Calendars(Box<[CalendarSpec]>),
    /// A number of bytes.
    Size(Size),
    /// A limit of memory.
    Memory(MemoryLimit),
    /// An access mode.
    Mode(Mode),
    /// A signal.
    Signal(Signal),
    /// Exit codes and signals.
    Exits(Box<ExitSet>),
    /// A resource limit.
    Limit(Limit),
    /// A unit.
    Name(UnitName),
    /// Units.
    Names(Box<[UnitName]>),
    /// Commands.
    Commands(Box<[ExecLine]>),
    /// Environment variables.
    Assignments(Box<[Assignment]>),
    /// Files of environment variables.
    EnvironmentFiles(Box<[EnvironmentFile]>),
    /// Files to open.
    OpenFiles(Box<[OpenFile]>),
    /// A working directory.
    Directory(Box<WorkingDirectory>),
    /// A place for output.
    Output(Box<Output>),
    /// A source of input.
    Input(Box<Input>),
    /// A log file.
    LogFile(Box<LogFile>),
    /// The owner of a file.
    Owner(Box<Owner>),
    /// One of a few words, as the table has it.
    Word(&'static str),
    /// A readiness probe.
    Probe(Box<Probe>),
    /// Addresses to listen on.
    Addresses(Box<[ListenAddress]>),
    /// Conditions or asserts of one kind.
    Conditions(Box<[Condition]>),
    /// Capabilities.
    Capabilities(Capabilities),
    /// Secure bits.
    SecureBits(SecureBits),
    /// Processors or memory nodes.
    Cpus(CpuSet),
    /// What a core dump holds.
    CoredumpFilter(CoredumpFilter),
    /// A time in nanoseconds.
    Nanoseconds(Nanoseconds),
    /// Directories to make.
    OwnDirectories(Box<[OwnDirectory]>),
    /// Credentials to read.
    LoadedCredentials(Box<[LoadedCredential]>),
    /// Credentials that stand in the unit file.
    SetCredentials(Box<[SetCredential]>),
    /// Lines for standard input.
    InputText(Box<InputText>),
    /// Bytes for standard input.
    InputData(Box<InputData>),
}

impl Value {
    /// The value in canonical words: none for [`Value::Nothing`], one for a scalar, one for each
    /// element of a list. Reading them again gives the same value.
    pub fn texts(&self) -> Vec<String> {
        fn each<T: ToString>(items: &[T]) -> Vec<String> {
            items.iter().map(ToString::to_string).collect()
        }
        match self {
            Value::Nothing => Vec::new(),
            Value::Text(v) => vec![v.to_string()],
            Value::Texts(v) => each(v),
            Value::Flag(v) => vec![v.to_string()],
            Value::Count(v) => vec![v.to_string()],
            Value::Integer(v) => vec![v.to_string()],
            Value::LogFile(v) => vec![v.to_string()],
            Value::Span(v) => vec![v.to_string()],
            Value::Spans(v) => each(v),
            Value::Calendars(v) => each(v),
            Value::Size(v) => vec![v.to_string()],
            Value::Memory(v) => vec![v.to_string()],
            Value::Mode(v) => vec![v.to_string()],
            Value::Signal(v) => vec![v.to_string()],
            Value::Exits(v) if **v == ExitSet::default() => Vec::new(),
            Value::Exits(v) => vec![v.to_string()],
            Value::Limit(v) => vec![v.to_string()],
            Value::Name(v) => vec![v.to_string()],
            Value::Names(v) => each(v),
            Value::Commands(v) => each(v),
            Value::Assignments(v) => each(v),
            Value::EnvironmentFiles(v) => each(v),
            Value::OpenFiles(v) => each(v),
            Value::Directory(v) => vec![v.to_string()],
            Value::Output(v) => vec![v.to_string()],
            Value::Input(v) => vec![v.to_string()],
            Value::Owner(v) => vec![v.to_string()],
            Value::Word(v) => vec![(*v).to_owned()],
            Value::Probe(v) => vec![v.to_string()],
            Value::Addresses(v) => each(v),
            Value::Conditions(v) => each(v),
            Value::Capabilities(v) => vec![v.to_string()],
            Value::SecureBits(v) => vec![v.to_string()],
            Value::Cpus(v) => vec![v.to_string()],
            Value::CoredumpFilter(v) => vec![v.to_string()],
            Value::Nanoseconds(v) => vec![v.to_string()],
            Value::OwnDirectories(v) => each(v),
            Value::LoadedCredentials(v) => each(v),
            Value::SetCredentials(v) => each(v),
            Value::InputText(v) => vec![v.to_string()],
            Value::InputData(v) if v.bytes().is_empty() => Vec::new(),
            Value::InputData(v) => vec![v.to_string()],
        }
    }
}
