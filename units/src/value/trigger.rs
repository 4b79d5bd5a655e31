//! What a timer or path unit waits for.

super::words! {
    /// From where a timer counts; the words are those of systemd's settings.
    pub enum TimerBase {
        /// the start of the timer
        Active = "OnActiveSec",
        /// the boot of the machine
        Boot = "OnBootSec",
        /// the start of runnerd
        Startup = "OnStartupSec",
        /// the last start of the triggered unit
        UnitActive = "OnUnitActiveSec",
        /// the last end of the triggered unit
        UnitInactive = "OnUnitInactiveSec",
    }
}

super::words! {
    /// What a path unit looks for; the words are those of systemd's settings.
    pub enum PathCheck {
        /// the path exists
        Exists = "PathExists",
        /// something exists that fits the pattern
        ExistsGlob = "PathExistsGlob",
        /// it was changed, and whoever wrote is done
        Changed = "PathChanged",
        /// it was written to
        Modified = "PathModified",
        /// it is a directory with an entry
        DirectoryNotEmpty = "DirectoryNotEmpty",
    }
}

impl PathCheck {
    /// Whether it looks for something that happens, rather than for something that is so.
    pub fn is_event(self) -> bool {
        matches!(self, PathCheck::Changed | PathCheck::Modified)
    }
}
