//! Everything a front end may ask.

use engine::Command;
use units::UnitName;

use crate::dependency::Direction;
use crate::selection::Selection;

/// A request. Commands change something and are decided by the engine; the others are questions
/// the manager answers from views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// For the engine; answered with [`Reply::Answer`](crate::Reply::Answer).
    Command(Command),
    /// Units, in order of name; [`Reply::Units`](crate::Reply::Units).
    Units(Selection),
    /// One unit; [`Reply::Unit`](crate::Reply::Unit). A valid name that is not loaded is answered
    /// with a view without definition.
    Unit(UnitName),
    /// What the unit uses now, its processes among it; [`Reply::Usage`](crate::Reply::Usage).
    /// Apart from [`Request::Unit`] because it reads `/proc` and cgroup files.
    Usage(UnitName),
    /// Queued and running jobs, in order of number; [`Reply::Jobs`](crate::Reply::Jobs).
    Jobs,
    /// Lines the units wrote, oldest first; [`Reply::Logs`](crate::Reply::Logs).
    Logs {
        /// Whose lines.
        units: Vec<UnitName>,
        /// How many of each unit's last lines.
        lines: u32,
        /// Go on with new lines until the receiver is dropped.
        follow: bool,
    },
    /// The files a unit was read from, drop-ins last; [`Reply::Files`](crate::Reply::Files).
    Cat(UnitName),
    /// The units this one depends on, or that depend on it, as a tree in preorder;
    /// [`Reply::Dependencies`](crate::Reply::Dependencies).
    Dependencies {
        /// The root of the tree.
        unit: UnitName,
        /// Which dependencies are followed.
        direction: Direction,
    },
    /// Every listening address of the loaded sockets; [`Reply::Sockets`](crate::Reply::Sockets).
    Sockets,
    /// The whole; [`Reply::Manager`](crate::Reply::Manager).
    Manager,
    /// Replace the manager by a new process of the program on disk, keeping its state. Answered
    /// with [`Reply::Answer`](crate::Reply::Answer) before connections are lost.
    Reexec,
}
