//! What must fit together between units: addresses, triggers, requirements, order.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::definition::Definition;
use crate::dependency::{Dependency, Effect};
use crate::diagnostic::{Diagnostic, Place, nearest};
use crate::name::{UnitKind, UnitName};
use crate::resolve::settle_load_state;
use crate::settings::SettingId;
use crate::unit_set::UnitSet;
use crate::value::{ListenAddress, ListenKind};

/// How many findings about missing units come with the name that may be meant.
const MOST_HINTS: usize = 50;

type Units = BTreeMap<UnitName, Arc<Definition>>;

/// Marks units with the errors found about them.
fn mark(units: &mut Units, found: &[Diagnostic]) {
    for diagnostic in found.iter().filter(|found| found.is_error()) {
        let unit = diagnostic
            .unit
            .as_ref()
            .and_then(|name| units.get_mut(name));
        if let Some(unit) = unit {
            let mut all = unit.load_state().diagnostics().to_vec();
            all.push(diagnostic.clone());
            settle_load_state(Arc::make_mut(unit), &all);
        }
    }
}

/// Where a setting stands, else where its unit does.
fn place(unit: &Definition, id: SettingId) -> Place {
    let fragment = || Place::file(unit.origin().fragment.clone().unwrap_or_default());
    unit.place(id).cloned().unwrap_or_else(fragment)
}

/// No two sockets can listen on one address at a time: whoever starts later will fail. Which one is
/// wanted nobody knows before.
pub(crate) fn addresses(units: &Units) -> Vec<Diagnostic> {
    let mut taken: HashMap<(Option<ListenKind>, ListenAddress), (UnitName, Place)> = HashMap::new();
    let mut found = Vec::new();
    for unit in units
        .values()
        .filter(|unit| unit.is_loaded() && !unit.name().is_template())
    {
        for (kind, address) in unit.listen() {
            let id = match kind {
                ListenKind::Stream => SettingId::ListenStream,
                ListenKind::Datagram => SettingId::ListenDatagram,
                ListenKind::SequentialPacket => SettingId::ListenSequentialPacket,
                ListenKind::Fifo => SettingId::ListenFifo,
                ListenKind::MessageQueue => SettingId::ListenMessageQueue,
                // As many as like can read a device, and hear the kernel.
                ListenKind::Special | ListenKind::Netlink => continue,
            };
            if unit.reuse_port() && address.is_inet() {
                continue;
            }
            // Ports of streams and datagrams are apart; names are one space for all, but for queues.
            let space = match address {
                ListenAddress::Path(_) | ListenAddress::Abstract(_) => {
                    Some(kind).filter(|kind| *kind == ListenKind::MessageQueue)
                }
                _ => Some(kind),
            };
            let here = address_place(unit, id, address);
            let key = (space, address.clone());
            if let Some((other, there)) = taken.get(&key) {
                let message = format!("{address} is also listened on by {other} at {there}");
                let hint = "only one of the two can be started at a time";
                let warning = Diagnostic::warning(here, message).with_hint(hint);
                found.push(warning.about(unit.name()));
            } else {
                taken.insert(key, (unit.name().clone(), here));
            }
        }
    }
    found
}

fn address_place(unit: &Definition, id: SettingId, address: &ListenAddress) -> Place {
    let shown = address.to_string();
    let fits = |text: &str| text == shown || shown.strip_prefix("[::]:") == Some(text);
    let item = unit.items(id).iter().find(|item| fits(&item.text));
    item.map_or_else(|| place(unit, id), |item| item.place.clone())
}

/// A socket, timer or path starts a unit, which must exist; with `accept`, its template.
pub(crate) fn triggers(
    units: &mut Units,
    aliases: &BTreeMap<UnitName, UnitName>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for unit in units.values().filter(|unit| unit.is_loaded()) {
        let Some(triggered) = unit.triggered_unit() else {
            continue;
        };
        let exists = |name: &UnitName| units.contains_key(name) || aliases.contains_key(name);
        if exists(&triggered)
            || triggered
                .template()
                .is_some_and(|template| exists(&template))
        {
            continue;
        }
        let name = unit.name();
        let id = match unit.kind() {
            UnitKind::Socket => SettingId::Service,
            _ => SettingId::Unit,
        };
        let message = match unit.accept() {
            true => format!(
                "{name} starts an instance of {triggered} for each connection, and there is no such template"
            ),
            false => format!("{name} starts {triggered}, and there is no such unit"),
        };
        let hint = match unit.accept() {
            true => format!("define it in {}@.toml", name.prefix()),
            false => format!("add [service] to the file, or name one in `{id}`"),
        };
        let problem = Diagnostic::error(place(unit, id), message);
        found.push(problem.with_hint(hint).about(name));
    }
    mark(units, &found);
    found
}

