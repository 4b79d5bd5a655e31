//! What a reading of the unit files would change, before anything is changed: unit by unit, with
//! what becomes of it. Pure, and by the same rules as reloads and groups themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use units::settings::Section;
use units::unit_set::Difference;
use units::{Definition, Diagnostic, Place, SettingId, UnitName, UnitSet};

use crate::Engine;

/// What the preview is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `daemon-reload`: everything that was read is put in force, and no process is touched.
    Reload,
    /// supervisord's `update`: groups that differ are taken out and put in again.
    Update,
}

/// What would come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// What it is of.
    pub way: Way,
    /// A file has an error that was not there before: nothing at all would be applied.
    pub refused: bool,
    /// Everything there is to say about the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The units that would be different, in order of name. Where it would be refused: if the
    /// good files were applied all the same.
    pub units: Vec<UnitPreview>,
}

/// A unit that would be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPreview {
    /// Its name.
    pub unit: UnitName,
    /// systemd's word for its load state now; `None` where it is not there.
    pub from: Option<&'static str>,
    /// The same afterwards.
    pub to: Option<&'static str>,
    /// The settings that differ, in the order of the manual; none for a unit that comes or goes.
    pub settings: Vec<SettingPreview>,
    /// The group that is put in anew, where that is what happens to it.
    pub group: Option<String>,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// A setting that would be different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingPreview {
    /// Which.
    pub setting: SettingId,
    /// What was written, items one below the other; `None` where nothing was.
    pub from: Option<String>,
    /// What is written now.
    pub to: Option<String>,
    /// Where it is written now, or was.
    pub place: Option<Place>,
    /// What runs goes on without it until it is started again.
    pub at_start: bool,
}

/// What becomes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It becomes known; nothing starts it.
    Known,
    /// It is down, and its next start is by the new definition.
    NextStart,
    /// It runs, and all that is different counts at once.
    AtOnce,
    /// It runs, and goes on as it was started: a restart brings what is different into effect.
    NeedsRestart,
    /// It is down, and nothing is known of it any more.
    Forgotten,
    /// It is not defined any more, runs on as it is, and is forgotten when it is down.
    RunsOn,
    /// Its file is broken: it stays on the last good definition.
    KeepsOld,
    /// Its file is broken, and there is no good definition: it cannot be started.
    Unusable,
    /// It is masked and down: it cannot be started any more.
    Masked,
    /// It is started.
    Starts,
    /// It is stopped and forgotten.
    Stops,
    /// It is stopped and started again.
    Restarts,
}

impl Outcome {
    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Known => "known",
            Outcome::NextStart => "next-start",
            Outcome::AtOnce => "at-once",
            Outcome::NeedsRestart => "needs-restart",
            Outcome::Forgotten => "forgotten",
            Outcome::RunsOn => "runs-on",
            Outcome::KeepsOld => "keeps-old",
            Outcome::Unusable => "unusable",
            Outcome::Masked => "masked",
            Outcome::Starts => "starts",
            Outcome::Stops => "stops",
            Outcome::Restarts => "restarts",
        }
    }
}

impl Engine {
    /// What would change if these units, which were just read with these findings, were put in
    /// force in this way.
    #[must_use]
    pub fn preview(&self, way: Way, units: &Arc<UnitSet>, diagnostics: Vec<Diagnostic>) -> Preview {
        let refused = diagnostics
            .iter()
            .any(|found| found.is_error() && !self.has_said(found));
        let units = match way {
            Way::Reload => self.preview_reload(units),
            Way::Update => self.preview_update(units),
        };
        Preview {
            way,
            refused,
            diagnostics,
            units,
        }
    }

    fn preview_reload(&self, units: &Arc<UnitSet>) -> Vec<UnitPreview> {
        let units = &self.with_instances_in_use(Arc::clone(units));
        let kept = self.last_good_beside(units);
        let old = self.definitions();
        // Slices that are in no file come and go with what names them: nobody changed anything there.
        let is_written = |name: &UnitName| {
            let mut definitions = [old.get(name), units.get(name)].into_iter().flatten();
            definitions.any(|unit| !unit.is_slice_without_file())
        };
        let differences = old.diff(units).into_iter();
        differences
            .filter(|(name, _)| is_written(name))
            .map(|(name, difference)| {
                let outcome = self.outcome(&name, &difference, units.get(&name), &kept);
                describe(old, units, name, difference, outcome)
            })
            .collect()
    }

    fn outcome(
        &self,
        name: &UnitName,
        difference: &Difference,
        new: Option<&Arc<Definition>>,
        kept: &BTreeMap<UnitName, Arc<Definition>>,
    ) -> Outcome {
        let runs = !self.is_down(name);
        let state = new.map(|new| new.load_state().as_str());
        match (difference, state) {
            (_, Some("bad-setting" | "error")) if kept.contains_key(name) => Outcome::KeepsOld,
            (_, Some("bad-setting" | "error")) => Outcome::Unusable,
            (_, Some("masked")) if runs => Outcome::RunsOn,
            (_, Some("masked")) => Outcome::Masked,
            (Difference::Added, _) => Outcome::Known,
            (Difference::Removed, _) if kept.contains_key(name) => Outcome::RunsOn,
            (Difference::Removed, _) => Outcome::Forgotten,
            (Difference::Changed(_), _) if !runs => Outcome::NextStart,
            (Difference::Changed(settings), _) => {
                let waits = settings.iter().any(|id| counts_at_start(*id));
                if waits {
                    Outcome::NeedsRestart
                } else {
                    Outcome::AtOnce
                }
            }
        }
    }

