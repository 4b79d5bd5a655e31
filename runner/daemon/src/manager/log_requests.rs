//! Requests about logs and standard input that are answered when a file or another thread has.

use std::path::PathBuf;

use control::{
    Answerer, Chunk, LogName, LogProblem, LogSource, OwnLogTarget, ProcessDetail, ProgramProblem,
    Refusal, Reply, Request, Word,
};
use engine::command::Whom;
use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;
use units::UnitName;
use units::value::LogLevel;

use super::log_files::{LogFiles, has_auto};
use super::log_text;
use super::wake::Done;
use super::{Manager, boot, delivery};
use crate::link::Stream;
use crate::log::own::LevelHandle;
use crate::log::{self, FileSink};
use crate::options::LogTarget;
use crate::process::literal;

impl Manager {
    /// Answers a request of this kind, sooner or later; gives back any other.
    pub(super) fn answer_later(
        &mut self,
        request: Request,
        answerer: Answerer,
    ) -> Option<(Request, Answerer)> {
        match request {
            Request::Deliver {
                unit,
                number,
                bytes,
            } => answerer.answer(self.deliver(&unit, number, &bytes).map(|()| Reply::Done)),
            Request::Input { unit, bytes } => {
                let answer = self.input(&unit, &bytes);
                answerer.answer(answer.map(|()| Reply::Done));
            }
            Request::Preview => self.read_for_preview(answerer),
            request @ (Request::Install(_)
            | Request::UnitFiles
            | Request::UnitFileState(_)
            | Request::UnitFileLinks { .. }) => {
                self.about_files(request, answerer);
            }
            Request::Clean { unit, what } => self.clean(&unit, &what, answerer),
            Request::Freeze { unit, frozen } => self.freeze(&unit, frozen, answerer),
            Request::KnownUnitFile(unit) => self.known_file(unit, answerer),
            Request::FilesChanged(unit) => self.files_changed(&unit, answerer),
            Request::Program(unit) => self.look_for_program(unit, answerer),
            Request::LogText { log, range } => match self.log_path(&log) {
                Ok(Some(path)) => self.offload.submit(move || Done::Answer {
                    answerer,
                    answer: Ok(Reply::LogText(log_text::read(&path, range))),
                }),
                Ok(None) => answerer.answer(Ok(Reply::LogText(Err(LogProblem::NoFile(None))))),
                Err(refusal) => answerer.answer(Err(refusal)),
            },
            Request::LogFollow { log, last } => match self.log_path(&log) {
                Ok(Some(path)) => self.followers.follow(path, last, answerer),
                Ok(None) => answerer.answer(Ok(Reply::LogBytes(Err(LogProblem::NoFile(None))))),
                Err(refusal) => answerer.answer(Err(refusal)),
            },
            Request::LogClear(logs) => self.clear(&logs, answerer),
            Request::LogReopen => {
                self.logs.reopen();
                answerer.answer(Ok(Reply::Done));
            }
            Request::Tap { unit, source, from } => {
                let answer = self.tap(unit, source, from);
                answerer.answer(answer.map(Reply::Tap));
            }
            Request::Drain(unit) => {
                let drained = self.logs.drain(unit);
                tokio::spawn(async move {
                    // A log writer that is gone takes the whole process with it.
                    let _ = drained.await;
                    answerer.answer(Ok(Reply::Done));
                });
            }
            other => return Some((other, answerer)),
        }
        None
    }

    fn input(&mut self, unit: &UnitName, bytes: &[u8]) -> Result<(), Refusal> {
        self.require_process(unit)?;
        self.inputs
            .write(&mut self.poller, unit, bytes)
            .map_err(|refused| delivery::refusal(unit, refused))
    }

