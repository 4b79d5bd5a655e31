//! Properties only paths have.

use control::Word;
use zbus::Variant;

use super::{Access, Emits, Getter, Property, UnitFacts, row, text};
use crate::names::interface::PATH;

pub(super) fn add(table: &mut Vec<Property>) {
    use Emits::{Change, Silent};
    let mut add = |name_and_type, emits, doc, get: fn(&UnitFacts) -> Variant<'static>| {
        table.push(row(
            PATH,
            name_and_type,
            (Access::State, emits),
            doc,
            Getter::Unit(get),
        ));
    };
    add(("Unit", "s"), Silent, "The unit that it starts", |u| {
        text(super::triggered(u))
    });
    add(
        ("Paths", "a(ss)"),
        Silent,
        "What it looks for, by the name of the setting, and where",
        |u| {
            let definition = u.detail.view.definition.as_ref();
            let paths = definition.map_or_else(Vec::new, |definition| {
                let paths = definition.watched_paths();
                paths
                    .map(|(check, path)| (check.as_str().to_owned(), path.to_owned()))
                    .collect()
            });
            Variant::from(paths)
        },
    );
    add(
        ("Result", "s"),
        Change,
        "Why it is failed: `resources`, `trigger-limit-hit`, `unit-start-limit-hit`, …; otherwise \
         `success`",
        |u| text(u.detail.view.result.word()),
    );
    table.push(row(
        PATH,
        ("TriggerLimitBurst", "u"),
        (Access::Detail, Silent),
        "How many activations are allowed within `TriggerLimitIntervalUSec`",
        Getter::Unit(|u| {
            let definition = u.detail.view.definition.as_ref();
            definition.map_or(0, |d| d.trigger_limit_burst()).into()
        }),
    ));
}
