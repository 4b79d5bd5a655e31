//! The main log in supervisord's form: a rotated file, a copy on standard output, syslog.

use std::path::Path;
use std::time::Instant;

use super::console::{Console, Offered};
use super::device::{self, Device, Standard};
use super::file::{LogFile, Room};
use super::local_time::WrittenTime;
use super::own::{MainLog, OwnLine, Severity};
use super::syslog::Syslog;
use super::trouble::{Advice, refuse};

#[derive(Debug)]
pub(super) struct Main {
    file: Option<LogFile>,
    /// What the file is instead: a terminal, a pipe, `/dev/null`. It is a copy like the others.
    device: Option<Console>,
    level: Severity,
    on_stdout: bool,
    syslog: bool,
    /// What the file has of the line that comes next.
    begun: usize,
}

impl Main {
    pub(super) fn new(wanted: MainLog) -> Main {
        let device = wanted.file.as_ref().and_then(|sink| device::of(&sink.path));
        // Once is enough, where the original writes each line twice.
        let is_stdout = device == Some(Device::Ours(Standard::Output));
        Main {
            file: wanted.file.filter(|_| device.is_none()).map(LogFile::new),
            // Where it cannot be opened, there is nobody to tell.
            device: device
                .filter(|_| !is_stdout)
                .and_then(|device| Console::device(device).ok()),
            level: wanted.level,
            on_stdout: wanted.on_stdout || is_stdout,
            syslog: wanted.syslog,
            begun: 0,
        }
    }

    /// Is kept in another way from now on. A line that the old file has the beginning of begins
    /// again in another one.
    pub(super) fn change(&mut self, wanted: MainLog, now: Instant) {
        let same = match (&self.file, &wanted.file) {
            (Some(file), Some(sink)) => file.sink == *sink,
            (None, None) => true,
            _ => false,
        };
        if same {
            self.level = wanted.level;
            self.on_stdout = wanted.on_stdout;
            self.syslog = wanted.syslog;
        } else {
            *self = Main::new(wanted);
            self.prepare(now);
        }
    }

    /// Whether such lines are written at all.
    pub(super) fn takes(&self, level: Severity) -> bool {
        level <= self.level
    }

    /// Opens the path again at the next line, or when it is prepared.
    pub(super) fn reopen(&mut self) {
        if let Some(file) = &mut self.file {
            file.reopen();
        }
        if let Some(device) = &mut self.device {
            device.reopen();
        }
    }

    /// Somebody deleted a log file; perhaps it is this one.
    pub(super) fn cleared(&mut self, path: &Path, now: Instant) {
        if self
            .file
            .as_ref()
            .is_some_and(|file| file.sink.path == path)
        {
            self.reopen();
            self.prepare(now);
        }
    }

    /// Makes the file now, so that it is there before anybody asks for it.
    pub(super) fn prepare(&mut self, now: Instant) {
        if let Some(file) = &mut self.file {
            // What is wrong with it shows at the first line.
            let _ = file.takes_all(0, now);
        }
    }

    /// Writes one line. Only the file holds up lines that follow, and not for long: the others are
    /// copies, which miss what they do not take.
    pub(super) fn say(
        &mut self,
        line: &OwnLine,
        standard: &mut Console,
        syslog: &mut Syslog,
        now: Instant,
    ) -> Advice {
        let text = form(WrittenTime::now(), line);
        let advice = self.write(text.as_bytes(), now);
        if advice == Advice::Wait {
            return advice;
        }
        self.begun = 0;
        if self.on_stdout {
            offer(standard, text.as_bytes(), now);
        }
        if let Some(device) = &mut self.device {
            offer(device, text.as_bytes(), now);
        }
        if self.syslog {
            for part in line.text.trim_end_matches('\n').split('\n') {
                if syslog.health.advice(now) == Advice::Try {
                    match syslog.send(&[part.as_bytes()]) {
                        Ok(()) => syslog.health.took(),
                        Err(_) => drop(syslog.health.give_up(now)),
                    }
                }
            }
        }
        // With no file to wait for, what others did not take is nobody's loss.
        if self.file.is_some() {
            advice
        } else {
            Advice::Try
        }
    }

    fn write(&mut self, text: &[u8], now: Instant) -> Advice {
        let Some(file) = &mut self.file else {
            return Advice::Try;
        };
        let advice = file.health.advice(now);
        if advice != Advice::Try {
            return advice;
        }
        // The time in the line may be another one than before a wait; its length is the same.
        while let Some(rest) = text.get(self.begun..).filter(|rest| !rest.is_empty()) {
            let step = file.fit(rest, now).and_then(|room| {
                let (bytes, rotate) = match room {
                    Room::Bytes(bytes) => (bytes, false),
                    Room::ThenRotate(bytes) => (bytes, true),
                };
                let put = file.put(&rest[..bytes], now)?;
                Ok((put, rotate && put == bytes))
            });
            match step {
                Ok((put, rotate)) => {
                    self.begun += put;
                    if rotate && file.rotate().is_err() {
                        file.postpone_rotation(now);
                    }
                }
                Err(error) => return refuse(&mut file.health, &error, now).0,
            }
        }
        file.health.took();
        Advice::Try
    }
}

