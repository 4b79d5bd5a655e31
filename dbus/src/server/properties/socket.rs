//! Properties only sockets have.

use control::Word;
use engine::view::systemd::SocketView;
use units::Definition;
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
        "What it is to listen on: kind (`Stream`, `Datagram`, `SequentialPacket`, `FIFO`, \
         `Special`, `Netlink`, `MessageQueue`) and address",
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
        ("ControlPID", "u"),
        Change,
        "The process of an `exec-start-pre`, `exec-stop-pre`, … command; 0 for none",
        |u| socket(u).and_then(|s| s.control_pid).unwrap_or(0).into(),
    );
    add(
        ("Result", "s"),
        Change,
        "Why it is failed: `resources`, `timeout`, `exit-code`, `trigger-limit-hit`, `service-start-limit-hit`, …; \
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
        ("Backlog", "u"),
        "Setting `backlog`: how many connections may wait; the kernel has a limit of its own",
        |u| {
            definition(u)
                .map_or(0, |d| d.backlog().min(i32::MAX.unsigned_abs()))
                .into()
        },
    );
    // Where nobody has set them they are -1, which says that the kernel's own value stays.
    setting(
        ("Priority", "i"),
        "Setting `priority`: `SO_PRIORITY`, or -1",
        |u| number(u, |d| d.socket_priority()),
    );
    setting(("IPTOS", "i"), "Setting `ip-tos`: `IP_TOS`, or -1", |u| {
        number(u, |d| d.ip_tos())
    });
    setting(("IPTTL", "i"), "Setting `ip-ttl`: `IP_TTL`, or -1", |u| {
        number(u, |d| d.ip_ttl())
    });
    setting(("Mark", "i"), "Setting `mark`: `SO_MARK`, or -1", |u| {
        number(u, |d| d.mark())
    });
    setting(
        ("SocketProtocol", "i"),
        "Setting `socket-protocol`: the number of the protocol, or 0 for the usual one",
        |u| {
            let protocol = definition(u).and_then(|d| d.socket_protocol());
            protocol.map_or(0, |protocol| protocol.number()).into()
        },
    );
    setting(
        ("MessageQueueMaxMessages", "x"),
        "Setting `message-queue-max-messages`",
        |u| i64::from(definition(u).map_or(0, |d| d.message_queue_max_messages())).into(),
    );
    setting(
        ("MessageQueueMessageSize", "x"),
        "Setting `message-queue-message-size`",
        |u| i64::from(definition(u).map_or(0, |d| d.message_queue_message_size())).into(),
    );
    setting(
        ("PollLimitBurst", "u"),
        "How often something may be there to be read within `PollLimitIntervalUSec`",
        |u| definition(u).map_or(0, |d| d.poll_limit_burst()).into(),
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

fn definition(facts: &UnitFacts) -> Option<&Definition> {
    facts.detail.view.definition.as_deref()
}

/// A number of the kernel's, or that it stays as it is.
fn number(facts: &UnitFacts, get: fn(&Definition) -> Option<i32>) -> Variant<'static> {
    definition(facts).and_then(get).unwrap_or(-1).into()
}

fn socket(facts: &UnitFacts) -> Option<&SocketView> {
    facts.detail.view.socket.as_ref()
}
