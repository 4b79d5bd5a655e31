//! Our standard output, or a file in its place: marked lines, written without ever waiting.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::fs::{FileType, Mode, OFlags};

use super::Format;
use super::device::Device;
use super::lines::{Break, Piece};
use super::trouble::Health;
use crate::place::Place;

#[derive(Debug)]
pub(super) struct Console {
    out: Out,
    pub(super) format: Format,
    /// It gets what services write and nothing else: it is the log file of one.
    pub(super) plain: bool,
    /// A person looks at it: nothing that services write may control their terminal.
    terminal: bool,
    pub(super) health: Health,
    /// What of the last lines offered is not written yet; it begins in the middle of a line.
    carry: Vec<u8>,
    /// Whose lines these are, by token; nobody else offers lines meanwhile.
    pub(super) parked: Option<u64>,
}

#[derive(Debug)]
enum Out {
    /// Our standard output.
    Standard { fd: OwnedFd, way: Way },
    /// A file, opened for appending when it is first needed.
    File { path: PathBuf, file: Option<File> },
    /// A terminal or a pipe, opened when it is first needed and again when nobody was there.
    Device { path: PathBuf, fd: Option<OwnedFd> },
}

/// How to write to a standard output without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is opened non-blocking by us alone, or a file, which is always ready.
    Plain,
    /// It is shared with others who expect it to block: ask first, then write no more than the
    /// kernel takes at once.
    Asking,
    /// It is a socket: each call can say that it does not wait.
    Socket,
}

/// What became of lines that were offered.
#[derive(Debug)]
pub(super) enum Offered {
    /// They are written.
    Taken,
    /// They are written in part; the rest follows.
    Parked,
    /// Nothing is written.
    Refused(io::Error),
}

/// Who says a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker<'a> {
    pub(super) name: &'a str,
    pub(super) pid: Option<u32>,
}

impl Console {
    /// Our standard output.
    pub(super) fn standard(format: Format) -> io::Result<Console> {
        Console::on(io::stdout().as_fd(), format)
    }

    pub(super) fn on(fd: BorrowedFd<'_>, format: Format) -> io::Result<Console> {
        let terminal = nix::unistd::isatty(fd).unwrap_or(false);
        let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        let way = match kind {
            FileType::RegularFile => Way::Plain,
            FileType::Socket => Way::Socket,
            _ => Way::Asking,
        };
        let own = if way == Way::Asking { reopen(fd) } else { None };
        let out = match own {
            Some(own) => Out::Standard {
                fd: own,
                way: Way::Plain,
            },
            None => Out::Standard {
                fd: fd.try_clone_to_owned()?,
                way,
            },
        };
        Ok(Console {
            out,
            format,
            plain: false,
            terminal,
            health: Health::Well,
            carry: Vec::new(),
            parked: None,
        })
    }

    /// A file that is appended to.
    pub(super) fn file(path: PathBuf, format: Format) -> Console {
        Console {
            out: Out::File { path, file: None },
            format,
            plain: false,
            terminal: false,
            health: Health::Well,
            carry: Vec::new(),
            parked: None,
        }
    }

    /// The log file of a service that is no file.
    pub(super) fn device(device: Device) -> io::Result<Console> {
        let mut console = match device {
            Device::Ours(standard) => Console::on(standard.borrow(), Format::Text)?,
            Device::Named(path) => Console {
                out: Out::Device { path, fd: None },
                ..Console::file(PathBuf::new(), Format::Text)
            },
        };
        console.plain = true;
        Ok(console)
    }

