//! How much of the machine a unit may use (systemd.resource-control(5)).

use crate::value::MemoryLimit;

settings! {
    after super::kill::END;

    /// The most memory its processes may use together.
    ///
    /// Beyond it the kernel takes memory back from them, and where that is not enough kills one of
    /// them: the run has then failed with `oom-kill`. A percentage is of the memory of the machine,
    /// or of the control group we are in where that has less, as it is when the service starts.
    /// Needs the memory controller of cgroup version 2, which a container or a service of systemd
    /// has to be given (`Delegate=yes` there); without it the service runs without the limit and a
    /// warning says why.
    MemoryMax: Resource "memory-max" = "MemoryMax",
        pub memory_max -> MemoryLimit as Memory, default "infinity";
}
