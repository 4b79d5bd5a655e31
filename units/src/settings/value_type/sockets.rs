//! The kinds of values that only settings of sockets have (systemd.socket(5)).

use super::{Expand, NO_WORDS, Shape, Typed, ValueType, list, mismatch, scalar, types};
use crate::settings::value::Value;
use crate::value::{
    BindIpv6Only, ListenAddress, ListenKind, SocketProtocol, Timestamping, ValueProblem,
    parse_between, parse_integer, parse_type_of_service,
};

value_types! {
    Streams -> &'a [ListenAddress] {
        name: "list of addresses",
        grammar: "`PORT`, `A.B.C.D:PORT`, `[v6]:PORT`, `[v6]:PORT%INTERFACE`, `/path`, `@abstract-name` or `vsock:CID:PORT`, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| read_addresses(ListenKind::Stream, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    Datagrams -> &'a [ListenAddress] {
        name: "list of addresses",
        grammar: "`PORT`, `A.B.C.D:PORT`, `[v6]:PORT`, `[v6]:PORT%INTERFACE`, `/path`, `@abstract-name` or `vsock:CID:PORT`, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| read_addresses(ListenKind::Datagram, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    Packets -> &'a [ListenAddress] {
        name: "list of addresses",
        grammar: "`/path`, `@abstract-name` or `vsock:CID:PORT`, with `socket-protocol = \"sctp\"` also `PORT` and its like, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: ListOrNumber, list: true,
        read: |items, expand| read_addresses(ListenKind::SequentialPacket, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    Fifos -> &'a [ListenAddress] {
        name: "list of paths",
        grammar: "`/path`, or an array of paths",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| read_addresses(ListenKind::Fifo, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    SpecialFiles -> &'a [ListenAddress] {
        name: "list of paths",
        grammar: "`/path`, or an array of paths",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| read_addresses(ListenKind::Special, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    NetlinkGroups -> &'a [ListenAddress] {
        name: "list of netlink groups",
        grammar: "`FAMILY` or `FAMILY GROUPS`, such as `kobject-uevent 1`, or an array of them",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| read_addresses(ListenKind::Netlink, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    MessageQueues -> &'a [ListenAddress] {
        name: "list of message queues",
        grammar: "`/name`, or an array of names",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: List, list: true,
        read: |items, expand| read_addresses(ListenKind::MessageQueue, items, expand),
        lend: { Value::Nothing => &[], Value::Addresses(addresses) => addresses },
    }
    Ipv6Only -> BindIpv6Only {
        name: "use of IPv4",
        grammar: "one word",
        words: BindIpv6Only::WORDS, meanings: BindIpv6Only::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| match BindIpv6Only::from_word(text) {
            Some(word) => Ok(Value::Word(word.as_str())),
            None => Err(ValueProblem::unknown_word("use of IPv4", text, BindIpv6Only::WORDS)),
        }),
        lend: {
            Value::Nothing => BindIpv6Only::Default,
            Value::Word(word) => BindIpv6Only::from_word(word).unwrap_or(BindIpv6Only::Default),
        },
    }
    Protocol -> Option<SocketProtocol> {
        name: "protocol",
        grammar: "one word",
        words: SocketProtocol::WORDS, meanings: SocketProtocol::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| match SocketProtocol::from_word(text) {
            Some(word) => Ok(Value::Word(word.as_str())),
            None => Err(ValueProblem::unknown_word("protocol", text, SocketProtocol::WORDS)),
        }),
        lend: { Value::Nothing => None, Value::Word(word) => SocketProtocol::from_word(word) },
    }
    Stamps -> Timestamping {
        name: "precision of time stamps",
        grammar: "one word",
        words: Timestamping::WORDS, meanings: Timestamping::MEANINGS,
        shape: Text, list: false,
        read: |items, expand| scalar(items, expand, |text| match Timestamping::from_text(text) {
            Some(word) => Ok(Value::Word(word.as_str())),
            None => Err(ValueProblem::unknown_word("precision", text, Timestamping::WORDS)),
        }),
        lend: {
            Value::Nothing => Timestamping::Off,
            Value::Word(word) => Timestamping::from_word(word).unwrap_or(Timestamping::Off),
        },
    }
    OptionalInteger -> Option<i32> {
        name: "whole number",
        grammar: "a number from -2147483648 to 2147483647",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| parse_integer(t).map(Value::Integer)),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
    TypeOfService -> Option<i32> {
        name: "whole number",
        grammar: "`low-delay`, `throughput`, `reliability`, `low-cost`, or a number from 0 to 255",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: TextOrNumber, list: false,
        read: |items, expand| scalar(items, expand, |t| parse_type_of_service(t).map(Value::Integer)),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
    Hops -> Option<i32> {
        name: "whole number",
        grammar: "a number from 1 to 255",
        words: NO_WORDS, meanings: NO_WORDS,
        shape: Number, list: false,
        read: |items, expand| scalar(items, expand, |t| {
            parse_between(t, "number of hops", 1..=255).map(Value::Integer)
        }),
        lend: { Value::Nothing => None, Value::Integer(number) => Some(*number) },
    }
}

fn read_addresses(
    kind: ListenKind,
    items: &[&str],
    expand: Expand<'_>,
) -> Result<Value, (usize, ValueProblem)> {
    list(items, expand, |item, expand, addresses| {
        addresses.push(ListenAddress::parse(kind, &expand(item)?)?);
        Ok(())
    })
    .map(Value::Addresses)
}
