//! The records that keeper, manager and their newborn children exchange. Frozen: a keeper speaks
//! with managers newer and older than itself. Fields are never moved; a new kind gets a new
//! number, and a kind that the reader does not know is ignored.
//!
//! One record is one packet of [`SIZE`] bytes on a `SOCK_SEQPACKET` pair, numbers little-endian,
//! with at most one descriptor beside it. Which fields mean something is written at each
//! [`Kind`]; the others are 0.

/// Version of the protocol: what `Hello.code` says.
pub const VERSION: i32 = 1;

/// The raw wait status of a process about which nobody knows how it ended. To `wait(2)` it would be
/// one that was stopped, so no end of a process looks like this.
pub const STATUS_UNKNOWN: i32 = 0x7f;

/// The longest key, unit name or text in a record, in bytes.
pub const KEY_MAX: usize = 600;

/// Bytes before the key.
const HEAD: usize = 64;

/// Bytes of a record.
pub const SIZE: usize = HEAD + KEY_MAX;

/// A record as it travels.
pub type Bytes = [u8; SIZE];

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What a record says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $name = $number,)*
            /// A kind of a later version: to be ignored, and its descriptor closed.
            Unknown = 0,
        }

        impl Kind {
            /// Every known kind.
            pub const ALL: &[Kind] = &[$(Kind::$name,)*];

            fn from_number(number: u16) -> Kind {
                match number {
                    $($number => Kind::$name,)*
                    _ => Kind::Unknown,
                }
            }
        }
    };
}

kinds! {
    /// Manager: I am here; tell me what there is. `code` is its [`VERSION`].
    Hello = 1,
    /// Manager: hold this descriptor under `key`, instead of the one held so far.
    Put = 2,
    /// Manager: hold this descriptor under `key`; answered by `PutFailed` if there is one. Without a
    /// descriptor it is a barrier: answered when what was to be forgotten before it is closed.
    PutNew = 3,
    /// Manager: forget the descriptor under `key`.
    Delete = 4,
    /// Manager: the exit `seq` is dealt with, that one only.
    Acknowledge = 5,
    /// Manager: recovery is done, state may be written from here on.
    Ready = 6,
    /// Manager: send `key` (a text, with the descriptor, if any) to the outer service manager.
    Notify = 7,
    /// Manager: kill what is left and exit with `status`.
    Quit = 8,
    /// Manager: the descriptor is the program to start the next manager from.
    UpgradeManager = 9,
    /// Manager: the descriptor is the program to go on with as keeper.
    UpgradeKeeper = 10,
    /// Manager: child `pid` of the keeper is `instance` of unit `key`, stopped by `rank`,
    /// `signal`, `timeout`; answered by `Child` or `AdoptFailed`.
    Adopt = 11,
    /// Manager: the signals `seq` are dealt with. They are counted apart from exits.
    AcknowledgeSignals = 12,
    /// Manager: end, and leave everything to the keeper that the service manager starts next.
    HandOver = 13,

    /// A child between clone and `execve`: I am `instance` of unit `key`, stopped by `rank`,
    /// `signal`, `timeout` (microseconds) if there is no manager. Its pid comes from the kernel.
    Spawned = 20,

    /// Keeper: this descriptor is held under `key`.
    Fd = 40,
    /// Keeper: `instance` of unit `key` lives as `pid`; its pidfd, if one could be had, comes along.
    Child = 41,
    /// Keeper: `instance` of unit `key` ended at `time` (monotonic, microseconds) with the raw
    /// wait `status`; repeated to each manager until `seq` is acknowledged.
    Exit = 42,
    /// Keeper: that is all there is. `instance` is the highest ever seen, `pid` the keeper's,
    /// `rank` counts managers, `code` how many died lately, `status` is how the last one died
    /// (raw wait status, -1 if none did), `signal` are [`flags`], `seq` is the last used.
    End = 43,
    /// Keeper: signals came; `time` is the mask (bit n is signal n). Repeated to each manager until
    /// `seq` is acknowledged.
    Signals = 44,
    /// Keeper: `key` could not be held: errno `code`.
    PutFailed = 45,
    /// Keeper: `instance` could not be adopted: errno `code`.
    AdoptFailed = 46,
    /// Keeper: the upgrade of the keeper is over; errno `code`, 0 if the new one speaks, -1 if the
    /// new program failed its self-test.
    KeeperUpgraded = 47,
}

/// Bits of `signal` in an `End` record.
pub mod flags {
    /// Managers die again and again: no reload, no replay of what was asked last.
    pub const SAFE_MODE: u32 = 1;
    /// The program of the last upgrade failed; this is the one before it.
    pub const PREVIOUS_PROGRAM: u32 = 2;
    /// The state is the one from before the last upgrade.
    pub const PREVIOUS_STATE: u32 = 4;
}

