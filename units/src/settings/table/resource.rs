//! How much of the machine a unit may use (systemd.resource-control(5)).

use crate::name::UnitName;
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

    /// The slice the unit is in.
    ///
    /// The unit requires it and starts after it, so stopping a slice stops everything in it. A slice
    /// needs no file; `app-web.slice` is in `app.slice`, and all are in `-.slice`. The default is
    /// `system.slice`, and for the instances of `worker@.service` it is `system-worker.slice`. Nothing
    /// is divided among slices: limits are those of each service.
    Slice: Resource | Socket "slice" = "Slice",
        pub(crate) written_slice -> Option<&UnitName> as Slice, default "";
}
