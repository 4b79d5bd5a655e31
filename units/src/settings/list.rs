//! Lists that several settings make together, as in systemd: an empty value of one of them starts
//! all of them over.

use super::{ConditionKind, SettingId};

/// When a timer elapses.
const MOMENTS: &[SettingId] = &[
    SettingId::OnActiveSec,
    SettingId::OnBootSec,
    SettingId::OnStartupSec,
    SettingId::OnUnitActiveSec,
    SettingId::OnUnitInactiveSec,
    SettingId::OnCalendar,
];

/// Where a socket listens.
const ADDRESSES: &[SettingId] = &[
    SettingId::ListenStream,
    SettingId::ListenDatagram,
    SettingId::ListenSequentialPacket,
    SettingId::ListenFifo,
    SettingId::ListenSpecial,
    SettingId::ListenNetlink,
    SettingId::ListenMessageQueue,
];

/// What a path unit looks for.
const PATHS: &[SettingId] = &[
    SettingId::PathExists,
    SettingId::PathExistsGlob,
    SettingId::PathChanged,
    SettingId::PathModified,
    SettingId::DirectoryNotEmpty,
];

const KINDS: usize = ConditionKind::ALL.len();

/// What has to hold for a start to be tried, and for it not to fail.
const CONDITIONS: &[SettingId] = &of_each_kind(true);
const ASSERTS: &[SettingId] = &of_each_kind(false);

const fn of_each_kind(condition: bool) -> [SettingId; KINDS] {
    let mut found = [ConditionKind::ALL[0].assert(); KINDS];
    let mut at = 0;
    while at < KINDS {
        let kind = ConditionKind::ALL[at];
        found[at] = match condition {
            true => kind.condition(),
            false => kind.assert(),
        };
        at += 1;
    }
    found
}

/// All settings of the list that `id` belongs to; just itself where that is its own.
pub(crate) fn one_list(id: &SettingId) -> &[SettingId] {
    [MOMENTS, ADDRESSES, PATHS, CONDITIONS, ASSERTS]
        .into_iter()
        .find(|list| list.contains(id))
        .unwrap_or(std::slice::from_ref(id))
}