/// A record, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it says; this and the next fields are explained at [`Kind`].
    pub kind: Kind,
    /// Number of an exit or of a signal mask.
    pub seq: u64,
    /// Which start of a process it is about.
    pub instance: u64,
    /// A process.
    pub pid: u32,
    /// An errno, a version or a count.
    pub code: i32,
    /// A raw wait status, or an exit status.
    pub status: i32,
    /// Microseconds on the monotonic clock, or a signal mask.
    pub time: u64,
    /// Stop rank: higher ones stop first.
    pub rank: u32,
    /// Stop signal, or flags.
    pub signal: u32,
    /// Stop time-out in microseconds; `u64::MAX` is "for ever".
    pub timeout: u64,
    /// A key, a unit name or a text; at most [`KEY_MAX`] bytes are sent.
    pub key: String,
}

impl Record {
    /// A record in which everything else is 0.
    #[must_use]
    pub fn new(kind: Kind) -> Record {
        Record {
            kind,
            seq: 0,
            instance: 0,
            pid: 0,
            code: 0,
            status: 0,
            time: 0,
            rank: 0,
            signal: 0,
            timeout: 0,
            key: String::new(),
        }
    }

    /// A record about `key`.
    #[must_use]
    pub fn about(kind: Kind, key: &str) -> Record {
        Record {
            key: key.to_owned(),
            ..Record::new(kind)
        }
    }

    /// The bytes to send; `None` if the key is longer than [`KEY_MAX`].
    #[must_use]
    pub fn encode(&self) -> Option<Bytes> {
        let key = self.key.as_bytes();
        let length = u16::try_from(key.len())
            .ok()
            .filter(|_| key.len() <= KEY_MAX)?;
        let mut bytes = [0; SIZE];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&(self.kind as u16).to_le_bytes());
        put(&length.to_le_bytes());
        put(&self.code.to_le_bytes());
        put(&self.seq.to_le_bytes());
        put(&self.instance.to_le_bytes());
        put(&self.pid.to_le_bytes());
        put(&self.status.to_le_bytes());
        put(&self.time.to_le_bytes());
        put(&self.rank.to_le_bytes());
        put(&self.signal.to_le_bytes());
        put(&self.timeout.to_le_bytes());
        put(&[0; 8]);
        put(key);
        Some(bytes)
    }

    /// Takes a packet apart; `None` if it is none of ours.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Record> {
        fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
            bytes.get(at..at + N)?.try_into().ok()
        }
        if bytes.len() != SIZE {
            return None;
        }
        let length = usize::from(u16::from_le_bytes(field(bytes, 2)?));
        Some(Record {
            kind: Kind::from_number(u16::from_le_bytes(field(bytes, 0)?)),
            code: i32::from_le_bytes(field(bytes, 4)?),
            seq: u64::from_le_bytes(field(bytes, 8)?),
            instance: u64::from_le_bytes(field(bytes, 16)?),
            pid: u32::from_le_bytes(field(bytes, 24)?),
            status: i32::from_le_bytes(field(bytes, 28)?),
            time: u64::from_le_bytes(field(bytes, 32)?),
            rank: u32::from_le_bytes(field(bytes, 40)?),
            signal: u32::from_le_bytes(field(bytes, 44)?),
            timeout: u64::from_le_bytes(field(bytes, 48)?),
            key: std::str::from_utf8(bytes.get(HEAD..HEAD + length)?)
                .ok()?
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(kind: Kind) -> Record {
        Record {
            kind,
            seq: 0x0102_0304_0506_0708,
            instance: u64::MAX,
            pid: 4_194_304,
            code: -5,
            status: 0x8b,
            time: 1 << 40,
            rank: 7,
            signal: 15,
            timeout: u64::MAX,
            key: "store:cat:cat_00.service:0.conn".to_owned(),
        }
    }

    #[test]
    fn every_kind_comes_back() {
        for kind in Kind::ALL {
            let record = full(*kind);
            assert_eq!(Record::decode(&record.encode().unwrap()), Some(record));
        }
    }

    #[test]
    fn positions_are_frozen() {
        let bytes = full(Kind::Exit).encode().unwrap();
        assert_eq!(SIZE, 664);
        assert_eq!(bytes[..4], [42, 0, 31, 0]);
        assert_eq!(bytes[8..16], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bytes[28..32], [0x8b, 0, 0, 0]);
        assert_eq!(bytes[40..48], [7, 0, 0, 0, 15, 0, 0, 0]);
        assert_eq!(&bytes[64..70], b"store:");
    }

    #[test]
    fn later_kinds_are_unknown_and_broken_packets_nothing() {
        let mut bytes = full(Kind::Exit).encode().unwrap();
        bytes[0] = 200;
        assert_eq!(Record::decode(&bytes).unwrap().kind, Kind::Unknown);
        assert_eq!(Record::decode(&bytes[1..]), None);
        bytes[3] = 200;
        assert_eq!(Record::decode(&bytes), None);
        assert_eq!(Record::about(Kind::Put, &"x".repeat(601)).encode(), None);
        let longest = Record::about(Kind::Put, &"x".repeat(600));
        assert_eq!(Record::decode(&longest.encode().unwrap()), Some(longest));
    }
}
