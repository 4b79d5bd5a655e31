//! Texts to values: the settings table applied to what was written about one unit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::check;
use crate::definition::{Definition, Entry, Item, LoadState, Origin, UnknownEntry};
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::name::UnitName;
use crate::settings::unsupported::Loss;
use crate::settings::{self, SettingId, read_calendars};
use crate::specifier::Specifiers;
use crate::surroundings::Surroundings;
use crate::systemd::lenient;
use crate::written::Unheard;

/// What was written about one unit, its drop-ins merged in.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    pub(crate) name: UnitName,
    pub(crate) origin: Origin,
    /// Where its table begins.
    pub(crate) place: Place,
    pub(crate) settings: BTreeMap<SettingId, Vec<Item>>,
    pub(crate) unknown: Box<[UnknownEntry]>,
    /// What it asks for and nobody does.
    pub(crate) unsupported: Vec<Unheard>,
    /// What is wrong with it so far.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Where lists of several settings were last started over, by the first of these.
    pub(crate) started_over: BTreeMap<SettingId, Place>,
}

impl Merged {
    pub(crate) fn new(name: UnitName, origin: Origin, place: Place) -> Merged {
        Merged {
            name,
            origin,
            place,
            settings: BTreeMap::new(),
            unknown: Box::default(),
            unsupported: Vec::new(),
            diagnostics: Vec::new(),
            started_over: BTreeMap::new(),
        }
    }

    /// Lays items over what is there: a list grows, a scalar is replaced, an empty text starts over.
    /// Some lists have several names, as in systemd.
    pub(crate) fn lay_over(&mut self, id: SettingId, items: &[Item]) {
        let list = settings::one_list(&id);
        if list.len() > 1 {
            return self.lay_over_one_of(list, id, items);
        }
        let held = self.settings.entry(id).or_default();
        if !id.row().is_list() {
            held.clear();
        }
        for item in items {
            if item.text.is_empty() && !id.row().keeps_empty() {
                held.clear();
            } else {
                held.push(item.clone());
            }
        }
        if held.is_empty() {
            self.settings.remove(&id);
        }
    }

    /// What stands above an empty text goes, under whichever name of the list: the settings of a file
    /// come one after the other, and not as they stand in it.
    fn lay_over_one_of(&mut self, list: &[SettingId], id: SettingId, items: &[Item]) {
        let begun = &mut self.started_over;
        for item in items {
            if item.text.is_empty() {
                let again = match begun.get(&list[0]) {
                    Some(before) if before.path == item.place.path => before.clone(),
                    _ => item.place.clone(),
                };
                let from = match position(&again) < position(&item.place) {
                    true => item.place.clone(),
                    false => again,
                };
                for id in list {
                    if let Some(held) = self.settings.get_mut(id) {
                        held.retain(|held| is_below(&held.place, &from));
                    }
                }
                begun.insert(list[0], from);
            } else if begun.get(&list[0]).is_none_or(|from| {
                item.place.path != from.path || position(&item.place) >= position(from)
            }) {
                self.settings.entry(id).or_default().push(item.clone());
            }
        }
        for id in list {
            if self.settings.get(id).is_some_and(Vec::is_empty) {
                self.settings.remove(id);
            }
        }
    }
}

/// Line and column.
fn position(place: &Place) -> (u32, u32) {
    (place.line, place.column)
}

/// Whether it stands in the same file, and later.
fn is_below(place: &Place, other: &Place) -> bool {
    place.path == other.path && position(place) > position(other)
}

/// Makes the definition. Its load state is [`LoadState::BadSetting`] when anything is an error;
/// warnings come back beside it.
pub(crate) fn resolve(merged: Merged, around: &Surroundings) -> (Definition, Vec<Diagnostic>) {
    let file = merged.origin.fragment.clone().unwrap_or_default();
    let specifiers = Specifiers::new(&merged.name, around, &file);
    let mut diagnostics = merged.diagnostics;
    let mut entries = Vec::with_capacity(merged.settings.len());
    'settings: for (id, mut items) in merged.settings {
        let value = loop {
            match read(id, &items, &specifiers, around) {
                Ok(value) => break value,
                // Only an instance knows what the text will be.
                Err(_) if merged.name.is_template() && depends_on_instance(&items) => {
                    break crate::settings::default_of(id).clone();
                }
                Err((at, problem)) => match lenient::without(id, &items, at, &problem) {
                    Some((left, warning)) => {
                        diagnostics.extend(warning.map(|found| found.about(&merged.name)));
                        items = left;
                    }
                    None => {
                        diagnostics.push(problem.about(&merged.name));
                        items.clear();
                    }
                },
            }
            if items.is_empty() {
                continue 'settings;
            }
        };
        entries.push(Entry {
            id,
            value,
            items: items.into(),
        });
    }
    let mut definition = Definition {
        name: merged.name,
        load_state: LoadState::Loaded,
        origin: merged.origin,
        entries: entries.into(),
        template: None,
        unknown: merged.unknown,
        aliases: Box::default(),
    };
    let ignore = around.ignore_unsupported || definition.ignore_unsupported();
    let unheard = merged.unsupported.iter();
    diagnostics
        .extend(unheard.map(|unheard| unsupported(unheard, ignore).about(definition.name())));
    let sound = !diagnostics.iter().any(Diagnostic::is_error);
    if sound {
        // A setting that could not be read would only raise questions that are none.
        diagnostics.extend(check::definition(&definition, &merged.place));
    }
    settle_load_state(&mut definition, &diagnostics);
    (definition, diagnostics)
}