    /// The descriptor that says when it can be written to again; a file always can.
    pub(super) fn pollable(&self) -> Option<BorrowedFd<'_>> {
        match &self.out {
            Out::Standard { fd, .. } => Some(fd.as_fd()),
            Out::File { .. } | Out::Device { .. } => None,
        }
    }

    /// Opens the file again.
    pub(super) fn reopen(&mut self) {
        match &mut self.out {
            Out::File { file, .. } => *file = None,
            Out::Device { fd, .. } => *fd = None,
            Out::Standard { .. } => {}
        }
    }

    /// Offers formatted lines.
    pub(super) fn offer(&mut self, text: &[u8]) -> Offered {
        if let Err(error) = self.settle() {
            return Offered::Refused(error);
        }
        let mut written = 0;
        while let Some(rest) = text.get(written..).filter(|rest| !rest.is_empty()) {
            match self.out.write(rest) {
                Ok(now) => written += now,
                Err(error) if written == 0 => return Offered::Refused(error),
                Err(_) => {
                    self.carry.extend_from_slice(rest);
                    return Offered::Parked;
                }
            }
        }
        Offered::Taken
    }

    /// Writes what is parked.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let mut written = 0;
        let result = loop {
            match self.carry.get(written..).filter(|rest| !rest.is_empty()) {
                None => break Ok(()),
                Some(rest) => match self.out.write(rest) {
                    Ok(now) => written += now,
                    Err(error) => break Err(error),
                },
            }
        };
        self.carry.drain(..written);
        result
    }

    /// Gives up the parked lines but the one that is begun, and says how many these are.
    pub(super) fn abandon(&mut self) -> u64 {
        let begun = super::lines::first(&self.carry).unwrap_or(self.carry.len());
        let lost = super::lines::count(self.carry.get(begun..).unwrap_or_default());
        self.carry.truncate(begun);
        lost
    }

    /// Whether a line that was given up in its middle still lacks its end.
    pub(super) fn has_rest(&self) -> bool {
        self.parked.is_none() && !self.carry.is_empty()
    }

    /// Writes the end of such a line, as far as there is room: whoever reads may wait for it, and
    /// nothing else may come for long.
    pub(super) fn finish_line(&mut self) {
        if self.has_rest()
            && let Err(error) = self.settle()
            && error.kind() != io::ErrorKind::WouldBlock
        {
            // Nobody reads any more: what comes next begins a line of its own.
            self.carry.clear();
        }
    }

    /// Adds one line of a service to `out`.
    pub(super) fn line(&self, out: &mut Vec<u8>, time: &str, who: Speaker<'_>, piece: Piece<'_>) {
        match self.format {
            _ if self.plain => {
                out.extend_from_slice(piece.text);
                if piece.ended == Break::Newline {
                    out.push(b'\n');
                }
            }
            Format::Text => {
                prefix(out, who);
                self.text(out, piece.text);
            }
            Format::Json => {
                let message = String::from_utf8_lossy(piece.text);
                let mut object = object(time, who, &message);
                if piece.ended == Break::TooLong {
                    object.push(("continued", true.into()));
                }
                json(out, object);
            }
        }
    }

    /// Adds one line of our own to `out`.
    pub(super) fn own_line(
        &self,
        out: &mut Vec<u8>,
        time: &str,
        who: Speaker<'_>,
        line: &super::OwnLine,
    ) {
        match self.format {
            Format::Text => {
                prefix(out, who);
                // A sentence is one line, whatever it quotes.
                self.text(out, line.text.replace('\n', " ").as_bytes());
            }
            Format::Json => {
                let mut object = object(time, who, &line.text);
                object.insert(1, ("level", line.level.word().into()));
                if let Some(subject) = &line.unit {
                    object.push(("subject", subject.as_str().into()));
                }
                if let Some(id) = line.message_id {
                    object.push(("message_id", id.into()));
                }
                json(out, object);
            }
        }
    }

    fn text(&self, out: &mut Vec<u8>, text: &[u8]) {
        if self.terminal {
            text.iter().for_each(|byte| escape(out, *byte));
        } else {
            out.extend_from_slice(text);
        }
        out.push(b'\n');
    }
}

/// Shows a byte that could control the terminal by its number.
fn escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\t' => out.push(byte),
        0..0x20 | 0x7f => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        _ => out.push(byte),
    }
}

fn prefix(out: &mut Vec<u8>, who: Speaker<'_>) {
    out.extend_from_slice(who.name.as_bytes());
    if let Some(pid) = who.pid {
        // Writing to a vector cannot fail.
        let _ = write!(out, "[{pid}]");
    }
    out.extend_from_slice(b": ");
}

type Object<'a> = Vec<(&'static str, serde_json::Value)>;

