//! The identity of an action, by which its answer is recognised.

use serde::{Deserialize, Serialize};

/// Names one action for ever: tickets are never used twice, not even over a recovery.
///
/// The ticket of a `Spawn` or `Adopt` is at the same time the *instance* of the process it makes:
/// the keeper stores it beside the process, so an exit status always finds the start it belongs to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ticket(pub u64);

/// Names one request of a client, for the reply. Chosen by the shell, forgotten over a recovery.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RequestId(pub u64);

/// One run of a unit from start to dead; 128 bits, shown as 32 hex digits (`INVOCATION_ID`).
///
/// Serialized as those hex digits: few readers of JSON keep 128-bit numbers whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Invocation(pub u128);

impl Serialize for Invocation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Invocation {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .map(Invocation)
            .map_err(serde::de::Error::custom)
    }
}

impl std::fmt::Display for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// An accepted connection (`accept = true`) that the shell holds until it is handed over or closed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ConnectionId(pub u64);

/// Descriptors that came with a notify message and that the shell holds until it is told what to
/// do with them. They are closed when the engine says nothing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BatchId(pub u64);
