//! Properties every unit has.

use control::words::load_state;
use control::{OwnedDirectories, Word};
use engine::action::Test;
use engine::view::systemd::{Outcome, TestsView};
use units::install::{Preset, State as FileState};
use units::{Dependency, SettingId, UnitKind};
use zbus::{ObjectPath, Variant};

use super::{Access, Emits, Getter, Property, UnitFacts, monotonic, realtime, row, text, texts};
use crate::names::{Face, interface::UNIT};
use crate::server::diagnostics;

type Get = fn(&UnitFacts) -> Variant<'static>;

/// What can be done to a unit as a whole: cleaned, and frozen.
fn add_states_of_processes(table: &mut Vec<Property>) {
    let mut add = |name_and_type, emits, doc, get: fn(&UnitFacts) -> Variant<'static>| {
        let marks = (Access::State, emits);
        table.push(row(UNIT, name_and_type, marks, doc, Getter::Unit(get)));
    };
    add(
        ("CanClean", "as"),
        Emits::Silent,
        "The kinds of directories that CleanUnit can take away",
        |u| {
            let definition = u.detail.view.definition.as_deref();
            let has = |kind: &OwnedDirectories| definition.is_some_and(|unit| kind.are_of(unit));
            let kinds = OwnedDirectories::ALL.into_iter().filter(has);
            texts(kinds.map(OwnedDirectories::word))
        },
    );
    add(
        ("CanFreeze", "b"),
        Emits::Silent,
        "Whether processes of units of this kind can be frozen, where there are control groups",
        |u| (u.detail.view.name.kind() == UnitKind::Service).into(),
    );
    add(
        ("FreezerState", "s"),
        Emits::Change,
        "`frozen` while the processes of the unit are kept from running, else `running`",
        |u| text(if u.detail.frozen { "frozen" } else { "running" }),
    );
}