/// Shows a copy to whoever looks at our standard output, as far as they do.
fn offer(standard: &mut Console, text: &[u8], now: Instant) {
    if standard.parked.is_some() || standard.health.advice(now) != Advice::Try {
        return;
    }
    match standard.offer(text) {
        Offered::Taken => standard.health.took(),
        // Its rest goes before the next line.
        Offered::Parked => {}
        Offered::Refused(_) => drop(standard.health.give_up(now)),
    }
}

/// A line with its time and level. What it quotes may have several lines, as in the original.
fn form(time: WrittenTime, line: &OwnLine) -> String {
    format!(
        "{} {} {}\n",
        time.for_main_log(),
        word(line.level),
        line.text
    )
}

/// supervisord's word for a level.
fn word(level: Severity) -> &'static str {
    match level {
        Severity::Critical => "CRIT",
        Severity::Error => "ERRO",
        Severity::Warning => "WARN",
        Severity::Notice | Severity::Info => "INFO",
        Severity::Debug => "DEBG",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    use super::super::{FileSink, Format};
    use super::*;

    fn line(level: Severity, text: &str) -> OwnLine {
        OwnLine {
            level,
            text: text.to_owned(),
            unit: None,
            message_id: None,
            fields: Vec::new(),
        }
    }

    #[test]
    fn a_file_that_is_none_is_written_to_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut reader = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&fifo)
            .unwrap();
        let (mut shown, write) = std::io::pipe().unwrap();
        let mut standard = Console::on(write.as_fd(), Format::Text).unwrap();
        let mut syslog = Syslog::new(dir.path().join("nobody"));
        for path in ["/dev/stdout", "/dev/null", fifo.to_str().unwrap()] {
            let mut main = Main::new(MainLog {
                file: Some(FileSink {
                    path: path.into(),
                    max_size: 0,
                    backups: 0,
                    owner: None,
                    mode: 0o644,
                }),
                level: Severity::Info,
                on_stdout: false,
                syslog: false,
            });
            let said = line(Severity::Info, path);
            let advice = main.say(&said, &mut standard, &mut syslog, Instant::now());
            assert_eq!(advice, Advice::Try, "{path}");
        }
        drop((standard, write));
        let mut text = String::new();
        shown.read_to_string(&mut text).unwrap();
        assert!(text.ends_with(" INFO /dev/stdout\n"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut bytes = [0; 200];
        let length = reader.read(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]);
        assert!(text.ends_with("fifo\n"), "{text}");
    }

    #[test]
    fn writes_supervisords_lines_to_file_output_and_syslog() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("supervisord.log");
        let (mut shown, write) = std::io::pipe().unwrap();
        let mut standard = Console::on(write.as_fd(), Format::Text).unwrap();
        let syslogd = UnixDatagram::bind(dir.path().join("log")).unwrap();
        let mut syslog = Syslog::new(dir.path().join("log"));
        let mut main = Main::new(MainLog {
            file: Some(FileSink {
                path: path.clone(),
                max_size: 120,
                backups: 2,
                owner: None,
                mode: 0o644,
            }),
            level: Severity::Info,
            on_stdout: true,
            syslog: true,
        });
        assert!(main.takes(Severity::Critical) && !main.takes(Severity::Debug));
        let now = Instant::now();
        for (level, text) in [
            (Severity::Info, "spawned: 'a' with pid 7"),
            (
                Severity::Warning,
                "received SIGTERM indicating exit request",
            ),
            (Severity::Critical, "two\nlines"),
        ] {
            let said = main.say(&line(level, text), &mut standard, &mut syslog, now);
            assert_eq!(said, Advice::Try);
        }
        drop((standard, write));
        let mut copy = String::new();
        shown.read_to_string(&mut copy).unwrap();
        let ends: Vec<_> = copy
            .lines()
            .map(|line| line.get(19..).unwrap_or(line))
            .collect();
        assert!(ends[0].starts_with(',') && ends[0].ends_with(" INFO spawned: 'a' with pid 7"));
        assert!(ends[1].ends_with(" WARN received SIGTERM indicating exit request"));
        assert!(ends[2].ends_with(" CRIT two") && ends[3] == "lines");
        // The second line did not fit beside the first.
        let older = std::fs::read_to_string(dir.path().join("supervisord.log.1")).unwrap();
        let newer = std::fs::read_to_string(&path).unwrap();
        assert_eq!(older + &newer, copy);
        let mut buffer = [0; 256];
        let messages: Vec<String> = (0..4)
            .map(|_| {
                let length = syslogd.recv(&mut buffer).unwrap();
                let text = String::from_utf8_lossy(&buffer[..length]);
                text.rsplit_once(": ").unwrap().1.to_owned()
            })
            .collect();
        assert_eq!(messages[2..], ["two", "lines"]);
        assert!(messages[0].ends_with("'a' with pid 7"));
    }
}
