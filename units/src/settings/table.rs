//! The rows, one chapter a room. Adding a setting is adding a row: its doc comment is the manual,
//! its default is what anyone would write, its accessor appears on
//! [`Definition`](crate::definition::Definition).

mod condition;
mod exec;
mod group;
mod install;
mod kill;
mod limits;
mod log;
mod path;
mod resource;
mod service;
mod socket;
mod timer;
mod unit;

use std::sync::LazyLock;

pub use condition::ConditionKind;

use super::{Setting, SettingId};

/// The chapters, each beginning where the one before it ends.
static CHAPTERS: [&[Setting]; 13] = [
    unit::ROWS,
    condition::ROWS,
    service::ROWS,
    exec::ROWS,
    limits::ROWS,
    kill::ROWS,
    resource::ROWS,
    log::ROWS,
    group::ROWS,
    socket::ROWS,
    timer::ROWS,
    path::ROWS,
    install::ROWS,
];

/// How many there are.
const COUNT: usize = install::END as usize;

/// Every row, in the order of their identities.
pub(super) fn rows() -> impl Iterator<Item = &'static Setting> {
    CHAPTERS.into_iter().flatten()
}

/// The row of a setting.
pub(super) fn row(id: SettingId) -> &'static Setting {
    static ROWS: LazyLock<[&'static Setting; COUNT]> = LazyLock::new(|| {
        let mut all = rows();
        std::array::from_fn(|_| all.next().unwrap_or_else(|| unreachable!("a row each")))
    });
    ROWS[usize::from(id.0)]
}
