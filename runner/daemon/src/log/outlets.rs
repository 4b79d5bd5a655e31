//! Everything that outputs go into, and that they share.

mod own_lines;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use units::UnitName;
use units::civil::CivilTime;

use super::console::Console;
use super::device::Device;
use super::journal::Journal;
use super::lines::{self, Break};
use super::main_log::Main;
use super::manner::{Manner, Told};
use super::own::{OwnLine, Severity};
use super::pipe::{Scratch, open_null};
use super::ring::{self, Ring};
use super::syslog::Syslog;
use super::trouble::{Advice, Health, refuse};
use super::ways::Ways;
use super::{FileSink, Format, Heard, Line, LogTarget, Stream, tail};
use crate::link::{Holder, Key};

/// A longer line is cut for syslog, whose datagrams have bounds.
const SYSLOG_LINE: usize = 8 * 1024;

/// A console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    /// Our standard output.
    Standard,
    /// The file of `--log-target file:PATH`.
    File,
    /// A device that is the log file of services, by number.
    Device(usize),
}

/// A sink that says itself when it takes more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pollable {
    /// Our standard output.
    Standard,
    /// The socket of journald.
    Journal,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Screen(Screen),
    Journal,
    /// The main log in supervisord's form.
    Main,
}

/// What is kept of a unit's logs.
#[derive(Debug, Default)]
pub(super) struct UnitLog {
    ring: Option<Ring>,
    /// The log file of its standard output.
    pub(super) file: Option<FileSink>,
    /// Lines that passed their sink by.
    pub(super) missing: u64,
    /// Tokens of its outputs.
    pub(super) sources: Vec<u64>,
    /// How its lines are told, where not in the usual way, and how many were lately.
    pub(super) manner: Option<Box<(Manner, Told)>>,

    /// The unit is unloaded; this goes when its last output has ended.
    pub(super) leaving: bool,
    /// A process is made: what is shown of it waits for its pid until then.
    pub(super) introduced: Option<Instant>,
}

impl UnitLog {
    /// Takes up the ring that the keeper holds, unless there is one.
    pub(super) fn take_up(&mut self, memory: OwnedFd) -> io::Result<()> {
        if self.ring.is_none() {
            self.ring = Some(Ring::open(memory)?);
        }
        Ok(())
    }

    /// The last lines. A log file's own, and after them what passed it by.
    fn tail(&self, wanted: usize) -> Vec<Vec<u8>> {
        let mut last = match &self.file {
            Some(sink) => tail::of_file(sink, wanted).unwrap_or_default(),
            None => Vec::new(),
        };
        if let Some(ring) = &self.ring
            && (self.file.is_none() || self.missing > 0)
            && let Ok((text, from_start)) = ring.contents()
        {
            last.append(&mut lines::last(&text, wanted, from_start));
        }
        last.split_off(last.len().saturating_sub(wanted))
    }
}

#[derive(Debug)]
struct Subscriber {
    units: Vec<UnitName>,
    to: Sender<Heard>,
    missed: u64,
}

