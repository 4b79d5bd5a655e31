//! What is taken out of an output on its way: captured text and terminal escape sequences.
//!
//! Pure, and made so that it can begin again at any place that [`Transform::restart`] names: what
//! it holds back are always the last bytes it was given.

use std::borrow::Cow;

/// What begins captured text (supervisord's `ProcessCommunicationEvent.BEGIN_TOKEN`).
const BEGIN: &[u8] = b"<!--XSUPERVISOR:BEGIN-->";
/// What ends it.
const END: &[u8] = b"<!--XSUPERVISOR:END-->";
/// A longer escape sequence is none.
const LONGEST_ESCAPE: usize = 64;

/// What is to be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// Terminal escape sequences.
    pub strip: bool,
    /// Text between tokens, of which so many bytes are kept, the last ones; 0: none.
    pub capture: usize,
}

/// A piece of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// Where it begins in the output, and where what follows it begins.
    pub(super) position: u64,
    pub(super) end: u64,
    pub(super) bytes: &'a [u8],
    /// It stood between tokens, which are not part of it.
    pub(super) captured: bool,
}

/// An output that is being gone through.
#[derive(Debug)]
pub(super) struct Transform {
    pub(super) form: Form,
    /// Where the next byte stands.
    position: u64,
    /// The last bytes, which may be the beginning of something.
    held: Vec<u8>,
    capturing: Option<Capture>,
}

#[derive(Debug)]
struct Capture {
    begin: u64,
    text: Vec<u8>,
}

impl Transform {
    /// One that begins at `position`.
    pub(super) fn new(form: Form, position: u64) -> Transform {
        Transform {
            form,
            position,
            held: Vec::new(),
            capturing: None,
        }
    }

    /// Where the next byte stands.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Where another one would have to begin to go on with all that was not given out yet.
    pub(super) fn restart(&self) -> u64 {
        match &self.capturing {
            Some(capture) => capture.begin,
            None => self.position - self.held.len() as u64,
        }
    }

