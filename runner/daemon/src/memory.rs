//! What the allocator is told: a daemon that mostly sleeps gives back what a busy moment took.
#![allow(unsafe_code, reason = "the allocator's settings are C functions")]

use std::sync::atomic::{AtomicBool, Ordering};

/// Something large was worked on since the last [`give_back`].
static SLACK: AtomicBool = AtomicBool::new(false);

/// Nothing is kept for the next large block. To be called before
/// there are threads.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: settings of mallopt(3) with values it documents; a refused one changes nothing.
    unsafe {
        // Fixed, as it grows otherwise: the text of all records goes back as soon as it is written.
        libc::mallopt(libc::M_MMAP_THRESHOLD, 64 * 1024);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 64 * 1024);
    }
}

/// Notes that much memory was used for a moment.
pub fn used_much() {
    SLACK.store(true, Ordering::Relaxed);
}

/// Gives unused pages back to the system if there may be many. To be called before going to sleep.
pub fn give_back() {
    if SLACK.swap(false, Ordering::Relaxed) {
        #[cfg(target_env = "gnu")]
        // SAFETY: malloc_trim(3) may be called at any time.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