    /// Refuses what only a service whose process runs can be asked for.
    pub(super) fn require_process(&self, unit: &UnitName) -> Result<(), Refusal> {
        match self.engine.process(unit) {
            Some(process) if process.pid != 0 => Ok(()),
            Some(_) => Err(Refusal::NoProcess(unit.clone(), Whom::Main)),
            None => Err(Refusal::NoSuchUnit(unit.clone())),
        }
    }

    fn tap(
        &self,
        unit: UnitName,
        source: LogSource,
        from: Option<u64>,
    ) -> Result<mpsc::Receiver<Chunk>, Refusal> {
        let definition = self
            .definition(&unit)
            .ok_or_else(|| Refusal::NoSuchUnit(unit.clone()))?;
        let stream = match source {
            LogSource::Out => Stream::Out,
            LogSource::Error => Stream::Err,
            LogSource::Manager => {
                return Err(Refusal::Invalid("only outputs can be tapped".to_owned()));
            }
        };
        if !self.outputs.is_copied(&definition, stream) {
            let why = "its output is not copied (log-events, log-capture-size)";
            return Err(Refusal::NotApplicable(unit, why.to_owned()));
        }
        Ok(self.logs.tap(unit, stream, from))
    }

    fn look_for_program(&mut self, unit: UnitName, answerer: Answerer) {
        let Some(definition) = self.definition(&unit) else {
            answerer.answer(Err(Refusal::NoSuchUnit(unit)));
            return;
        };
        self.offload.submit(move || {
            let found = literal::look(&definition).map_err(|problem| match problem {
                literal::Problem::NoFile(sentence) => ProgramProblem::NoFile(sentence),
                literal::Problem::NotExecutable(sentence) => {
                    ProgramProblem::NotExecutable(sentence)
                }
            });
            Done::Answer {
                answerer,
                answer: Ok(Reply::Program(found)),
            }
        });
    }

    /// The file of a log; `None` where it goes to none.
    fn log_sink(&self, log: &LogName) -> Result<Option<FileSink>, Refusal> {
        let (unit, source) = match log {
            LogName::Main => {
                return Ok(match &self.options.log_target {
                    LogTarget::Main(main) => main.file.clone(),
                    LogTarget::File(path) => Some(FileSink {
                        path: path.clone(),
                        max_size: 0,
                        backups: 0,
                        owner: None,
                        mode: 0o640,
                    }),
                    LogTarget::Auto | LogTarget::Console | LogTarget::Journal => None,
                });
            }
            LogName::Unit(unit, source) => (unit, source),
        };
        let definition = self
            .definition(unit)
            .ok_or_else(|| Refusal::NoSuchUnit(unit.clone()))?;
        let stream = match source {
            LogSource::Out => Stream::Out,
            LogSource::Error => Stream::Err,
            LogSource::Manager => return Ok(None),
        };
        Ok(self.outputs.files().of(&definition, stream))
    }

    fn log_path(&self, log: &LogName) -> Result<Option<PathBuf>, Refusal> {
        Ok(self.log_sink(log)?.map(|sink| sink.path))
    }

    fn clear(&mut self, logs: &[LogName], answerer: Answerer) {
        let mut sinks = Vec::new();
        let mut main = false;
        for log in logs {
            match self.log_sink(log) {
                Ok(sink) => sinks.extend(sink),
                Err(refusal) => {
                    answerer.answer(Err(refusal));
                    return;
                }
            }
            main |= *log == LogName::Main;
        }
        let cleared = self.logs.clear(sinks);
        let logs = self.logs.clone();
        tokio::spawn(async move {
            // A log writer that is gone takes the whole process with it.
            let answer = match cleared.await.unwrap_or(Ok(())) {
                Ok(()) => Ok(Reply::Done),
                Err(why) => Err(Refusal::Invalid(why)),
            };
            if main {
                // What the real one writes as the first line of the new file.
                logs.own(crate::log::own::OwnLine::info("reopening log file"));
            }
            answerer.answer(answer);
        });
    }

