//! Properties only sockets have.

use control::Word;
use engine::view::systemd::SocketView;
use zbus::Variant;

use super::{Access, Emits, Getter, Property, UnitFacts, row, text, texts};
use crate::names::interface::SOCKET;

pub(super) fn add(table: &mut Vec<Property>) {
    use Emits::{Change, Silent};
    let mut add = |name_and_type, emits, doc, get: fn(&UnitFacts) -> Variant<'static>| {
        table.push(row(
            SOCKET,
            name_and_type,
            (Access::State, emits),
            doc,
            Getter::Unit(get),
        ));
    };
    add(
        ("Listen", "a(ss)"),
        Silent,
        "What it is to listen on: kind (`Stream`, `Datagram`, `SequentialPacket`, `FIFO`) and \
         address",
        |u| {
            let addresses: Vec<(String, String)> =
                u.detail
                    .view
                    .definition
                    .as_ref()
                    .map_or_else(Vec::new, |definition| {
                        definition
                            .listen()
                            .map(|(kind, address)| (kind.as_str().to_owned(), address.to_string()))
                            .collect()
                    });
            Variant::from(addresses)
        },
    );
    add(
        ("Listening", "as"),
        Silent,
        "The addresses it listens on now",
        |u| texts(&u.detail.listening),
    );
    add(
        ("NAccepted", "u"),
        Change,
        "Connections accepted since it was started, with `accept`",
        |u| socket(u).map_or(0, |s| s.accepted).into(),
    );
    add(
        ("NConnections", "u"),
        Change,
        "Connections being served now, with `accept`",
        |u| socket(u).map_or(0, |s| s.connections).into(),
    );
    add(
        ("NRefused", "u"),
        Change,
        "Connections closed at once because there were `max-connections` already",
        |u| socket(u).map_or(0, |s| s.refused).into(),
    );
    add(
        ("Result", "s"),
        Change,
        "Why it is failed: `resources`, `trigger-limit-hit`, `service-start-limit-hit`, …; \
         otherwise `success`",
        |u| text(u.detail.view.result.word()),
    );

    // Settings whose value in force is not always the one written.
    let mut setting = |name_and_type, doc, get: fn(&UnitFacts) -> Variant<'static>| {
        table.push(row(
            SOCKET,
            name_and_type,
            (Access::Detail, Silent),
            doc,
            Getter::Unit(get),
        ));
    };
    setting(
        ("FileDescriptorName", "s"),
        "The name the service sees for its descriptors",
        |u| {
            text(
                u.detail
                    .view
                    .definition
                    .as_ref()
                    .map_or("", |d| d.file_descriptor_name()),
            )
        },
    );
    setting(
        ("TriggerLimitBurst", "u"),
        "How many activations are allowed within `TriggerLimitIntervalUSec`",
        |u| {
            u.detail
                .view
                .definition
                .as_ref()
                .map_or(0, |d| d.trigger_limit_burst())
                .into()
        },
    );
}

fn socket(facts: &UnitFacts) -> Option<&SocketView> {
    facts.detail.view.socket.as_ref()
}
