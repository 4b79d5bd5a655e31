//! How a service's lines are told to the journal and the console: under which name and level, which
//! of them at all, and how many in a time (systemd.exec(5), "Logging and Standard Input/Output").

use std::time::{Duration, Instant};

use units::Definition;
use units::value::LogLevel;

/// The settings of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// What lines are marked with; `None`: the unit's name.
    pub identifier: Option<Box<str>>,
    /// syslog's, not shifted.
    pub facility: u8,
    /// The level of lines that say none.
    pub level: u8,
    /// Whether lines may say one.
    pub prefix: bool,
    /// Lines above this level are thrown away.
    pub most: u8,
    /// `FIELD=value` for the journal.
    pub fields: Box<[Box<str>]>,
    /// So many lines in this time.
    pub limit: Option<(u32, Duration)>,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            identifier: None,
            facility: DAEMON,
            level: LogLevel::Info.number(),
            prefix: true,
            most: LogLevel::Debug.number(),
            fields: Box::default(),
            limit: None,
        }
    }
}

/// syslog's `LOG_DAEMON`.
const DAEMON: u8 = 3;

impl Manner {
    /// What a unit's settings say.
    #[must_use]
    pub fn of(unit: &Definition) -> Manner {
        let burst = unit.log_rate_limit_burst();
        let interval = unit.log_rate_limit_interval_sec();
        Manner {
            identifier: unit.syslog_identifier().map(Box::from),
            facility: unit.syslog_facility().number(),
            level: unit.syslog_level().number(),
            prefix: unit.syslog_level_prefix(),
            most: unit.log_level_max().number(),
            fields: unit.log_extra_fields().into(),
            limit: interval
                .as_duration()
                .filter(|interval| burst > 0 && !interval.is_zero())
                .map(|interval| (burst, interval)),
        }
    }

    /// The level of a line, and the line without what said it (sd-daemon(3)).
    pub(super) fn read<'a>(&self, line: &'a [u8]) -> (u8, &'a [u8]) {
        match line {
            [b'<', digit @ b'0'..=b'7', b'>', rest @ ..] if self.prefix => (digit - b'0', rest),
            _ => (self.level, line),
        }
    }
}

/// How many lines of an output were told lately.
#[derive(Debug, Default)]
pub(super) struct Told {
    since: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is told; before it, that so many were not.
    Tell(u64),
    /// It is thrown away.
    Drop,
}

impl Told {
    /// Decides about a line of this level that comes now.
    pub(super) fn verdict(&mut self, manner: &Manner, level: u8, now: Instant) -> Verdict {
        if level > manner.most {
            return Verdict::Drop;
        }
        let Some((burst, interval)) = manner.limit else {
            return Verdict::Tell(0);
        };
        let over = self
            .since
            .is_none_or(|since| now.duration_since(since) >= interval);
        if over {
            self.since = Some(now);
            self.lines = 0;
        }
        if self.lines >= burst {
            self.suppressed += 1;
            return Verdict::Drop;
        }
        self.lines += 1;
        Verdict::Tell(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let plain = Manner::default();
        assert_eq!(plain.read(b"<3>bad"), (3, &b"bad"[..]));
        assert_eq!(plain.read(b"<9>odd"), (6, &b"<9>odd"[..]));
        let own = Manner {
            level: 4,
            prefix: false,
            ..Manner::default()
        };
        assert_eq!(own.read(b"<3>bad"), (4, &b"<3>bad"[..]));
    }

    #[test]
    fn too_many_and_too_little() {
        let manner = Manner {
            most: 5,
            limit: Some((2, Duration::from_secs(10))),
            ..Manner::default()
        };
        let start = Instant::now();
        let mut told = Told::default();
        let mut at =
            |seconds, level| told.verdict(&manner, level, start + Duration::from_secs(seconds));
        assert_eq!(at(0, 6), Verdict::Drop, "of no interest");
        assert_eq!(at(0, 5), Verdict::Tell(0));
        assert_eq!(at(1, 3), Verdict::Tell(0));
        assert_eq!(at(2, 3), Verdict::Drop);
        assert_eq!(at(9, 3), Verdict::Drop);
        assert_eq!(at(10, 3), Verdict::Tell(2));
        assert_eq!(at(11, 3), Verdict::Tell(0));
    }
}