    /// Services as processes, with the files they log to.
    pub(super) fn process_details(&self, wanted: Option<&[UnitName]>) -> Vec<ProcessDetail> {
        let views = match wanted {
            None => self.engine.processes(),
            Some(names) => {
                let mut views: Vec<_> = names
                    .iter()
                    .filter_map(|name| self.engine.process(name))
                    .collect();
                units::sort::by(&mut views, |a, b| {
                    (&a.group, &a.name).cmp(&(&b.group, &b.name))
                });
                views.dedup_by(|a, b| a.unit == b.unit);
                views
            }
        };
        let files = self.outputs.files();
        views
            .into_iter()
            .map(|view| {
                let path = |stream| files.of(&view.definition, stream).map(|sink| sink.path);
                ProcessDetail {
                    log_file: path(Stream::Out),
                    error_log_file: path(Stream::Err),
                    view,
                }
            })
            .collect()
    }

    /// From which level on our own events are looked at, in systemd's words.
    pub(super) fn log_level(&self) -> &'static str {
        match self.log_level.as_ref().map(LevelHandle::current) {
            Some(LevelFilter::TRACE | LevelFilter::DEBUG) => "debug",
            Some(LevelFilter::WARN) => "warning",
            Some(LevelFilter::ERROR) => "err",
            _ => "info",
        }
    }

    /// The same, set. Of systemd's eight levels we have four.
    pub(super) fn set_log_level(&mut self, level: LogLevel) -> Result<Reply, Refusal> {
        let filter = match level {
            LogLevel::Emerg | LogLevel::Alert | LogLevel::Crit | LogLevel::Err => {
                LevelFilter::ERROR
            }
            LogLevel::Warning => LevelFilter::WARN,
            LogLevel::Notice | LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
        };
        if let Some(handle) = &self.log_level {
            handle.set(filter);
        }
        Ok(Reply::Done)
    }

    /// Says our own lines somewhere else. What units say stays where their settings have it.
    pub(super) fn set_log_target(&mut self, target: OwnLogTarget) -> Result<Reply, Refusal> {
        self.about.log_target = match target {
            OwnLogTarget::AsStarted => boot::target_word(&boot::log_target(&self.options)),
            elsewhere => elsewhere.word().to_owned(),
        };
        self.logs.say_own_on(target);
        Ok(Reply::Done)
    }

    /// Everything has ended and starts anew: logs are kept as the configuration says now.
    pub(super) fn renew_logs(&mut self) {
        let target = boot::log_target(&self.options);
        let level = boot::level(&target, &self.options);
        if let Some(handle) = &self.log_level {
            handle.set(LevelFilter::from_level(level));
        }
        self.about.log_target = boot::target_word(&target);
        self.logs.say_own_on(OwnLogTarget::AsStarted);
        if let log::LogTarget::Main(wanted) = target {
            self.logs.keep_main_log(wanted);
        }
        let files = LogFiles::new(&self.options, &self.runtime, true);
        self.outputs.renew(files, level == tracing::Level::DEBUG);
        self.clear_old_logs();
    }

    /// Clears away the files that earlier runs chose the names of: at a first start.
    pub(super) fn clear_old_logs(&self) {
        let definitions = self.engine.definitions().iter().map(|unit| &**unit);
        let files = self.outputs.files();
        for directory in files.directories(definitions) {
            self.logs.clean_up(directory, files.identifier().to_owned());
        }
    }

    /// Makes the log files whose names we choose, of all services in force: they are there before
    /// anybody asks, and whoever asks is told the name.
    pub(super) fn make_auto_logs(&self) {
        let files = self.outputs.files();
        let sinks: Vec<FileSink> = self
            .engine
            .definitions()
            .iter()
            .filter(|definition| has_auto(definition))
            .flat_map(|definition| {
                [Stream::Out, Stream::Err].map(|stream| files.of(definition, stream))
            })
            .flatten()
            .collect();
        if !sinks.is_empty() {
            self.logs.make(sinks);
        }
    }
}