    fn preview_update(&self, units: &Arc<UnitSet>) -> Vec<UnitPreview> {
        let old = self.definitions();
        let groups = old.diff_groups(units);
        let members = |set: &UnitSet, group: &String| -> Vec<UnitName> {
            let group = set.group(group);
            group.map(|group| group.services).unwrap_or_default()
        };
        let starts = |name: &UnitName| units.get(name).is_some_and(|unit| unit.autostart());
        let mut previews = Vec::new();
        let mut add = |name: UnitName, group: &String, outcome| {
            let difference = match (old.get(&name), units.get(&name)) {
                (None, _) => Difference::Added,
                (_, None) => Difference::Removed,
                (Some(before), Some(after)) => Difference::Changed(before.changed_settings(after)),
            };
            previews.push(UnitPreview {
                group: Some(group.clone()),
                ..describe(old, units, name, difference, outcome)
            });
        };
        for group in &groups.removed {
            for name in members(old, group) {
                let outcome = match self.is_down(&name) {
                    true => Outcome::Forgotten,
                    false => Outcome::Stops,
                };
                add(name, group, outcome);
            }
        }
        for group in groups.changed.iter().chain(&groups.added) {
            let (before, after) = (members(old, group), members(units, group));
            let all: BTreeSet<UnitName> = before.into_iter().chain(after).collect();
            for name in all {
                let outcome = match (!self.is_down(&name), units.get(&name).is_some()) {
                    (true, false) => Outcome::Stops,
                    (false, false) => Outcome::Forgotten,
                    (true, true) if starts(&name) => Outcome::Restarts,
                    (true, true) => Outcome::Stops,
                    (false, true) if starts(&name) => Outcome::Starts,
                    (false, true) => Outcome::Known,
                };
                add(name, group, outcome);
            }
        }
        units::sort::by(&mut previews, |a, b| a.unit.cmp(&b.unit));
        previews
    }

    fn is_down(&self, name: &UnitName) -> bool {
        let active = self.state.active(name);
        active.is_down()
    }
}

fn describe(
    old: &UnitSet,
    new: &UnitSet,
    unit: UnitName,
    difference: Difference,
    outcome: Outcome,
) -> UnitPreview {
    let (before, after) = (old.get(&unit), new.get(&unit));
    let word = |unit: Option<&Arc<Definition>>| unit.map(|unit| unit.load_state().as_str());
    let settings = match difference {
        Difference::Changed(settings) if after.is_some_and(|unit| unit.is_loaded()) => settings,
        // Of a broken or masked one nothing is left to compare.
        Difference::Added | Difference::Removed | Difference::Changed(_) => Vec::new(),
    };
    let written = |unit: Option<&Arc<Definition>>, id: SettingId| {
        unit.and_then(|unit| unit.written(id).map(std::borrow::Cow::into_owned))
    };
    let place = |unit: Option<&Arc<Definition>>, id: SettingId| {
        unit.and_then(|unit| unit.place(id).cloned())
    };
    let settings = settings
        .into_iter()
        .map(|setting| SettingPreview {
            setting,
            from: written(before, setting),
            to: written(after, setting),
            place: place(after, setting).or_else(|| place(before, setting)),
            at_start: counts_at_start(setting),
        })
        .collect();
    UnitPreview {
        from: word(before),
        to: word(after),
        unit,
        settings,
        group: None,
        outcome,
    }
}

/// Whether a setting is used up when the unit starts: what runs does not follow it. All others are
/// asked for when there is something to decide.
fn counts_at_start(setting: SettingId) -> bool {
    let sections = setting.row().sections;
    if sections.contains(&Section::Exec) || sections.contains(&Section::Resource) {
        return true;
    }
    const AT_START: &[SettingId] = &[
        SettingId::Type,
        SettingId::ExecCondition,
        SettingId::ExecStartPre,
        SettingId::ExecStart,
        SettingId::ExecStartPost,
        SettingId::RuntimeMaxSec,
        SettingId::RuntimeRandomizedExtraSec,
        SettingId::PidFile,
        SettingId::NonBlocking,
        SettingId::OpenFile,
        SettingId::WatchdogSec,
        SettingId::Sockets,
        SettingId::LogFile,
        SettingId::LogOwner,
        SettingId::LogMode,
        SettingId::LogSyslog,
        SettingId::LogEvents,
        SettingId::LogCaptureSize,
        SettingId::LogStripAnsi,
        SettingId::ErrorLogFile,
        SettingId::ErrorLogOwner,
        SettingId::ErrorLogMode,
        SettingId::ErrorLogSyslog,
        SettingId::ErrorLogEvents,
        SettingId::ErrorLogCaptureSize,
        SettingId::ServerUrl,
        SettingId::ListenStream,
        SettingId::ListenDatagram,
        SettingId::ListenSequentialPacket,
        SettingId::ListenFifo,
        SettingId::Accept,
        SettingId::Backlog,
        SettingId::SocketUser,
        SettingId::SocketGroup,
        SettingId::SocketMode,
        SettingId::FileDescriptorName,
    ];
    AT_START.contains(&setting)
}
