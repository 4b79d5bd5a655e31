//! The limits we were started with, which our children get back.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The open-file limit from before we raised our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginalLimits {
    pub(super) open_files: (rlim_t, rlim_t),
}

impl OriginalLimits {
    /// Remembers the limit and raises our own as far as we may: a manager of many units holds more
    /// descriptors than the 1,024 a program gets, and programs that use select(2) break above that.
    /// To be called once, before anything is spawned.
    ///
    /// # Errors
    /// Never on a real kernel.
    pub fn remember_and_raise() -> std::io::Result<OriginalLimits> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        if soft < hard {
            setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        }
        Ok(OriginalLimits {
            open_files: (soft, hard),
        })
    }

    /// The soft limit that was in force before the keeper raised it, with our hard limit.
    ///
    /// # Errors
    /// Never on a real kernel.
    pub fn with_soft(soft: u64) -> std::io::Result<OriginalLimits> {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        Ok(OriginalLimits {
            open_files: (soft.min(hard), hard),
        })
    }

    /// Remembers the limit and leaves it.
    ///
    /// # Errors
    /// Never on a real kernel.
    pub fn remember() -> std::io::Result<OriginalLimits> {
        Ok(OriginalLimits {
            open_files: getrlimit(Resource::RLIMIT_NOFILE)?,
        })
    }
}
