//! What we have to say ourselves: the engine's entries and the daemon's `tracing` events.

use std::sync::{Arc, Mutex, PoisonError};

use engine::action::{Entry, Level, MessageId};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use units::UnitName;

use super::{FileSink, Logs};

/// The name our own lines carry.
pub(super) const IDENTIFIER: &str = "runnerd";

/// A line of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLine {
    /// How bad it is.
    pub level: Severity,
    /// The sentence.
    pub text: String,
    /// The unit it is about.
    pub unit: Option<UnitName>,
    /// The catalog id (systemd.journal-fields(7), `MESSAGE_ID=`).
    pub message_id: Option<&'static str>,
    /// More fields for the journal, `NAME=value`.
    pub fields: Vec<Box<str>>,
}

/// A main log as supervisord keeps it: lines `YYYY-MM-DD HH:MM:SS,mmm LEVL message` in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainLog {
    /// The file, which we rotate; none where it only goes elsewhere.
    pub file: Option<FileSink>,
    /// What is less grave than this is left out. [`Severity::Debug`] also shows all that programs
    /// write.
    pub level: Severity,
    /// A copy goes to our standard output (`nodaemon` without `silent`).
    pub on_stdout: bool,
    /// Each line goes to syslog (`logfile=syslog`).
    pub syslog: bool,
}

/// How bad an own line is, with syslog's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// 2
    Critical = 2,
    /// 3
    Error = 3,
    /// 4
    Warning = 4,
    /// 5
    Notice = 5,
    /// 6
    Info = 6,
    /// 7
    Debug = 7,
}

impl Severity {
    /// Its name, as JSON lines have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
            Severity::Info => "info",
            Severity::Debug => "debug",
        }
    }
}

impl From<Level> for Severity {
    fn from(level: Level) -> Severity {
        match level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Notice => Severity::Notice,
            Level::Info => Severity::Info,
            Level::Debug => Severity::Debug,
        }
    }
}

impl From<&tracing::Level> for Severity {
    fn from(level: &tracing::Level) -> Severity {
        match *level {
            tracing::Level::ERROR => Severity::Error,
            tracing::Level::WARN => Severity::Warning,
            tracing::Level::INFO => Severity::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Severity::Debug,
        }
    }
}

impl From<Entry> for OwnLine {
    fn from(entry: Entry) -> OwnLine {
        // The engine's sentences are about a unit; a line of a log stands alone.
        let text = match &entry.unit {
            Some(unit) if !entry.text.contains(unit.as_str()) => format!("{unit}: {}", entry.text),
            _ => entry.text,
        };
        OwnLine {
            level: entry.level.into(),
            text,
            unit: entry.unit,
            message_id: catalog_id(entry.id),
            fields: Vec::new(),
        }
    }
}

impl OwnLine {
    /// A plain remark.
    #[must_use]
    pub fn info(text: &str) -> OwnLine {
        OwnLine::about_us(Severity::Info, text.to_owned())
    }

    /// A line about ourselves.
    #[must_use]
    pub fn about_us(level: Severity, text: String) -> OwnLine {
        OwnLine {
            level,
            text,
            unit: None,
            message_id: None,
            fields: Vec::new(),
        }
    }

    /// A warning about a unit.
    pub(super) fn warning(unit: &UnitName, text: String) -> OwnLine {
        OwnLine {
            unit: Some(unit.clone()),
            ..OwnLine::about_us(Severity::Warning, text)
        }
    }
}

/// The catalog id of a kind of message: systemd's own (`sd-messages.h`) where it has one for the
/// same thing, so that `journalctl --catalog` explains it.
fn catalog_id(id: MessageId) -> Option<&'static str> {
    match id {
        MessageId::Starting => Some("7d4958e842da4a758f6c1cdc7b36dcc5"),
        MessageId::Started => Some("39f53479d3a045ac8e11786248231fbf"),
        MessageId::Stopping => Some("de5b426a63be47a7b6ac3eaac82e2f6f"),
        MessageId::Stopped => Some("9d1aaa27d60140bd96365438aad20286"),
        MessageId::Failed => Some("be02cf6855d2428ba40df7e9d022f03d"),
        MessageId::Restarting => Some("5eb03494b6584870a536b337290809b3"),
        MessageId::ProcessExited => Some("98e322203f7a4ed290d09fe03c09fe15"),
        MessageId::SpawnFailed => Some("641257651c1b4ec9a8624d7a40a9e1e7"),
        MessageId::Shortage => Some("3a1f4f0c5f2e4a0f9c3b6f5f0f2f7c61"),
        MessageId::JobFailed => Some("c2f6b8a1f55b4f7fa7a93d04c6a4f1d2"),
        MessageId::Reloaded => Some("9f0e1dcb5d0b4bb9a8f3c7cf5be0a4e7"),
        MessageId::CycleBroken => Some("5d6d7e0d0cbb4d2bb9a6a65d8c2f8a13"),
        MessageId::Unexpected => Some("e8a1c3be7a6f4a61a3f0f34d0d7f9b58"),
        MessageId::Other => None,
    }
}

/// How grave the daemon's `tracing` events have to be to be looked at, and the means to change it.
#[derive(Debug, Clone)]
pub struct LevelHandle(Arc<Mutex<LevelFilter>>);

impl LevelHandle {
    /// What is less grave than this is not looked at.
    #[must_use]
    pub fn current(&self) -> LevelFilter {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, set.
    pub fn set(&self, level: LevelFilter) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = level;
        // Each place that says something remembers whether anybody listens.
        tracing::callsite::rebuild_interest_cache();
    }
}

