//! The commands of units, each with what became of it.

use engine::action::Role;
use engine::clock::Now;
use engine::exec_record::ExecRecord;
use units::value::{ExecLine, Privileges};
use units::{SettingId, Value};
use zbus::Variant;

use super::{UnitFacts, exit_code_and_status};

/// The type of commands.
pub(super) const SIGNATURE: &str = "a(sasbttttuii)";
/// The type of commands with all their prefixes.
pub(super) const SIGNATURE_WITH_FLAGS: &str = "a(sasasttttuii)";

/// A command as systemd's `a(sasbttttuii)` has it: path, words, whether a failure is ignored, when
/// it began and ended, each by both clocks, its process, how that ended, and its status.
type Command = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);

/// The same with its prefixes by systemd's names for them.
type CommandWithFlags = (
    String,
    Vec<String>,
    Vec<String>,
    u64,
    u64,
    u64,
    u64,
    u32,
    i32,
    i32,
);

/// What became of a command, in the order of both types.
type Run = (u64, u64, u64, u64, u32, i32, i32);

/// The commands of a setting.
pub(super) fn value(facts: &UnitFacts, id: SettingId) -> Variant<'static> {
    let commands = runs(facts, id).map(|(line, run)| -> Command {
        let (began, began_monotonic, ended, ended_monotonic, pid, code, status) = run;
        (
            line.path.to_string(),
            argv(line),
            line.ignore_failure,
            began,
            began_monotonic,
            ended,
            ended_monotonic,
            pid,
            code,
            status,
        )
    });
    Variant::from(commands.collect::<Vec<_>>())
}

/// The commands of a setting with their prefixes as flags.
pub(super) fn with_flags(facts: &UnitFacts, id: SettingId) -> Variant<'static> {
    let commands = runs(facts, id).map(|(line, run)| -> CommandWithFlags {
        let (began, began_monotonic, ended, ended_monotonic, pid, code, status) = run;
        (
            line.path.to_string(),
            argv(line),
            flags(line),
            began,
            began_monotonic,
            ended,
            ended_monotonic,
            pid,
            code,
            status,
        )
    });
    Variant::from(commands.collect::<Vec<_>>())
}

/// No commands.
pub(super) fn none() -> Variant<'static> {
    Variant::from(Vec::<Command>::new())
}

/// The lines of a setting, and what became of each.
fn runs(facts: &UnitFacts, id: SettingId) -> impl Iterator<Item = (&ExecLine, Run)> {
    let view = &facts.detail.view;
    let lines = match view
        .definition
        .as_ref()
        .map(|definition| definition.value(id))
    {
        Some(Value::Commands(lines)) => &lines[..],
        _ => &[],
    };
    let role = role(id);
    lines.iter().enumerate().map(move |(index, line)| {
        let is_its =
            |record: &&ExecRecord| Some(record.role) == role && usize::from(record.index) == index;
        let record = view.commands.iter().find(is_its);
        (line, record.map_or_else(Run::default, run))
    })
}

fn role(id: SettingId) -> Option<Role> {
    Some(match id {
        SettingId::ExecCondition => Role::Condition,
        SettingId::ExecStartPre => Role::StartPre,
        SettingId::ExecStart => Role::Main,
        SettingId::ExecStartPost => Role::StartPost,
        SettingId::ExecReload => Role::Reload,
        SettingId::ExecStop => Role::Stop,
        SettingId::ExecStopPre => Role::StopPre,
        SettingId::ExecStopPost => Role::StopPost,
        _ => return None,
    })
}

fn run(record: &ExecRecord) -> Run {
    let clocks = |at: Option<Now>| at.map_or((0, 0), |at| (at.realtime.0, at.monotonic.0));
    let (began, began_monotonic) = clocks(record.start);
    let (ended, ended_monotonic) = clocks(record.exit.map(|(at, _)| at));
    let (code, status) = exit_code_and_status(record.exit.map(|(_, status)| status));
    (
        began,
        began_monotonic,
        ended,
        ended_monotonic,
        record.pid,
        code,
        status,
    )
}

/// The words of a command as written, the program's name first.
fn argv(line: &ExecLine) -> Vec<String> {
    let first = line.argv0.as_ref().unwrap_or(&line.path);
    std::iter::once(first)
        .chain(&line.args)
        .map(ToString::to_string)
        .collect()
}

fn flags(line: &ExecLine) -> Vec<String> {
    let flags = [
        (line.ignore_failure, "ignore-failure"),
        (line.no_expand, "no-env-expand"),
        (line.privileges == Privileges::Full, "privileged"),
        (line.privileges == Privileges::NoSetuid, "no-setuid"),
        (
            line.privileges == Privileges::NoSetuidWithoutAmbient,
            "ambient",
        ),
    ];
    let flags = flags.iter().filter(|(is_so, _)| *is_so);
    flags.map(|(_, flag)| (*flag).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use units::settings;

    use super::*;

    #[test]
    fn every_setting_of_commands_has_its_role() {
        for setting in settings::all().filter(|setting| setting.value.name == "commands") {
            assert!(role(setting.id).is_some(), "{}", setting.key);
        }
    }
}
