//! Words of systemd that runner is to have. Who adds the row of one to the settings takes it out
//! here; a test finds what stands in both.

use super::{EXEC, Loss, TIMER, Unsupported};

const WHY: &str = "runner does not have it yet";

const INSTEAD: &str = "runner.unit(5) lists what there is";

pub(super) const WORDS: &[Unsupported] = &[
    Unsupported {
        title: "How commands are run",
        sections: EXEC,
        names: &["SetLoginEnvironment"],
        why: WHY,
        instead: INSTEAD,
        loss: Loss::Behaviour,
    },
    Unsupported {
        title: "Timers",
        sections: TIMER,
        names: &["RandomizedOffsetSec"],
        why: WHY,
        instead: "use `randomized-delay-sec` with `fixed-random-delay`",
        loss: Loss::Behaviour,
    },
];