/// Makes the daemon's `tracing` events, those of at least `level`, appear on the log target. To be
/// called once.
///
/// # Errors
/// When there is a global subscriber already.
pub fn install(
    logs: &Logs,
    level: tracing::Level,
) -> Result<LevelHandle, tracing::subscriber::SetGlobalDefaultError> {
    let handle = LevelHandle(Arc::new(Mutex::new(LevelFilter::from_level(level))));
    let logs = logs.clone();
    tracing::subscriber::set_global_default(Listener {
        level: handle.clone(),
        say: move |line| logs.own(line),
    })?;
    Ok(handle)
}

/// Hands events to the log writer, which can wait: a journald that does not read may be one of our
/// own units, and nobody but the loop can start it again.
struct Listener<F> {
    level: LevelHandle,
    say: F,
}

impl<F: Fn(OwnLine) + 'static> Subscriber for Listener<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Others' details help nobody who runs us.
        let level = *metadata.level();
        let is_told = level < tracing::Level::DEBUG || metadata.target().starts_with("runnerd");
        is_told && level <= self.level.current()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.current())
    }

    fn event(&self, event: &Event<'_>) {
        (self.say)(sentence(event));
    }

    // Nobody here speaks of spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The message of an event, followed by its other fields; an audit record says first that it is one.
fn sentence(event: &Event<'_>) -> OwnLine {
    #[derive(Default)]
    struct Words {
        kind: String,
        message: String,
        shown: String,
        fields: Vec<Box<str>>,
    }
    impl Visit for Words {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            let value = format!("{value:?}");
            match field.name() {
                "message" => return self.message = value,
                "audit" => self.kind = "audit: ".to_owned(),
                name => self.shown += &format!(" {name}={value}"),
            }
            let name = field.name().to_uppercase().replace('.', "_");
            self.fields.push(format!("{name}={value}").into());
        }
    }
    let mut words = Words::default();
    event.record(&mut words);
    let metadata = event.metadata();
    let place = [
        ("CODE_FILE", metadata.file().map(str::to_owned)),
        ("CODE_LINE", metadata.line().map(|line| line.to_string())),
        ("TARGET", Some(metadata.target().to_owned())),
    ];
    let place = place
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?).into()));
    words.fields.extend(place);
    OwnLine {
        fields: words.fields,
        ..OwnLine::about_us(
            metadata.level().into(),
            words.kind + &words.message + &words.shown,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_its_meaning() {
        let entry = Entry {
            unit: Some(UnitName::parse("web.service").unwrap()),
            level: Level::Notice,
            id: MessageId::Started,
            text: "started web.service".into(),
        };
        let line = OwnLine::from(entry.clone());
        assert_eq!(
            (line.level as u8, line.text.as_str()),
            (5, "started web.service")
        );
        assert_eq!(line.unit, entry.unit);
        let bare = OwnLine::from(Entry {
            text: "failed".into(),
            ..entry
        });
        assert_eq!(bare.text, "web.service: failed");
        assert_eq!(line.message_id, Some("39f53479d3a045ac8e11786248231fbf"));
    }

    /// One place in the code is asked again when the level has changed.
    #[test]
    fn the_level_can_be_changed() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let level = LevelHandle(Arc::new(Mutex::new(LevelFilter::INFO)));
        let listener = Listener {
            level: level.clone(),
            say: {
                let said = said.clone();
                move |line: OwnLine| said.lock().unwrap().push((line.level, line.text))
            },
        };
        tracing::subscriber::with_default(listener, || {
            let speak = |round: u32| {
                tracing::warn!(round, "careful");
                tracing::debug!(round, "a detail");
                tracing::debug!(target: "tokio", round, "another's detail");
            };
            speak(1);
            level.set(LevelFilter::DEBUG);
            assert_eq!(level.current(), LevelFilter::DEBUG);
            speak(2);
            level.set(LevelFilter::ERROR);
            speak(3);
        });
        let expected = [
            (Severity::Warning, "careful round=1".to_owned()),
            (Severity::Warning, "careful round=2".to_owned()),
            (Severity::Debug, "a detail round=2".to_owned()),
        ];
        assert_eq!(*said.lock().unwrap(), expected);
    }

    #[test]
    fn catalog_ids_are_distinct_and_well_formed() {
        use MessageId::*;
        let ids = [
            Starting,
            Started,
            Stopping,
            Stopped,
            Failed,
            Restarting,
            ProcessExited,
            SpawnFailed,
            Shortage,
            JobFailed,
            Reloaded,
            CycleBroken,
            Unexpected,
        ];
        let mut texts: Vec<_> = ids.iter().filter_map(|id| catalog_id(*id)).collect();
        assert!(
            texts
                .iter()
                .all(|text| text.len() == 32 && u128::from_str_radix(text, 16).is_ok())
        );
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), ids.len());
    }

    /// The catalog that we ship explains those that are ours, and no other.
    #[test]
    fn our_catalog_has_what_systemds_has_not() {
        use MessageId::*;
        let catalog = include_str!("../../../../contrib/systemd/runner.catalog");
        let explained: Vec<&str> = catalog
            .lines()
            .filter_map(|line| line.strip_prefix("-- "))
            .collect();
        let ours = [Shortage, JobFailed, Reloaded, CycleBroken, Unexpected];
        let ours: Vec<&str> = ours.iter().filter_map(|id| catalog_id(*id)).collect();
        assert_eq!(explained, ours);
    }
}
