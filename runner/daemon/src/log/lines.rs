//! Where lines end.

/// A longer line is cut here (journald's `LineMax=`).
pub(super) const LONGEST: usize = 48 * 1024;

/// What ends a piece of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// A newline, as it should be.
    Newline,
    /// The line is too long: the next piece goes on with it.
    TooLong,
    /// The output ended without a newline.
    End,
}

impl Break {
    /// The value of journald's field `_LINE_BREAK`, which names the unusual breaks.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Break::Newline => None,
            Break::TooLong => Some("line-max"),
            Break::End => Some("eof"),
        }
    }
}

/// A line, or a piece of one that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Without the newline.
    pub(super) text: &'a [u8],
    /// Why it ends where it ends.
    pub(super) ended: Break,
    /// How many bytes of output it stands for, the newline included.
    pub(super) bytes: usize,
}

/// How much of `chunk` is whole lines.
pub(super) fn whole(chunk: &[u8]) -> usize {
    chunk
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1)
}

/// How much of `chunk` is its first line, with its newline.
pub(super) fn first(chunk: &[u8]) -> Option<usize> {
    chunk
        .iter()
        .position(|byte| *byte == b'\n')
        .map(|at| at + 1)
}

/// How many newlines are in `chunk`; a piece without any counts as a line too.
pub(super) fn count(chunk: &[u8]) -> u64 {
    let newlines = chunk.iter().filter(|byte| **byte == b'\n').count();
    newlines as u64 + u64::from(!chunk.is_empty() && !chunk.ends_with(b"\n"))
}

/// Cuts `chunk` into lines. If its end is not a newline, `rest` says why it ends there.
pub(super) fn pieces(chunk: &[u8], rest: Break) -> impl Iterator<Item = Piece<'_>> {
    let mut left = chunk;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let window = left.get(..=LONGEST).unwrap_or(left);
        let (text, ended, bytes) = match window.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&left[..at], Break::Newline, at + 1),
            None if left.len() > LONGEST => (&left[..LONGEST], Break::TooLong, LONGEST),
            None => (left, rest, left.len()),
        };
        left = &left[bytes..];
        Some(Piece { text, ended, bytes })
    })
}

/// The last `wanted` lines of a text that may begin in the middle of one: then the piece before the
/// first newline is left out unless `from_start` says that the text begins with a line.
pub(super) fn last(text: &[u8], wanted: usize, from_start: bool) -> Vec<Vec<u8>> {
    let text = if from_start {
        text
    } else {
        &text[first(text).unwrap_or(text.len())..]
    };
    let all: Vec<_> = pieces(text, Break::End).map(|piece| piece.text).collect();
    all.into_iter()
        .rev()
        .take(wanted)
        .rev()
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_newlines_and_at_the_longest() {
        let mut chunk = b"one\n\ntwo\n".to_vec();
        chunk.extend(vec![b'x'; LONGEST]);
        chunk.extend(b"\n");
        chunk.extend(vec![b'y'; LONGEST + 1]);
        let got: Vec<_> = pieces(&chunk, Break::End)
            .map(|piece| (piece.text.len(), piece.ended, piece.bytes))
            .collect();
        let expected = [
            (3, Break::Newline, 4),
            (0, Break::Newline, 1),
            (3, Break::Newline, 4),
            (LONGEST, Break::Newline, LONGEST + 1),
            (LONGEST, Break::TooLong, LONGEST),
            (1, Break::End, 1),
        ];
        assert_eq!(got, expected);
        assert_eq!(got.iter().map(|piece| piece.2).sum::<usize>(), chunk.len());
    }

    #[test]
    fn knows_whole_lines() {
        assert_eq!(
            (whole(b"a\nb\nc"), first(b"a\nb\nc"), count(b"a\nb\nc")),
            (4, Some(2), 3)
        );
        assert_eq!((whole(b"abc"), first(b"abc"), count(b"abc")), (0, None, 1));
        assert_eq!((whole(b""), first(b""), count(b"")), (0, None, 0));
    }

    #[test]
    fn takes_the_last_lines() {
        assert_eq!(last(b"torn\na\nb\nc", 2, true), [b"b", b"c"]);
        assert_eq!(last(b"torn\na\n", 9, false), [b"a"]);
        assert!(last(b"torn", 9, false).is_empty());
        assert_eq!(last(b"all", 9, true), [b"all"]);
    }
}