fn object(time: &str, who: Speaker<'_>, message: &str) -> Object<'static> {
    let mut object = vec![("time", time.into()), ("unit", who.name.into())];
    if let Some(pid) = who.pid {
        object.push(("pid", pid.into()));
    }
    object.push(("message", message.into()));
    object
}

/// Writes the members in the order given, which a map would not keep.
fn json(out: &mut Vec<u8>, object: Object<'_>) {
    for (n, (key, value)) in object.iter().enumerate() {
        out.extend_from_slice(if n == 0 { b"{" } else { b"," });
        out.extend_from_slice(format!("\"{key}\":{value}").as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

/// Opens the same terminal or pipe once more: our own open file, so that our being non-blocking
/// changes nothing for those we share the other one with.
fn reopen(fd: BorrowedFd<'_>) -> Option<OwnedFd> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok()
}

impl Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Out::Standard { fd, way } => write(fd.as_fd(), *way, bytes),
            Out::File { path, file } => {
                let file = match file {
                    Some(file) => file,
                    None => file.insert(File::options().append(true).create(true).open(path)?),
                };
                file.write(bytes)
            }
            Out::Device { path, fd } => {
                let open = match fd {
                    Some(open) => open,
                    None => fd.insert(open_device(path)?),
                };
                let written = write(open.as_fd(), Way::Plain, bytes);
                if matches!(&written, Err(error) if error.kind() != io::ErrorKind::WouldBlock) {
                    // Whoever read it is gone; the next one finds it opened anew.
                    *fd = None;
                }
                written
            }
        }
    }
}

/// Opens a device or a pipe for writing, led astray by nobody and waiting for nobody.
fn open_device(path: &Path) -> io::Result<OwnedFd> {
    let place = Place::find(path)?;
    let fd = place.open(&place.name, OFlags::WRONLY)?;
    let found = rustix::fs::fstat(&fd)?;
    let kind = FileType::from_raw_mode(found.st_mode);
    if !matches!(kind, FileType::CharacterDevice | FileType::Fifo) {
        return Err(io::Error::other("it is not a device any more"));
    }
    if !place.ours && found.st_nlink > 1 {
        return Err(io::Error::other(
            "it has several names, one of them in a directory that others can write to",
        ));
    }
    Ok(fd)
}

fn write(fd: BorrowedFd<'_>, way: Way, bytes: &[u8]) -> io::Result<usize> {
    loop {
        let result = match way {
            Way::Plain => rustix::io::write(fd, bytes),
            Way::Socket => {
                use rustix::net::SendFlags;
                rustix::net::send(fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            }
            Way::Asking => {
                let mut asked = [PollFd::new(fd, PollFlags::POLLOUT)];
                poll(&mut asked, PollTimeout::ZERO)?;
                let ready = asked.iter().any(|fd| fd.any().unwrap_or_default());
                if !ready {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                // A pipe that is ready takes a page without waiting.
                rustix::io::write(fd, bytes.get(..4096).unwrap_or(bytes))
            }
        };
        match result {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => return Ok(written),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::log::lines;

    fn piece(text: &[u8]) -> Piece<'_> {
        Piece {
            text,
            ended: Break::Newline,
            bytes: text.len() + 1,
        }
    }

    #[test]
    fn formats_text_and_json() {
        let (_read, write) = io::pipe().unwrap();
        let mut console = Console::on(write.as_fd(), Format::Text).unwrap();
        let web = Speaker {
            name: "web.service",
            pid: Some(7),
        };
        let mut out = Vec::new();
        console.line(&mut out, "T", web, piece(b"a\x1b[1m\xff"));
        console.line(
            &mut out,
            "T",
            Speaker {
                name: "x",
                pid: None,
            },
            piece(b""),
        );
        assert_eq!(out, b"web.service[7]: a\x1b[1m\xff\nx: \n");
        out.clear();
        console.terminal = true;
        console.line(&mut out, "T", web, piece(b"\ta\x1b[1m\x7f"));
        assert_eq!(out, b"web.service[7]: \ta\\x1b[1m\\x7f\n");
        out.clear();
        console.format = Format::Json;
        console.line(&mut out, "T", web, piece(b"say \"\xff\x01\""));
        console.line(
            &mut out,
            "T",
            web,
            Piece {
                ended: Break::TooLong,
                ..piece(b"a")
            },
        );
        let expected = concat!(
            r#"{"time":"T","unit":"web.service","pid":7,"message":"say \""#,
            "\u{fffd}",
            r#"\u0001\""}"#,
            "\n",
            r#"{"time":"T","unit":"web.service","pid":7,"message":"a","continued":true}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_reader_that_sleeps_gets_every_line_later() {
        for asking in [false, true] {
            let (mut read, write) = io::pipe().unwrap();
            let mut console = Console::on(write.as_fd(), Format::Text).unwrap();
            drop(write);
            if asking && let Out::Standard { way, .. } = &mut console.out {
                *way = Way::Asking;
            }
            let line = [vec![b'x'; 999], vec![b'\n']].concat();
            let chunk = line.repeat(16);
            let mut offered = 0;
            while matches!(console.offer(&chunk), Offered::Taken) {
                offered += 1;
            }
            // Parked counts as offered, refused does not.
            offered += usize::from(!console.carry.is_empty());
            let mut got = 0;
            let mut buffer = vec![0; 1 << 20];
            while console.settle().is_err() || got < offered * chunk.len() {
                got += read.read(&mut buffer).unwrap();
            }
            assert_eq!(got, offered * chunk.len());
        }
    }

    #[test]
    fn abandons_all_but_the_line_begun() {
        let (_read, write) = io::pipe().unwrap();
        let mut console = Console::on(write.as_fd(), Format::Text).unwrap();
        console.carry = b"rest of one\ntwo\nthree\n".to_vec();
        assert_eq!(console.abandon(), 2);
        assert_eq!(console.carry, b"rest of one\n");
        assert_eq!(lines::count(&console.carry), 1);
    }

    #[test]
    fn a_line_given_up_in_its_middle_gets_its_end() {
        let (mut read, write) = io::pipe().unwrap();
        let mut console = Console::on(write.as_fd(), Format::Text).unwrap();
        console.carry = b"end of one\ntwo\n".to_vec();
        console.parked = Some(1);
        assert!(!console.has_rest());
        console.abandon();
        console.parked = None;
        assert!(console.has_rest());
        console.finish_line();
        assert!(!console.has_rest());
        let mut buffer = [0; 64];
        let length = read.read(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"end of one\n");
        // With nobody there the rest is no reason to try for ever.
        drop(read);
        console.carry = b"end\n".to_vec();
        console.finish_line();
        assert!(!console.has_rest());
    }

    #[test]
    fn a_closed_output_is_an_error_and_no_end() {
        let (read, write) = io::pipe().unwrap();
        let mut console = Console::on(write.as_fd(), Format::Text).unwrap();
        drop(read);
        assert!(matches!(console.offer(b"a\n"), Offered::Refused(_)));
    }
}
