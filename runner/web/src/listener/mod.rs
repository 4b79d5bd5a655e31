//! supervisord's event listeners: services that are told what happens over their standard input and
//! answer on their standard output.
//!
//! ```text
//! happenings, output, ticks ──▶ machine (pure): pools of listeners, events that wait
//!                                  │
//!                               note kept with the state ──▶ deeds: events written, lines logged
//! ```
//!
//! [`machine`] decides, [`shell`] asks and writes. What the shell heard is noted before anything is
//! done about it, so a manager that is killed neither loses an event nor hears an answer twice.
//!
//! Differences from supervisord 4.3.0, all of them bounds on listeners that misbehave:
//! - a result line may have 1 KiB and a result 64 KiB; more is a violation of the protocol;
//! - a listener that has an event for longer than `event-timeout-sec` is given up (UNKNOWN), and
//!   the event goes to another one; one that does not say `READY` for as long is reported;
//! - an event that comes back for the sixth time makes its pool wait one second, then two, up to a
//!   minute, where the original tells it again at once for ever;
//! - output is told in pieces of 32 KiB at most.

mod event;
mod machine;
mod note;
mod pool;
mod protocol;
mod shell;

#[cfg(test)]
mod tests;

pub(crate) use shell::run;