impl Subscriber {
    /// Says whether anybody still listens.
    fn hear(&mut self, line: Line) -> bool {
        if self.missed > 0 {
            match self.to.try_send(Heard::Missed(self.missed)) {
                Ok(()) => self.missed = 0,
                Err(TrySendError::Full(_)) => {
                    self.missed += 1;
                    return true;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        match self.to.try_send(Heard::Line(line)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed += 1;
                true
            }
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

#[derive(Debug)]
pub(super) struct Outlets {
    standard: Console,
    file: Option<Console>,
    /// They stay: there are as many as paths in unit files.
    devices: Vec<(Device, Console)>,
    main: Option<Main>,
    pub(super) syslog: Syslog,
    pub(super) journal: Journal,
    /// Where the output of units goes that say nothing else.
    pub(super) target: Target,
    /// Where our own lines go: there too, until somebody says otherwise.
    own_target: Target,
    pub(super) null: File,
    /// In boxes: a table keeps room for more than are in it.
    units: HashMap<UnitName, Box<UnitLog>>,
    subscribers: Vec<Subscriber>,
    /// Who keeps rings over our end.
    pub(super) holder: Option<Holder>,
    scratch: Scratch,
    own: VecDeque<OwnLine>,
    own_missing: u64,
    /// The pid that the world knows us by.
    pid: u32,
    /// When this round of turns began.
    pub(super) now: Instant,
    /// A buffer for formatted lines.
    pub(super) text: Vec<u8>,
    ways: Ways,
    /// How many of these have been obeyed.
    pub(super) ways_obeyed: u64,
}

impl Outlets {
    pub(super) fn new(
        target: LogTarget,
        standard: Option<Console>,
        journal: Journal,
        syslog: Syslog,
        pid: u32,
        ways: Ways,
    ) -> io::Result<Outlets> {
        let format = match &target {
            LogTarget::Console(format)
            | LogTarget::StandardError(format)
            | LogTarget::File(_, format) => *format,
            LogTarget::Journal | LogTarget::Main(_) => Format::Text,
        };
        let standard = match standard {
            Some(console) => console,
            None if matches!(target, LogTarget::StandardError(_)) => {
                Console::on(std::io::stderr().as_fd(), format)?
            }
            None => Console::standard(format)?,
        };
        let mut main = None;
        let mut file = None;
        let target = match target {
            LogTarget::Console(_) | LogTarget::StandardError(_) => Target::Screen(Screen::Standard),
            LogTarget::Journal => Target::Journal,
            LogTarget::File(path, format) => {
                file = Some(Console::file(path, format));
                Target::Screen(Screen::File)
            }
            LogTarget::Main(wanted) => {
                main = Some(Main::new(wanted));
                Target::Main
            }
        };
        Ok(Outlets {
            standard,
            file,
            devices: Vec::new(),
            main,
            syslog,
            journal,
            target,
            own_target: target,
            null: open_null()?,
            units: HashMap::new(),
            subscribers: Vec::new(),
            holder: None,
            scratch: Scratch::new()?,
            own: VecDeque::new(),
            own_missing: 0,
            pid,
            now: Instant::now(),
            text: Vec::new(),
            ways,
            ways_obeyed: 0,
        })
    }

    pub(super) fn screen(&mut self, screen: Screen) -> &mut Console {
        match (screen, &mut self.file) {
            (Screen::File, Some(file)) => file,
            (Screen::Device(number), _) => match self.devices.get_mut(number) {
                Some((_, console)) => console,
                None => &mut self.standard,
            },
            (Screen::Standard | Screen::File, _) => &mut self.standard,
        }
    }

    /// The console of a device.
    pub(super) fn device(&mut self, device: Device) -> io::Result<Screen> {
        let known = self.devices.iter().position(|(known, _)| *known == device);
        let number = match known {
            Some(number) => number,
            None => {
                self.devices
                    .push((device.clone(), Console::device(device)?));
                self.devices.len() - 1
            }
        };
        Ok(Screen::Device(number))
    }

    pub(super) fn reopen(&mut self) {
        if let Some(main) = &mut self.main {
            main.reopen();
            main.prepare(self.now);
        }
        if let Some(file) = &mut self.file {
            file.reopen();
        }
    }

    /// The descriptor to wait on until a sink takes more, if it does not now.
    pub(super) fn blocked(&self, sink: Pollable) -> Option<BorrowedFd<'_>> {
        let (health, fd) = match sink {
            Pollable::Standard => (self.standard.health, self.standard.pollable()),
            Pollable::Journal => (self.journal.health, self.journal.pollable()),
        };
        fd.filter(|_| !matches!(health, Health::Well))
    }

    /// A sink may take more now.
    pub(super) fn unblocked(&mut self, sink: Pollable) {
        match sink {
            Pollable::Standard => {
                self.standard.health.stirred(self.now);
                self.standard.finish_line();
            }
            Pollable::Journal => self.journal.health.stirred(self.now),
        }
    }

    pub(super) fn log_of(&mut self, unit: &UnitName) -> &mut UnitLog {
        if !self.units.contains_key(unit) {
            self.units.insert(unit.clone(), Box::default());
        }
        self.units.entry(unit.clone()).or_default()
    }

    /// Whether lines of the unit wait until its new process is known.
    pub(super) fn awaits_pid(&self, unit: &UnitName) -> bool {
        let until = self.units.get(unit).and_then(|log| log.introduced);
        until.is_some_and(|until| self.now < until)
    }

    /// Takes out how a unit's lines are told, to be put back.
    pub(super) fn take_manner(&mut self, unit: &UnitName) -> Option<Box<(Manner, Told)>> {
        self.units.get_mut(unit)?.manner.take()
    }

    /// Puts back what was taken out.
    pub(super) fn put_manner(&mut self, unit: &UnitName, manner: Option<Box<(Manner, Told)>>) {
        if manner.is_some()
            && let Some(log) = self.units.get_mut(unit)
        {
            log.manner = manner;
        }
    }

    /// The tokens of a unit's outputs.
    pub(super) fn sources(&self, unit: &UnitName) -> Vec<u64> {
        self.units
            .get(unit)
            .map(|log| log.sources.clone())
            .unwrap_or_default()
    }

    pub(super) fn missing(&self, unit: &UnitName) -> u64 {
        self.units.get(unit).map_or(0, |log| log.missing)
    }

    pub(super) fn forget(&mut self, unit: &UnitName) {
        let log = self.units.remove(unit);
        if log.is_some_and(|log| log.ring.is_some())
            && let Some(holder) = &self.holder
        {
            // A keeper that is gone holds nothing.
            let _ = holder.delete(&Key::Ring { unit: unit.clone() });
        }
    }

    /// The ring of a unit, if anything was ever put into one.
    pub(super) fn ring_if_any(&mut self, unit: &UnitName) -> Option<&mut Ring> {
        self.units.get_mut(unit)?.ring.as_mut()
    }

    /// The ring of a unit, made now if there is none. Most units that never say a word have none.
    pub(super) fn ring(&mut self, unit: &UnitName) -> io::Result<&mut Ring> {
        let Outlets { units, holder, .. } = self;
        match &mut units.entry(unit.clone()).or_default().ring {
            Some(ring) => Ok(ring),
            empty => {
                let memory = ring::create(unit.as_str())?;
                if let Some(holder) = holder {
                    // One that could not be held is gone when we are. Nothing is put into it before.
                    let _ = holder.put(&Key::Ring { unit: unit.clone() }, memory.as_fd());
                }
                Ok(empty.insert(Ring::open(memory)?))
            }
        }
    }

    /// The last lines of a unit.
    pub(super) fn tail(&self, unit: &UnitName, wanted: usize) -> Vec<Line> {
        let texts = self
            .units
            .get(unit)
            .map(|log| log.tail(wanted))
            .unwrap_or_default();
        texts
            .into_iter()
            .map(|text| Line {
                unit: unit.clone(),
                text,
            })
            .collect()
    }

    /// Tells `to` the `past` lines, and from now on each line of these units.
    pub(super) fn subscribe(&mut self, units: Vec<UnitName>, past: Vec<Line>, to: Sender<Heard>) {
        let mut subscriber = Subscriber {
            units,
            to,
            missed: 0,
        };
        if past.into_iter().all(|line| subscriber.hear(line)) {
            self.subscribers.push(subscriber);
        }
    }

    pub(super) fn has_subscriber(&mut self, unit: &UnitName) -> bool {
        self.subscribers
            .retain(|subscriber| !subscriber.to.is_closed());
        self.subscribers
            .iter()
            .any(|subscriber| subscriber.units.contains(unit))
    }

    /// Says in a main log what a program wrote, as supervisord does at its level `debug`.
    pub(super) fn say_output(&mut self, unit: &UnitName, stream: Stream, bytes: &[u8]) {
        let channel = match stream {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        };
        let shown = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => format!("Undecodable: b'{}'", bytes.escape_ascii()),
        };
        let text = format!("'{}' {channel} output:\n{shown}", process_name(unit));
        self.say(OwnLine {
            unit: Some(unit.clone()),
            ..OwnLine::about_us(Severity::Debug, text)
        });
    }

    /// Sends the whole lines of `text` to syslog, a last one without newline too if nothing follows.
    /// Says whether it takes more: not for [`super::PATIENCE`], after which lines pass it by.
    pub(super) fn syslog_lines(&mut self, unit: &UnitName, text: &mut Vec<u8>, last: bool) -> bool {
        let name = process_name(unit);
        let mut sent = 0;
        let mut taken = true;
        while let Some(rest) = text.get(sent..).filter(|rest| !rest.is_empty()) {
            let line = match lines::first(rest) {
                Some(length) => length,
                None if last || rest.len() >= SYSLOG_LINE => rest.len().min(SYSLOG_LINE),
                None => break,
            };
            match self.syslog.health.advice(self.now) {
                Advice::Wait => {
                    taken = false;
                    break;
                }
                Advice::Skip => {}
                Advice::Try => {
                    let shown = rest[..line].strip_suffix(b"\n").unwrap_or(&rest[..line]);
                    let shown = shown.get(..SYSLOG_LINE).unwrap_or(shown);
                    match self.syslog.send(&[name.as_bytes(), b" ", shown]) {
                        Ok(()) => self.syslog.health.took(),
                        Err(error) => {
                            let (advice, _) = refuse(&mut self.syslog.health, &error, self.now);
                            if advice != Advice::Skip {
                                taken = false;
                                break;
                            }
                        }
                    }
                }
            }
            sent += line;
        }
        text.drain(..sent);
        taken
    }

    /// Tells who follows a unit about lines of its.
    pub(super) fn publish(&mut self, unit: &UnitName, chunk: &[u8], rest: Break) {
        if self.subscribers.is_empty() {
            return;
        }
        self.subscribers.retain_mut(|subscriber| {
            !subscriber.units.contains(unit)
                || lines::pieces(chunk, rest).all(|piece| {
                    subscriber.hear(Line {
                        unit: unit.clone(),
                        text: piece.text.to_vec(),
                    })
                })
        });
    }

    /// Copies the front of a pipe into a buffer, to be given back by [`Self::looked`].
    pub(super) fn look(&mut self, pipe: BorrowedFd<'_>, bytes: usize) -> io::Result<Vec<u8>> {
        self.scratch.look(pipe, bytes)
    }

    /// Whether an output has been told another way that it does not go yet: whose bytes are in its
    /// pipe is not known then.
    pub(super) fn is_told_more(&self) -> bool {
        self.ways.told() != self.ways_obeyed
    }

    pub(super) fn looked(&mut self, chunk: Vec<u8>) {
        self.scratch.give_back(chunk);
    }

    /// How much of a pipe one look is certain to show.
    pub(super) fn sight(&self) -> usize {
        self.scratch.sight
    }

    /// Whether our standard output has the beginning of a line whose end nobody waits to write.
    pub(super) fn has_rest(&self) -> bool {
        self.standard.has_rest()
    }

    /// A log file is gone: opens it again where it is the daemon's own.
    pub(super) fn cleared(&mut self, path: &Path) {
        if let Some(main) = &mut self.main {
            main.cleared(path, self.now);
        }
        if let Some(file) = &mut self.file {
            file.reopen();
        }
    }

    /// Makes the main log's file.
    pub(super) fn prepare(&mut self) {
        if let Some(main) = &mut self.main {
            main.prepare(self.now);
        }
    }

    /// The time of day for JSON lines (RFC 3339, UTC, microseconds).
    pub(super) fn time(&self) -> String {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        rfc3339(since.as_secs(), since.subsec_micros())
    }
}

/// Seconds and microseconds since the epoch as text.
fn rfc3339(seconds: u64, micros: u32) -> String {
    let shown = CivilTime::utc(i64::try_from(seconds).unwrap_or(i64::MAX)).to_string();
    format!("{}.{micros:06}Z", shown.replace(' ', "T"))
}

/// What supervisord calls the process of a unit.
fn process_name(unit: &UnitName) -> String {
    units::group::group_and_process(unit)
        .map_or_else(|| unit.as_str().to_owned(), |(_, process)| process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_time() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            rfc3339(951_782_400 + 86_399, 7),
            "2000-02-29T23:59:59.000007Z"
        );
        assert_eq!(
            rfc3339(1_767_225_599, 999_999),
            "2025-12-31T23:59:59.999999Z"
        );
        assert_eq!(rfc3339(4_102_444_800, 0), "2100-01-01T00:00:00.000000Z");
    }
}