/// What is said about a setting that nobody does.
fn unsupported(unheard: &Unheard, ignore: bool) -> Diagnostic {
    let Unheard { name, place, why } = unheard;
    let lost = match why.loss {
        Loss::Protection => "the unit runs without this protection",
        Loss::Behaviour => "the unit runs without it",
        Loss::Nothing => "it changes nothing",
    };
    let place = place.clone();
    if ignore || why.loss == Loss::Nothing {
        let message = format!("`{name}` is ignored, since {}: {lost}", why.why);
        return Diagnostic::warning(place, message).with_hint(why.instead);
    }
    let lost = lost.replace("runs", "would run");
    let message = format!("`{name}` is not supported: {}", why.why);
    Diagnostic::error(place, message).with_hint(format!(
        "{}; with `ignore-unsupported = true` {lost}",
        why.instead
    ))
}

/// Marks a definition with the errors among `diagnostics`, if there are any.
pub(crate) fn settle_load_state(definition: &mut Definition, diagnostics: &[Diagnostic]) {
    let errors: Vec<Diagnostic> = diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .cloned()
        .collect();
    if !errors.is_empty() {
        definition.load_state = LoadState::BadSetting(errors.into());
    }
}

fn read(
    id: SettingId,
    items: &[Item],
    specifiers: &Specifiers<'_>,
    around: &Surroundings,
) -> Result<crate::settings::Value, (usize, Diagnostic)> {
    let texts: Vec<&str> = items.iter().map(|item| &*item.text).collect();
    let mut expand = |text: &str| specifiers.expand(text);
    // Only here it is known which zones there are.
    let value = match id {
        SettingId::OnCalendar => read_calendars(&texts, &mut expand, around.zones.get()),
        _ => id.row().value.read(&texts, &mut expand),
    };
    value.map_err(|(at, problem)| {
        // `at` is an index the reader was given; a setting in a definition has an item.
        let place = items
            .get(at)
            .or(items.first())
            .map(|item| item.place.clone());
        let place = place.unwrap_or_else(|| Place::file(""));
        let found = Diagnostic {
            hint: problem.hint,
            ..Diagnostic::error(place, format!("`{}`: {}", id.key(), problem.message))
        };
        (at, found)
    })
}

fn depends_on_instance(items: &[Item]) -> bool {
    items
        .iter()
        .any(|item| Specifiers::depend_on_instance(&item.text))
}

/// The instance `name` of a template. It holds what differs from the template, and shares the rest.
pub(crate) fn instantiate(
    template: &Arc<Definition>,
    name: &UnitName,
    around: &Surroundings,
) -> Definition {
    let file = template.origin.fragment.clone().unwrap_or_default();
    let specifiers = Specifiers::new(name, around, &file);
    let mut diagnostics = Vec::new();
    let mut entries = Vec::new();
    for entry in template
        .entries
        .iter()
        .filter(|entry| depends_on_instance(&entry.items))
    {
        let mut items = entry.items.to_vec();
        // An instance cannot take back what its template says: without a value it has the default.
        let value = loop {
            match read(entry.id, &items, &specifiers, around) {
                Ok(value) => break value,
                Err((at, problem)) => match lenient::without(entry.id, &items, at, &problem) {
                    Some((left, warning)) => {
                        diagnostics.extend(warning.map(|found| found.about(name)));
                        items = left;
                    }
                    None => {
                        diagnostics.push(problem.about(name));
                        items.clear();
                    }
                },
            }
            if items.is_empty() {
                break crate::settings::default_of(entry.id).clone();
            }
        };
        entries.push(Entry {
            id: entry.id,
            value,
            items: items.into(),
        });
    }
    let mut definition = Definition {
        name: name.clone(),
        load_state: template.load_state.clone(),
        origin: template.origin.clone(),
        entries: entries.into(),
        template: Some(template.clone()),
        unknown: template.unknown.clone(),
        aliases: Box::default(),
    };
    if definition.is_loaded() {
        if !diagnostics.iter().any(Diagnostic::is_error) {
            diagnostics = check::definition(&definition, &Place::file(file.clone()));
        }
        settle_load_state(&mut definition, &diagnostics);
    }
    definition
}