    /// Goes on with `new`.
    pub(super) fn feed(&mut self, new: &[u8], give: &mut dyn FnMut(Found<'_>)) {
        let first = self.position - self.held.len() as u64;
        self.position += new.len() as u64;
        let buffer = if self.held.is_empty() {
            Cow::Borrowed(new)
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(new);
            Cow::Owned(held)
        };
        let mut at = 0;
        loop {
            let rest = buffer.get(at..).unwrap_or_default();
            let here = first + at as u64;
            if let Some(mut capture) = self.capturing.take() {
                let Some(length) = find(rest, END) else {
                    let keep = begun(rest, END);
                    capture.add(&rest[..rest.len() - keep], self.form.capture);
                    self.capturing = Some(capture);
                    self.held = rest[rest.len() - keep..].to_vec();
                    return;
                };
                capture.add(&rest[..length], self.form.capture);
                at += length + END.len();
                give(Found {
                    position: capture.begin,
                    end: first + at as u64,
                    bytes: &self.stripped(&capture.text),
                    captured: true,
                });
                continue;
            }
            let token = match self.form.capture {
                0 => None,
                _ => find(rest, BEGIN),
            };
            let Some(length) = token else {
                let mut keep = 0;
                if self.form.capture > 0 {
                    keep = begun(rest, BEGIN);
                }
                if self.form.strip {
                    keep = keep.max(begun_escape(rest));
                }
                let (now, held) = rest.split_at(rest.len() - keep);
                self.text(now, here, give);
                self.held = held.to_vec();
                return;
            };
            self.text(&rest[..length], here, give);
            self.capturing = Some(Capture {
                begin: here + length as u64,
                text: Vec::new(),
            });
            at += length + BEGIN.len();
        }
    }

    /// The output pauses for good: what was held back is what it is. Captured text without an end is
    /// output like any other, so that it is not lost.
    pub(super) fn finish(&mut self, give: &mut dyn FnMut(Found<'_>)) {
        let held = std::mem::take(&mut self.held);
        match self.capturing.take() {
            Some(capture) => {
                let text = [BEGIN, &capture.text, &held].concat();
                self.text(&text, capture.begin, give);
            }
            None => {
                let from = self.position - held.len() as u64;
                self.text(&held, from, give);
            }
        }
    }

    fn text(&self, bytes: &[u8], position: u64, give: &mut dyn FnMut(Found<'_>)) {
        let shown = self.stripped(bytes);
        if !shown.is_empty() {
            give(Found {
                position,
                end: position + bytes.len() as u64,
                bytes: &shown,
                captured: false,
            });
        }
    }

    fn stripped<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.form.strip && bytes.contains(&0x1b) {
            Cow::Owned(strip(bytes))
        } else {
            Cow::Borrowed(bytes)
        }
    }
}

impl Capture {
    /// Adds text; of too much the beginning goes.
    fn add(&mut self, text: &[u8], most: usize) {
        let text = text.get(text.len().saturating_sub(most)..).unwrap_or(text);
        let excess = (self.text.len() + text.len()).saturating_sub(most);
        self.text.drain(..excess);
        self.text.extend_from_slice(text);
    }
}

/// Where `token` first is.
fn find(text: &[u8], token: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from
            + text
                .get(from..)?
                .iter()
                .position(|byte| *byte == token[0])?;
        if text[at..].starts_with(token) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// How many bytes at the end of `text` may be the beginning of `token`.
fn begun(text: &[u8], token: &[u8]) -> usize {
    (1..token.len().min(text.len() + 1))
        .rev()
        .find(|length| text.ends_with(&token[..*length]))
        .unwrap_or(0)
}

/// The length of the control sequence (`ESC [ … final`) that `text` begins with, if it is one.
/// `Err`: it is not at its end yet.
fn escape(text: &[u8]) -> Result<Option<usize>, ()> {
    let [0x1b, rest @ ..] = text else {
        return Ok(None);
    };
    match rest {
        [] => return Err(()),
        [b'[', ..] => {}
        _ => return Ok(None),
    }
    for (at, byte) in text.iter().enumerate().skip(2) {
        match byte {
            0x20..=0x3f if at < LONGEST_ESCAPE => {}
            0x40..=0x7e => return Ok(Some(at + 1)),
            _ => return Ok(None),
        }
    }
    Err(())
}

/// How many bytes at the end of `text` may be the beginning of an escape sequence.
fn begun_escape(text: &[u8]) -> usize {
    let window = text.len().saturating_sub(LONGEST_ESCAPE);
    match text[window..].iter().rposition(|byte| *byte == 0x1b) {
        Some(at) if escape(&text[window + at..]).is_err() => text.len() - window - at,
        _ => 0,
    }
}

fn strip(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        match escape(rest) {
            Ok(Some(length)) => rest = &rest[length..],
            Ok(None) | Err(()) => {
                out.push(0x1b);
                rest = &rest[1..];
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Form = Form {
        strip: true,
        capture: 1000,
    };

    /// What comes out of `text` given in pieces of `step` bytes: output, captures, positions.
    fn run(form: Form, text: &[u8], step: usize) -> (String, Vec<(u64, u64, String)>) {
        let mut transform = Transform::new(form, 100);
        let (mut output, mut captures) = (Vec::new(), Vec::new());
        let mut end = 100;
        let mut give = |found: Found<'_>| {
            assert!(found.position >= end, "{found:?} after {end}");
            assert!(found.end >= found.position + found.bytes.len() as u64);
            end = found.end;
            if found.captured {
                let text = String::from_utf8(found.bytes.to_vec()).unwrap();
                captures.push((found.position, found.end, text));
            } else {
                output.extend_from_slice(found.bytes);
            }
        };
        for piece in text.chunks(step) {
            transform.feed(piece, &mut give);
        }
        transform.finish(&mut give);
        assert_eq!(transform.position(), 100 + text.len() as u64);
        assert_eq!(transform.restart(), transform.position());
        (String::from_utf8(output).unwrap(), captures)
    }

    #[test]
    fn captures_and_strips_however_it_comes() {
        let text =
            b"be\x1b[31mfore<!--XSUPERVISOR:BEGIN-->in\x1b[0mside<!--XSUPERVISOR:END-->after\
            <!--XSUPERVISOR:BEGIN--><!--XSUPERVISOR:END--><!--XSUPERVISOR:BEGI \x1b";
        for step in 1..=text.len() {
            let (output, captures) = run(ALL, text, step);
            assert_eq!(
                output, "beforeafter<!--XSUPERVISOR:BEGI \x1b",
                "step {step}"
            );
            let texts: Vec<_> = captures.iter().map(|(.., text)| text.as_str()).collect();
            assert_eq!(texts, ["inside", ""]);
            assert_eq!(captures[0].0, 100 + 11);
        }
    }

    #[test]
    fn leaves_everything_that_nobody_wants_out() {
        let text = b"\x1b[1mx<!--XSUPERVISOR:BEGIN-->y<!--XSUPERVISOR:END-->";
        let (output, captures) = run(Form::default(), text, 7);
        assert_eq!(output.as_bytes(), text);
        assert!(captures.is_empty());
    }

    #[test]
    fn a_capture_without_end_is_output() {
        let text = b"a<!--XSUPERVISOR:BEGIN-->bc<!--XSUPERVISOR:EN";
        for step in [1, 100] {
            let (output, captures) = run(ALL, text, step);
            assert_eq!(output.as_bytes(), text);
            assert!(captures.is_empty());
        }
    }

    #[test]
    fn keeps_the_last_of_a_long_capture() {
        let form = Form {
            strip: false,
            capture: 4,
        };
        let text = b"<!--XSUPERVISOR:BEGIN-->0123456789<!--XSUPERVISOR:END-->";
        for step in [1, 3, 100] {
            assert_eq!(run(form, text, step).1[0].2, "6789");
        }
    }

    #[test]
    fn strips_sequences_and_nothing_else() {
        for (text, shown) in [
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b[2K\x1b[?25lx\x1b[5n", "x"),
            ("\x1b]0;title\x07", "\x1b]0;title\x07"),
            ("\x1b[\nx", "\x1b[\nx"),
        ] {
            assert_eq!(strip(text.as_bytes()), shown.as_bytes(), "{text:?}");
        }
        let endless = [b"\x1b[".to_vec(), vec![b'1'; 1000]].concat();
        assert_eq!(strip(&endless), endless);
        assert_eq!(begun_escape(&endless), 0);
    }

    #[test]
    fn one_that_begins_again_goes_on() {
        let text = b"one\x1b[31mtwo<!--XSUPERVISOR:BEGIN-->three<!--XSUPERVISOR:END-->four";
        let (whole, captures) = run(ALL, text, 1);
        for cut in 0..text.len() {
            let (mut output, mut caught) = (Vec::new(), 0);
            let mut give = |found: Found<'_>| match found.captured {
                true => caught += 1,
                false => output.extend_from_slice(found.bytes),
            };
            let mut first = Transform::new(ALL, 0);
            first.feed(&text[..cut], &mut give);
            let from = first.restart();
            let mut second = Transform::new(ALL, from);
            second.feed(&text[from as usize..], &mut give);
            second.finish(&mut give);
            assert_eq!(
                (output, caught),
                (whole.clone().into_bytes(), captures.len())
            );
        }
    }
}
