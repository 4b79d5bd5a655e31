//! `man/org.unitrunner.Runner1.5` and the introspection XML, from the tables of `dbus`.

use std::path::Path;

use dbus::server::methods::{self, Argument};
use dbus::server::properties::{self, Access, Emits, Property};
use dbus::server::{INTERFACES, introspection, signals};

use crate::roff::Roff;
use crate::template;

/// The page.
///
/// # Errors
/// When the template cannot be filled.
pub(crate) fn page(root: &Path) -> Result<String, String> {
    template::fill(
        root,
        "org.unitrunner.Runner1.5",
        &[("interfaces", interfaces()), ("errors", errors())],
    )
}

/// The introspection XML of one interface.
pub(crate) fn xml(interface: &'static str) -> String {
    introspection::of_interface(interface)
}

fn interfaces() -> String {
    let mut roff = Roff::default();
    for (interface, what) in INTERFACES {
        roff.chapter(interface);
        roff.paragraphs(&sentence(what));
        let methods: Vec<_> = methods::of_interface(interface).collect();
        if !methods.is_empty() {
            roff.section("Methods");
        }
        for method in methods {
            let inputs = arguments(method.inputs);
            let call = match method.outputs {
                [] => format!("`{}`({inputs})", method.name),
                outputs => format!("`{}`({inputs}) -> {}", method.name, arguments(outputs)),
            };
            roff.entry(&call, &sentence(method.doc));
        }
        let signals: Vec<_> = signals::of_interface(interface).collect();
        if !signals.is_empty() {
            roff.section("Signals");
        }
        for signal in signals {
            let carries = arguments(signal.arguments);
            roff.entry(
                &format!("`{}`({carries})", signal.name),
                &sentence(signal.doc),
            );
        }
        let properties: Vec<_> = properties::of_interface(interface).collect();
        if !properties.is_empty() {
            roff.section("Properties");
        }
        for property in properties {
            let tag = format!("`{}` {}", property.name, property.signature);
            roff.entry(&tag, &described(property));
        }
    }
    roff.finish()
}

fn described(property: &Property) -> String {
    let mut text = sentence(&property.doc);
    let marks = [
        (property.access == Access::Detail).then_some("for administrators"),
        match property.emits {
            Emits::Change => Some("changes are told"),
            Emits::Const => Some("never changes"),
            Emits::Silent => None,
        },
    ];
    let marks: Vec<&str> = marks.into_iter().flatten().collect();
    if !marks.is_empty() {
        text.push_str(&format!(" ({}.)", marks.join(", ")));
    }
    text
}

fn errors() -> String {
    let mut roff = Roff::default();
    for (_, name, _, meaning) in dbus::error::NAMES {
        roff.entry(&format!("`{name}`"), &sentence(meaning));
    }
    roff.finish()
}

/// `unit s, mode s`
fn arguments(arguments: &[Argument]) -> String {
    let each = arguments
        .iter()
        .map(|argument| format!("{} {}", argument.name, argument.signature));
    each.collect::<Vec<_>>().join(", ")
}

/// With a capital and a full stop: the tables have neither.
fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let first: String = letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    let all = first + letters.as_str();
    if all.ends_with(['.', ':']) {
        all
    } else {
        all + "."
    }
}
