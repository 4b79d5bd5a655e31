//! Whether outputs go the way they were last told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often outputs have been told where to go. Who tells one counts here before a process can
/// write that is to go the new way. So whoever looks how much is in a pipe, then finds here that all
/// has been obeyed, knows that so much goes the way it knows; more may not.
#[derive(Debug, Clone, Default)]
pub(super) struct Ways(Arc<AtomicU64>);

impl Ways {
    /// Before an output is told.
    pub(super) fn telling(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// How often by now.
    pub(super) fn told(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
