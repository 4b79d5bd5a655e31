//! Capabilities (capabilities(7)) and the bits that change how they are handed on.

use std::fmt;

use super::ValueProblem;

/// A set of capabilities, bit n for capability number n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities(u64);

/// Their names by number, without `CAP_`.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

impl Capabilities {
    /// None.
    pub const NONE: Capabilities = Capabilities(0);
    /// All there are, and all there will be.
    pub const ALL: Capabilities = Capabilities(u64::MAX);

    /// The bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A set from its bits.
    pub const fn from_bits(bits: u64) -> Capabilities {
        Capabilities(bits)
    }

    /// The names of those in it that have one, in order of number, without `CAP_`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let is_in = move |(number, _): &(usize, &&str)| self.0 >> number & 1 == 1;
        NAMES
            .iter()
            .enumerate()
            .filter(is_in)
            .map(|(_, name)| *name)
    }

    /// Lays one assignment over what is there, as systemd.exec(5) has it for
    /// `CapabilityBoundingSet=`: names separated by spaces are added, with `~` before them they are
    /// taken away. Over `initial`, and where no name is written, the assignment replaces: the empty
    /// text is no capability at all, `~` alone is every one.
    ///
    /// # Errors
    /// When a name is no capability.
    pub fn lay_over(self, initial: Capabilities, text: &str) -> Result<Capabilities, ValueProblem> {
        let (inverted, names) = match text.trim().strip_prefix('~') {
            Some(names) => (true, names),
            None => (false, text),
        };
        let mut named = 0u64;
        for word in names.split_ascii_whitespace() {
            named |= 1 << number(word)?;
        }
        let replaces = named == 0 || self == initial;
        Ok(Capabilities(match (replaces, inverted) {
            (true, true) => !named,
            (true, false) => named,
            (false, true) => self.0 & !named,
            (false, false) => self.0 | named,
        }))
    }
}

fn number(word: &str) -> Result<usize, ValueProblem> {
    let upper = word.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if let Some(number) = NAMES.iter().position(|name| *name == bare) {
        return Ok(number);
    }
    match word.parse() {
        Ok(number) if number < 63 => Ok(number),
        _ => {
            let problem = ValueProblem::new(format!("{word:?} is no capability"));
            let near = |name: &&&str| strsim::osa_distance(bare, name) <= 2;
            Err(match NAMES.iter().find(near) {
                Some(name) => problem.with_hint(format!("did you mean `CAP_{name}`?")),
                None => problem.with_hint("capabilities(7) lists them"),
            })
        }
    }
}

impl fmt::Display for Capabilities {
    /// As an assignment over everything or nothing: what is left out with `~` when that is shorter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inverted = self.0 >> 63 == 1;
        let bits = if inverted { !self.0 } else { self.0 };
        if inverted {
            f.write_str("~")?;
        }
        let mut first = true;
        for number in (0..63usize).filter(|number| bits >> number & 1 == 1) {
            if !first {
                f.write_str(" ")?;
            }
            first = false;
            match NAMES.get(number) {
                Some(name) => write!(f, "CAP_{name}")?,
                None => write!(f, "{number}")?,
            }
        }
        Ok(())
    }
}

/// The secure bits (capabilities(7), "The securebits flags").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SecureBits(u32);

impl SecureBits {
    /// Each with its number, as systemd.exec(5) writes it.
    pub const WORDS: &'static [(&'static str, u32)] = &[
        ("noroot", 0),
        ("noroot-locked", 1),
        ("no-setuid-fixup", 2),
        ("no-setuid-fixup-locked", 3),
        ("keep-caps", 4),
        ("keep-caps-locked", 5),
    ];

    /// The bits as prctl(2) takes them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// These bits and those that `text` names.
    ///
    /// # Errors
    /// When a word is none of them.
    pub fn with(self, text: &str) -> Result<SecureBits, ValueProblem> {
        let mut bits = self.0;
        for word in text.split_ascii_whitespace() {
            let Some((_, bit)) = SecureBits::WORDS.iter().find(|(name, _)| *name == word) else {
                let words: Vec<&str> = SecureBits::WORDS.iter().map(|(name, _)| *name).collect();
                return Err(ValueProblem::unknown_word("secure bit", word, &words));
            };
            bits |= 1 << bit;
        }
        Ok(SecureBits(bits))
    }
}

impl fmt::Display for SecureBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = SecureBits::WORDS
            .iter()
            .filter(|(_, bit)| self.0 >> bit & 1 == 1);
        for (place, (word, _)) in set.enumerate() {
            write!(f, "{}{word}", if place > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounding(texts: &[&str]) -> Capabilities {
        texts.iter().fold(Capabilities::ALL, |set, text| {
            set.lay_over(Capabilities::ALL, text).unwrap()
        })
    }

    #[test]
    fn assignments_replace_add_and_take_away() {
        assert_eq!(bounding(&["CAP_CHOWN cap_kill"]).bits(), 0b10_0001);
        assert_eq!(bounding(&["CAP_CHOWN", "KILL"]).bits(), 0b10_0001);
        assert_eq!(bounding(&["CAP_CHOWN CAP_KILL", "~CAP_KILL"]).bits(), 1);
        assert_eq!(bounding(&["~CAP_CHOWN"]), Capabilities(!1));
        assert_eq!(
            bounding(&["~CAP_CHOWN", "~CAP_DAC_OVERRIDE"]),
            Capabilities(!3)
        );
        assert_eq!(bounding(&[""]), Capabilities::NONE);
        assert_eq!(bounding(&["CAP_KILL", "~"]), Capabilities::ALL);
        let problem = Capabilities::ALL.lay_over(Capabilities::ALL, "CAP_NET_BIND_SERVIC");
        assert_eq!(
            problem.unwrap_err().hint.as_deref(),
            Some("did you mean `CAP_NET_BIND_SERVICE`?")
        );
    }

    #[test]
    fn sets_round_trip() {
        for bits in [0, 1, 0b11, 1 << 40, 1 << 62, u64::MAX, !1] {
            let set = Capabilities(bits);
            assert_eq!(bounding(&[&set.to_string()]), set, "{set}");
        }
    }

    #[test]
    fn secure_bits() {
        let bits = SecureBits::default()
            .with("keep-caps noroot-locked")
            .unwrap();
        assert_eq!(bits.bits(), 0b1_0010);
        assert_eq!(bits.to_string(), "noroot-locked keep-caps");
        assert!(bits.with("keepcaps").is_err());
    }
}