/// Units that are named and do not exist: an error where they are required, a warning where they
/// would have been started.
pub(crate) fn references(set: &UnitSet) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for unit in set
        .iter()
        .filter(|unit| unit.is_loaded() && !unit.name().is_template())
    {
        for word in [
            Dependency::Requires,
            Dependency::BindsTo,
            Dependency::Requisite,
            Dependency::Wants,
            Dependency::Upholds,
            Dependency::OnFailure,
            Dependency::OnSuccess,
            Dependency::WantedBy,
            Dependency::RequiredBy,
            Dependency::UpheldBy,
        ] {
            let Some(id) = word.setting() else { continue };
            // systemd says nothing of a unit that is only wished for, and packaged units wish for a lot.
            let wish = !word.has(Effect::PullInStart);
            let install = id.row().is_install() && !unit.installs_itself();
            if install || (wish && unit.is_systemds()) {
                continue;
            }
            for other in unit.names_of(id).iter().filter(|other| !exists(set, other)) {
                let at = set.place_of(unit.name(), word, other).cloned();
                let at = at.unwrap_or_else(|| place(unit, id));
                let message = format!("`{id}` names {other}, and there is no such unit");
                // Such a unit of systemd's fails when it is started.
                let problem = match wish || unit.is_systemds() {
                    false => Diagnostic::error(at, message),
                    true => Diagnostic::warning(at, message),
                };
                let names = set.iter().map(|unit| unit.name().as_str());
                let same_kind = names.filter(|name| name.ends_with(other.kind().as_str()));
                // Every name is compared with all others, so only the first ones are.
                let near = Some(other).filter(|_| found.len() < MOST_HINTS);
                let problem = match near.and_then(|other| nearest(other.as_str(), same_kind)) {
                    Some(near) => problem.with_hint(format!("did you mean `{near}`?")),
                    None => problem,
                };
                found.push(problem.about(unit.name()));
            }
        }
        found.extend(sockets_of(set, unit));
    }
    found
}

/// The sockets a service names besides those that start it: each must exist and give its listener.
fn sockets_of(set: &UnitSet, unit: &Definition) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for socket in unit.sockets() {
        if socket.kind() != UnitKind::Socket {
            continue;
        }
        let message = match set.resolve(socket) {
            None => format!("`sockets` names {socket}, and there is no such unit"),
            Some(socket) if socket.accept() => format!(
                "`sockets` names {}, which has `accept = true`: its listener is passed to nobody",
                socket.name()
            ),
            Some(_) => continue,
        };
        let problem = Diagnostic::error(place(unit, SettingId::Sockets), message);
        found.push(problem.about(unit.name()));
    }
    found
}

fn exists(set: &UnitSet, name: &UnitName) -> bool {
    set.get(name).is_some()
        || name
            .template()
            .is_some_and(|template| set.get(&template).is_some())
}

/// Units that wait for each other in a circle. Where every one of them requires the one it waits
/// for, none can ever start; otherwise a start leaves one of the jobs out.
pub(crate) fn cycles(set: &UnitSet) -> Vec<Diagnostic> {
    let names: Vec<&UnitName> = set
        .iter()
        .map(|unit| unit.name())
        .filter(|name| !name.is_template())
        .collect();
    let number: HashMap<&UnitName, usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (*name, at))
        .collect();
    let waits_for: Vec<Vec<usize>> = names
        .iter()
        .map(|name| {
            let mut others: Vec<usize> = set
                .with_effect(name, Effect::OrderAfter)
                .filter_map(|other| number.get(other).copied())
                .collect();
            crate::sort::all(&mut others);
            others.dedup();
            others
        })
        .collect();
    find_cycles(&waits_for)
        .into_iter()
        .map(|circle| describe(set, &circle.iter().map(|at| names[*at]).collect::<Vec<_>>()))
        .collect()
}

/// One circle out of every knot of a graph, given as the successors of each node.
fn find_cycles(successors: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; successors.len()];
    let mut circles: Vec<Vec<usize>> = Vec::new();
    let mut in_circle = vec![false; successors.len()];
    for root in 0..successors.len() {
        if marks[root] != Mark::New {
            continue;
        }
        // The path from the root, each node with the next of its successors to look at.
        let mut path = vec![(root, 0)];
        marks[root] = Mark::OnPath;
        while let Some((node, next)) = path.last_mut() {
            let Some(&successor) = successors[*node].get(*next) else {
                marks[*node] = Mark::Done;
                path.pop();
                continue;
            };
            *next += 1;
            match marks[successor] {
                Mark::New => {
                    marks[successor] = Mark::OnPath;
                    path.push((successor, 0));
                }
                Mark::OnPath => {
                    let from = path
                        .iter()
                        .position(|(node, _)| *node == successor)
                        .unwrap_or(0);
                    let circle: Vec<usize> = path[from..].iter().map(|(node, _)| *node).collect();
                    // One finding for each knot is enough; others would name the same units.
                    if !circle.iter().any(|node| in_circle[*node]) {
                        circle.iter().for_each(|node| in_circle[*node] = true);
                        circles.push(circle);
                    }
                }
                Mark::Done => {}
            }
        }
    }
    circles
}

fn describe(set: &UnitSet, circle: &[&UnitName]) -> Diagnostic {
    let mut text = circle[0].to_string();
    let mut at = None;
    let mut all_required = true;
    for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
        let place = set.place_of(from, Dependency::After, to);
        match place {
            Some(place) => text.push_str(&format!(" after {to} ({place})")),
            None => text.push_str(&format!(" after {to}")),
        }
        at = at.or(place);
        all_required &= set
            .dependencies(from)
            .any(|(word, other)| other == *to && word.has(Effect::PullInStart));
    }
    let fragment = || {
        let unit = set.get(circle[0]);
        Place::file(
            unit.and_then(|unit| unit.origin().fragment.clone())
                .unwrap_or_default(),
        )
    };
    let at = at.cloned().unwrap_or_else(fragment);
    let message = format!("these units wait for each other: {text}");
    let found = match all_required {
        true => Diagnostic::error(at, message).with_hint("none of them can start; take one out"),
        false => Diagnostic::warning(at, message)
            .with_hint("when they are started together, one of them is left out"),
    };
    found.about(circle[0])
}