pub(super) fn add(table: &mut Vec<Property>) {
    add_states_of_processes(table);
    let mut add = |name_and_type, access, emits, doc, get: Get| {
        table.push(row(
            UNIT,
            name_and_type,
            (access, emits),
            doc,
            Getter::Unit(get),
        ));
    };
    use Access::{Detail, State};
    use Emits::{Change, Const, Silent};

    add(("Id", "s"), State, Const, "Its name", |u| {
        text(&u.detail.view.name)
    });
    add(
        ("Names", "as"),
        State,
        Const,
        "All its names, its own first; the others are links to its file",
        |u| {
            let others = definition(u).map_or(&[][..], units::Definition::aliases);
            texts(std::iter::once(&u.detail.view.name).chain(others))
        },
    );
    add(
        ("Description", "s"),
        State,
        Silent,
        "Setting `description`; its name where it has none",
        |u| {
            let description = definition(u).map_or("", units::Definition::description);
            match description {
                "" => text(&u.detail.view.name),
                some => text(some),
            }
        },
    );
    add(
        ("LoadState", "s"),
        State,
        Silent,
        "Whether its definition can be used: `loaded`, `not-found`, `bad-setting`, `masked`, \
         `error`",
        |u| text(load_state(&u.detail.view)),
    );
    add(
        ("LoadError", "(ss)"),
        Detail,
        Silent,
        "Why it is not `loaded`: an error name and a sentence, both empty if it is",
        |u| {
            if u.face == Face::Systemd {
                return super::systemd::load_error(u);
            }
            let found = definition(u).and_then(|d| d.load_state().diagnostics().first());
            Variant::new(found.map_or_else(Default::default, |found| {
                (
                    crate::error::Kind::BadUnitSetting.name(u.face).to_owned(),
                    found.to_string(),
                )
            }))
        },
    );
    add(
        ("Diagnostics", "a(ssuusss)"),
        Detail,
        Silent,
        "What is wrong with its files: severity, path, line, column, message, hint, unit",
        |u| {
            let found = definition(u).map_or(&[][..], |d| d.load_state().diagnostics());
            Variant::from(found.iter().map(diagnostics::fields).collect::<Vec<_>>())
        },
    );
    add(
        ("ActiveState", "s"),
        State,
        Change,
        "Coarse state: `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`",
        |u| text(u.detail.view.active.word()),
    );
    add(
        ("SubState", "s"),
        State,
        Change,
        "Fine state, its words depending on the kind of unit: `running`, `listening`, \
         `auto-restart`, …",
        |u| text(u.detail.view.sub.word()),
    );
    add(
        ("FragmentPath", "s"),
        State,
        Silent,
        "Its unit file; empty for built-in units. Of a transient one it only shows what was defined",
        |u| {
            if let Some(file) = &u.detail.transient_file {
                return text(file.to_string_lossy());
            }
            text(
                definition(u)
                    .and_then(|d| d.origin().fragment.as_deref())
                    .unwrap_or_default(),
            )
        },
    );
    add(
        ("DropInPaths", "as"),
        State,
        Silent,
        "Its drop-ins, in the order they apply",
        |u| texts(definition(u).map_or(&[][..], |d| &d.origin().drop_ins[..])),
    );
    let mut add = |name, doc, get: fn(FileState, Preset) -> &'static str| {
        let access = (Access::State, Silent);
        table.push(row(UNIT, (name, "s"), access, doc, Getter::File(get)));
    };
    add(
        "UnitFileState",
        "Whether it is enabled, as `GetUnitFileState` says it, when the files were last read or changed by \
         us; empty for a unit without a file",
        |state, _| state.as_str(),
    );
    add(
        "UnitFilePreset",
        "Whether a preset (systemd.preset(5)) wants it `enabled` or `disabled`; `enabled` where none says \
         anything",
        |_, preset| preset.as_str(),
    );
    let changed: Get = |u| (u.detail.view.stale || u.files_changed).into();
    table.push(row(
        UNIT,
        ("NeedDaemonReload", "b"),
        (State, Silent),
        "Whether its files say something else than the definition in force, or were changed since \
         they were read",
        Getter::Files(changed),
    ));
    let mut add = |name_and_type, access, emits, doc, get: Get| {
        let access = (access, emits);
        table.push(row(UNIT, name_and_type, access, doc, Getter::Unit(get)));
    };
    add(
        ("Transient", "b"),
        State,
        Const,
        "Whether a client defined it: it is in no file, and gone when it is down",
        |u| u.detail.view.transient.into(),
    );
    add(
        ("IgnoreOnIsolate", "b"),
        State,
        Silent,
        "Whether it stays when another unit is isolated (`ignore-on-isolate`); slices do",
        |u| {
            let slice = u.detail.view.name.kind() == UnitKind::Slice;
            let said = definition(u).is_some_and(units::Definition::ignore_on_isolate);
            (slice || said).into()
        },
    );
    add(
        ("JobRunningTimeoutUSec", "t"),
        State,
        Silent,
        "How long a job of it may run, in microseconds: `job-running-timeout-sec`, or `job-timeout-sec` \
         where nobody says; infinity for no limit",
        |u| {
            let span = definition(u).map(|d| match d.is_set(SettingId::JobRunningTimeoutSec) {
                true => d.job_running_timeout_sec(),
                false => d.job_timeout_sec(),
            });
            span.map_or(u64::MAX, super::setting::micros).into()
        },
    );
    add(
        ("CanStart", "b"),
        State,
        Silent,
        "Whether a start is possible, and may be asked for",
        |u| {
            definition(u)
                .is_some_and(|d| d.is_loaded() && !d.refuse_manual_start())
                .into()
        },
    );
    add(
        ("CanStop", "b"),
        State,
        Silent,
        "Whether a stop is possible, and may be asked for",
        |u| {
            definition(u)
                .is_some_and(|d| !d.refuse_manual_stop() && !d.name().is_perpetual())
                .into()
        },
    );
    add(
        ("CanIsolate", "b"),
        State,
        Silent,
        "Whether everything else may be stopped for it",
        |u| {
            definition(u)
                .is_some_and(|d| d.is_loaded() && d.allow_isolate() && !d.refuse_manual_start())
                .into()
        },
    );
    add(
        ("CanReload", "b"),
        State,
        Silent,
        "Whether it has a way to reload itself",
        |u| {
            definition(u)
                .is_some_and(|d| d.kind() == UnitKind::Service && !d.exec_reload().is_empty())
                .into()
        },
    );
    add(
        ("Job", "(uo)"),
        State,
        Change,
        "Number and object of its job; 0 and `/` when it has none",
        |u| {
            let (job, path) = u
                .detail
                .view
                .job
                .map_or((0, "/".to_owned()), |job| (job.0, u.face.job_path(job.0)));
            Variant::new((job, ObjectPath::from_string_unchecked(path)))
        },
    );
    add(
        ("InvocationID", "ay"),
        State,
        Change,
        "128 bits that name its current or last run; empty before the first",
        |u| {
            let id = u.detail.view.invocation.0;
            let bytes = if id == 0 {
                Vec::new()
            } else {
                id.to_be_bytes().to_vec()
            };
            Variant::from(bytes)
        },
    );
    add(
        ("ConditionResult", "b"),
        State,
        Change,
        "Whether its conditions held when it was last to start; false before the first start",
        |u| u.detail.view.conditions.result.into(),
    );
    add(
        ("AssertResult", "b"),
        State,
        Change,
        "Whether its asserts held when it was last to start; false before the first start",
        |u| u.detail.view.asserts.result.into(),
    );
    add(
        ("Conditions", "a(sbbsi)"),
        State,
        Silent,
        "Its conditions: kind, whether one of those marked so is enough, whether the contrary \
         is wanted, parameter, and 1, -1 or 0 for held, did not hold and was not tested",
        |u| tests("Condition", &u.detail.view.conditions),
    );
    add(
        ("Asserts", "a(sbbsi)"),
        State,
        Silent,
        "Its asserts, as `Conditions` has them",
        |u| tests("Assert", &u.detail.view.asserts),
    );

    // One property for each word, the unit's own and the inverse ones, implied ones included.
    let mut dependency = |name, doc, get: Get| {
        table.push(row(
            UNIT,
            (name, "as"),
            (State, Silent),
            doc,
            Getter::Unit(get),
        ));
    };
    macro_rules! dependencies {
        ($($name:literal $word:ident $doc:literal;)+) => {
            $(dependency($name, $doc, |u| others(u, Dependency::$word));)+
        };
    }
    dependencies! {
        "Requires" Requires "Units it cannot do without";
        "RequiredBy" RequiredBy "Units that cannot do without it";
        "Wants" Wants "Units it would like to have";
        "WantedBy" WantedBy "Units that would like to have it";
        "BindsTo" BindsTo "Units it lives and dies with";
        "BoundBy" BoundBy "Units that live and die with it";
        "PartOf" PartOf "Units it is stopped and restarted with";
        "ConsistsOf" ConsistsOf "Units that are stopped and restarted with it";
        "Conflicts" Conflicts "Units it cannot run beside";
        "ConflictedBy" ConflictedBy "Units that cannot run beside it";
        "Before" Before "Units that start after it and stop before it";
        "After" After "Units that start before it and stop after it";
        "Requisite" Requisite "Units that must be up before it starts";
        "RequisiteOf" RequisiteOf "Units that start only while it is up";
        "Upholds" Upholds "Units it keeps up";
        "UpheldBy" UpheldBy "Units that keep it up";
        "PropagatesReloadTo" PropagatesReloadTo "Units that are reloaded with it";
        "ReloadPropagatedFrom" ReloadPropagatedFrom "Units it is reloaded with";
        "PropagatesStopTo" PropagatesStopTo "Units that are stopped with it";
        "StopPropagatedFrom" StopPropagatedFrom "Units it is stopped with";
        "JoinsNamespaceOf" JoinsNamespaceOf "Units whose private directories and networks it shares";
        "OnSuccess" OnSuccess "Units it starts when it ends well";
        "OnSuccessOf" OnSuccessOf "Units that start it when they end well";
        "OnFailure" OnFailure "Units it starts when it fails";
        "OnFailureOf" OnFailureOf "Units that start it when they fail";
        "Triggers" Triggers "Units it starts when something arrives";
        "TriggeredBy" TriggeredBy "Units that start it when something arrives";
    }

    let mut time = |name, doc, get: Get| {
        table.push(row(
            UNIT,
            (name, "t"),
            (State, Change),
            doc,
            Getter::Unit(get),
        ));
    };
    macro_rules! times {
        ($($name:literal $monotonic:literal $field:ident $doc:literal;)+) => { $(
            time(
                $name,
                concat!($doc, ", in microseconds since the epoch; 0 for never"),
                |u| realtime(u.detail.view.$field),
            );
            time(
                $monotonic,
                concat!($doc, ", in microseconds on the monotonic clock; 0 for never"),
                |u| monotonic(u.detail.view.$field),
            );
        )+ };
    }
    times! {
        "StateChangeTimestamp" "StateChangeTimestampMonotonic" state_change
            "When its state last changed";
        "InactiveExitTimestamp" "InactiveExitTimestampMonotonic" inactive_exit
            "When it last began to start";
        "ActiveEnterTimestamp" "ActiveEnterTimestampMonotonic" active_enter
            "When it last became active";
        "ActiveExitTimestamp" "ActiveExitTimestampMonotonic" active_exit
            "When it last stopped being active";
        "InactiveEnterTimestamp" "InactiveEnterTimestampMonotonic" inactive_enter
            "When it last became inactive or failed";
    }

    time(
        "ConditionTimestamp",
        "When its conditions were last tested, in microseconds since the epoch; 0 for never",
        |u| realtime(u.detail.view.conditions.at),
    );
    time(
        "ConditionTimestampMonotonic",
        "When its conditions were last tested, in microseconds on the monotonic clock; 0 for never",
        |u| monotonic(u.detail.view.conditions.at),
    );
    time(
        "AssertTimestamp",
        "When its asserts were last tested, in microseconds since the epoch; 0 for never",
        |u| realtime(u.detail.view.asserts.at),
    );
    time(
        "AssertTimestampMonotonic",
        "When its asserts were last tested, in microseconds on the monotonic clock; 0 for never",
        |u| monotonic(u.detail.view.asserts.at),
    );
}

fn tests(word: &str, tests: &TestsView) -> Variant<'static> {
    let row = |(test, outcome): &(Test, Outcome)| {
        let outcome = match outcome {
            Outcome::Untested => 0,
            Outcome::Holds => 1,
            Outcome::Fails => -1,
        };
        let condition = &test.condition;
        (
            format!("{word}{}", test.kind),
            condition.trigger,
            condition.negate,
            condition.parameter.to_string(),
            outcome,
        )
    };
    let rows: Vec<(String, bool, bool, String, i32)> = tests.tests.iter().map(row).collect();
    Variant::from(rows)
}

fn definition(facts: &UnitFacts) -> Option<&units::Definition> {
    facts.detail.view.definition.as_deref()
}

fn others(facts: &UnitFacts, dependency: Dependency) -> Variant<'static> {
    let mut names: Vec<&str> = facts
        .detail
        .dependencies
        .iter()
        .filter(|(word, _)| *word == dependency)
        .map(|(_, other)| other.as_str())
        .collect();
    units::sort::all(&mut names);
    names.dedup();
    texts(names)
}
