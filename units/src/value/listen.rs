//! Addresses a socket unit listens on (systemd.socket(5)).

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{ValueProblem, absolute_path};

super::words! {
    /// What sort of thing is listened on.
    pub enum ListenKind {
        /// a byte stream with connections (SOCK_STREAM)
        Stream = "Stream",
        /// single messages without connections (SOCK_DGRAM)
        Datagram = "Datagram",
        /// messages over a connection (SOCK_SEQPACKET)
        SequentialPacket = "SequentialPacket",
        /// a named pipe
        Fifo = "FIFO",
        /// a file that there is already: a character device, or one of /proc and /sys
        Special = "Special",
        /// messages of the kernel (netlink(7))
        Netlink = "Netlink",
        /// a POSIX message queue (mq_overview(7))
        MessageQueue = "MessageQueue",
    }
}

impl ListenKind {
    /// Whether it is a socket: something that the options of sockets are for.
    pub const fn is_socket(self) -> bool {
        matches!(
            self,
            ListenKind::Stream
                | ListenKind::Datagram
                | ListenKind::SequentialPacket
                | ListenKind::Netlink
        )
    }

    /// Whether there are connections to accept.
    pub const fn has_connections(self) -> bool {
        matches!(self, ListenKind::Stream | ListenKind::SequentialPacket)
    }
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListenAddress {
    /// A node in the file system, by absolute path; of a message queue its name.
    Path(Box<str>),
    /// A name in the kernel's abstract namespace, without the `@`.
    Abstract(Box<str>),
    /// An internet address. A bare port is `[::]:PORT`, which takes IPv4 connections as well, and
    /// where the host has no IPv6 stands for all of IPv4.
    Inet(SocketAddr),
    /// An IPv6 address of one network interface, by the interface's name.
    InetOn(SocketAddrV6, Box<str>),
    /// A port of the channel between a virtual machine and its host (vsock(7)).
    Vsock {
        /// Which of the machine's addresses; [`ListenAddress::ANY_CID`] for all.
        cid: u32,
        /// The port.
        port: u32,
    },
    /// Messages of the kernel.
    Netlink {
        /// The family, by its number.
        family: u16,
        /// The groups to hear, as a set of bits; 0 for none.
        groups: u32,
    },
}

/// The longest path or abstract name a socket address holds (unix(7)), in bytes.
const LONGEST_UNIX_NAME: usize = 107;
/// The longest name of a message queue (mq_overview(7)), with its slash.
const LONGEST_QUEUE_NAME: usize = 255;

/// systemd's words for the families of netlink(7), and their numbers.
const NETLINK_FAMILIES: &[(u16, &str)] = &[
    (0, "route"),
    (3, "firewall"),
    (4, "inet-diag"),
    (5, "nflog"),
    (6, "xfrm"),
    (7, "selinux"),
    (8, "iscsi"),
    (9, "audit"),
    (10, "fib-lookup"),
    (11, "connector"),
    (12, "netfilter"),
    (13, "ip6-fw"),
    (14, "dnrtmsg"),
    (15, "kobject-uevent"),
    (16, "generic"),
    (18, "scsitransport"),
    (19, "ecryptfs"),
    (20, "rdma"),
];

impl ListenAddress {
    /// All addresses of the machine (`VMADDR_CID_ANY`).
    pub const ANY_CID: u32 = u32::MAX;

    /// Reads what can be listened on as `kind`: for sockets `/path`, `@name`, `PORT`,
    /// `A.B.C.D:PORT`, `[v6]:PORT`, `[v6]:PORT%INTERFACE` and `vsock:CID:PORT`, sequential packets
    /// needing a Unix or vsock address; for pipes and special files a path, for a message queue its
    /// `/name`, for netlink `FAMILY` or `FAMILY GROUPS`.
    ///
    /// # Errors
    /// When it is none of these, or too long.
    pub fn parse(kind: ListenKind, text: &str) -> Result<ListenAddress, ValueProblem> {
        let text = text.trim();
        match kind {
            ListenKind::Stream | ListenKind::Datagram | ListenKind::SequentialPacket => {
                parse_socket(kind, text)
            }
            ListenKind::Fifo | ListenKind::Special => {
                Ok(ListenAddress::Path(absolute_path(text)?.into()))
            }
            ListenKind::Netlink => parse_netlink(text),
            ListenKind::MessageQueue => {
                let name = text.strip_prefix('/').unwrap_or_default();
                if name.is_empty() || name.contains(['/', '\0']) || text.len() > LONGEST_QUEUE_NAME
                {
                    return Err(ValueProblem::new(format!("{text:?} is no message queue"))
                        .with_hint("write `/name`, without another slash"));
                }
                Ok(ListenAddress::Path(text.into()))
            }
        }
    }

    /// The path, where it is one.
    pub fn as_path(&self) -> Option<&str> {
        match self {
            ListenAddress::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Whether it is an address of the internet: what options of IP and TCP are for.
    pub fn is_inet(&self) -> bool {
        matches!(self, ListenAddress::Inet(_) | ListenAddress::InetOn(..))
    }
}

fn parse_socket(kind: ListenKind, text: &str) -> Result<ListenAddress, ValueProblem> {
    let unix_name = |name: &str| match name.len() {
        0 => Err(ValueProblem::new(format!(
            "{text:?} names nothing to listen on"
        ))),
        n if n > LONGEST_UNIX_NAME => Err(ValueProblem::new(format!(
            "a socket's path or name has at most {LONGEST_UNIX_NAME} bytes, {text:?} has {n}"
        ))),
        _ => Ok(()),
    };
    if text.starts_with('/') {
        unix_name(text)?;
        return Ok(ListenAddress::Path(absolute_path(text)?.into()));
    }
    if let Some(name) = text.strip_prefix('@') {
        unix_name(name)?;
        if name.contains('\0') {
            return Err(ValueProblem::new(format!(
                "{text:?} contains a NUL character"
            )));
        }
        return Ok(ListenAddress::Abstract(name.into()));
    }
    if text.starts_with("vsock") {
        return parse_vsock(kind, text);
    }
    let address = parse_inet(text)?;
    let port = match &address {
        ListenAddress::Inet(address) => address.port(),
        ListenAddress::InetOn(address, _) => address.port(),
        _ => 0,
    };
    if port == 0 {
        return Err(ValueProblem::new(format!(
            "{text:?} has no port, which is 1 to 65535"
        )));
    }
    Ok(address)
}

fn parse_vsock(kind: ListenKind, text: &str) -> Result<ListenAddress, ValueProblem> {
    let problem = || {
        ValueProblem::new(format!("{text:?} is no vsock address"))
            .with_hint("write `vsock:CID:PORT`, or `vsock::PORT` for every address of the machine")
    };
    let (scheme, rest) = text.split_once(':').ok_or_else(problem)?;
    let said = match scheme {
        "vsock" => kind,
        "vsock-stream" => ListenKind::Stream,
        "vsock-dgram" => ListenKind::Datagram,
        "vsock-seqpacket" => ListenKind::SequentialPacket,
        _ => return Err(problem()),
    };
    if said != kind {
        return Err(ValueProblem::new(format!(
            "{text:?} says another type than the setting it stands in"
        ))
        .with_hint("write `vsock:` before it"));
    }
    let (cid, port) = rest.split_once(':').ok_or_else(problem)?;
    let number = |text: &str| -> Result<u32, ValueProblem> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        Some(text)
            .filter(|_| digits)
            .and_then(|text| text.parse().ok())
            .ok_or_else(problem)
    };
    Ok(ListenAddress::Vsock {
        cid: match cid {
            "" => ListenAddress::ANY_CID,
            cid => number(cid)?,
        },
        port: number(port)?,
    })
}

fn parse_netlink(text: &str) -> Result<ListenAddress, ValueProblem> {
    let mut words = text.split_ascii_whitespace();
    let (word, groups) = (words.next().unwrap_or_default(), words.next());
    let named = NETLINK_FAMILIES.iter().find(|(_, name)| *name == word);
    let family = match named {
        Some((number, _)) => *number,
        None => word.parse().ok().filter(|n| *n < 32).ok_or_else(|| {
            ValueProblem::new(format!("{word:?} is no netlink family"))
                .with_hint("such as `route`, `kobject-uevent` or `audit`, or its number")
        })?,
    };
    let groups = groups.map_or(Ok(0), |text| {
        text.parse().map_err(|_| {
            ValueProblem::new(format!("{text:?} is no set of netlink groups"))
                .with_hint("write it as a number, one bit for each group")
        })
    })?;
    match words.next() {
        Some(more) => Err(ValueProblem::new(format!(
            "{more:?} stands after the family and the groups"
        ))),
        None => Ok(ListenAddress::Netlink { family, groups }),
    }
}

fn parse_inet(text: &str) -> Result<ListenAddress, ValueProblem> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let port = text
            .parse()
            .map_err(|_| ValueProblem::new(format!("{text:?} is no port, which is 1 to 65535")))?;
        return Ok(ListenAddress::Inet(SocketAddr::from((
            Ipv6Addr::UNSPECIFIED,
            port,
        ))));
    }
    if let Ok(v4) = text.parse::<SocketAddrV4>() {
        return Ok(ListenAddress::Inet(SocketAddr::V4(v4)));
    }
    if let Ok(v6) = text.parse() {
        return Ok(ListenAddress::Inet(SocketAddr::V6(v6)));
    }
    if let Some((address, interface)) = text.rsplit_once('%')
        && let Ok(mut address) = address.parse::<SocketAddrV6>()
        && is_interface(interface)
    {
        if let Ok(scope) = interface.parse() {
            address.set_scope_id(scope);
            return Ok(ListenAddress::Inet(SocketAddr::V6(address)));
        }
        return Ok(ListenAddress::InetOn(address, interface.into()));
    }
    let problem = ValueProblem::new(format!("{text:?} is no address to listen on"));
    Err(match text.rsplit_once(':') {
        Some(("localhost", port)) => {
            problem.with_hint(format!("names are not looked up: write `127.0.0.1:{port}`"))
        }
        Some(("*" | "", port)) => problem.with_hint(format!("write `{port}` to take any address")),
        _ => problem.with_hint(
            "write a port, `A.B.C.D:PORT`, `[v6]:PORT`, `/path`, `@name` or `vsock:CID:PORT`",
        ),
    })
}

/// Whether the kernel could have an interface of this name.
fn is_interface(name: &str) -> bool {
    let fits = (1..16).contains(&name.len());
    fits && name
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':' | b'%'))
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Path(path) => f.write_str(path),
            ListenAddress::Abstract(name) => write!(f, "@{name}"),
            ListenAddress::Inet(address) => write!(f, "{address}"),
            ListenAddress::InetOn(address, interface) => write!(f, "{address}%{interface}"),
            ListenAddress::Vsock { cid, port } if *cid == ListenAddress::ANY_CID => {
                write!(f, "vsock::{port}")
            }
            ListenAddress::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
            ListenAddress::Netlink { family, groups } => {
                let named = NETLINK_FAMILIES.iter().find(|(number, _)| number == family);
                match named {
                    Some((_, name)) => write!(f, "{name} {groups}"),
                    None => write!(f, "{family} {groups}"),
                }
            }
        }
    }
}

impl serde::Serialize for ListenAddress {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for ListenAddress {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        // A path too long for a socket can only have been a FIFO's.
        ListenAddress::parse(ListenKind::Stream, &text)
            .or_else(|_| ListenAddress::parse(ListenKind::Fifo, &text))
            .or_else(|_| ListenAddress::parse(ListenKind::Netlink, &text))
            .map_err(serde::de::Error::custom)
    }
}

super::words! {
    /// Whether an IPv6 socket takes IPv4 as well (systemd.socket(5), `BindIPv6Only=`).
    pub enum BindIpv6Only {
        /// as the kernel is set (`net.ipv6.bindv6only`): mostly as `both`
        Default = "default",
        /// it does
        Both = "both",
        /// it does not
        Ipv6Only = "ipv6-only",
    }
}

super::words! {
    /// A protocol that is not the usual one of its type of socket (`SocketProtocol=`).
    pub enum SocketProtocol {
        /// datagrams whose checksum may cover a part only
        UdpLite = "udplite",
        /// messages over connections of several paths
        Sctp = "sctp",
        /// TCP over several paths
        Mptcp = "mptcp",
    }
}

impl SocketProtocol {
    /// The number the kernel has for it.
    pub const fn number(self) -> i32 {
        match self {
            SocketProtocol::UdpLite => 136,
            SocketProtocol::Sctp => 132,
            SocketProtocol::Mptcp => 262,
        }
    }
}

super::words! {
    /// With what precision messages are stamped as they come in (`Timestamping=`).
    pub enum Timestamping {
        /// not at all
        Off = "off",
        /// microseconds (SO_TIMESTAMP)
        Us = "us",
        /// nanoseconds (SO_TIMESTAMPNS)
        Ns = "ns",
    }
}

impl Timestamping {
    /// The word, or another way to write it.
    pub(crate) fn from_text(text: &str) -> Option<Timestamping> {
        match text {
            "usec" | "\u{b5}s" | "\u{3bc}s" => Some(Timestamping::Us),
            "nsec" => Some(Timestamping::Ns),
            word => Timestamping::from_word(word),
        }
    }
}

/// Words for the types of service of ip(7), and their numbers.
const TYPES_OF_SERVICE: &[(&str, i32)] = &[
    ("low-delay", 0x10),
    ("throughput", 0x08),
    ("reliability", 0x04),
    ("low-cost", 0x02),
];

/// Reads a type of service: one of four words, or a number from 0 to 255.
///
/// # Errors
/// When it is neither.
pub(crate) fn parse_type_of_service(text: &str) -> Result<i32, ValueProblem> {
    let text = text.trim();
    match TYPES_OF_SERVICE.iter().find(|(word, _)| *word == text) {
        Some((_, number)) => Ok(*number),
        None => super::parse_between(text, "type of service", 0..=255).map_err(|problem| {
            problem.with_hint(
                "write `low-delay`, `throughput`, `reliability`, `low-cost`, or a number up to 255",
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_as_systemd_shows_them() {
        for (text, shown) in [
            ("80", "[::]:80"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
            ("/run/x", "/run/x"),
            ("@x", "@x"),
            ("vsock:2:1234", "vsock:2:1234"),
            ("vsock::1234", "vsock::1234"),
            ("vsock-stream:2:1234", "vsock:2:1234"),
            ("[fe80::1]:80%eth0", "[fe80::1]:80%eth0"),
        ] {
            let address = ListenAddress::parse(ListenKind::Stream, text).unwrap();
            assert_eq!(address.to_string(), shown);
        }
        let long = format!("/{}", "a".repeat(107));
        for bad in [
            "",
            "0",
            "65536",
            "x",
            "localhost:80",
            "::1:80",
            "@",
            "a/b",
            "1.2.3:4",
            "vsock:1",
            "vsock:x:1",
            "vsock-dgram:2:1",
            "[fe80::1]:80%",
            "[fe80::1]:80%a/b",
            "[fe80::1]:0%eth0",
            &long,
        ] {
            assert!(
                ListenAddress::parse(ListenKind::Stream, bad).is_err(),
                "{bad}"
            );
        }
        assert!(ListenAddress::parse(ListenKind::Fifo, &long).is_ok());
        assert!(ListenAddress::parse(ListenKind::Fifo, "80").is_err());
        // SCTP has such over IP.
        assert!(ListenAddress::parse(ListenKind::SequentialPacket, "80").is_ok());
        for (kind, text, shown) in [
            (ListenKind::Netlink, "kobject-uevent 1", "kobject-uevent 1"),
            (ListenKind::Netlink, "route", "route 0"),
            (ListenKind::Netlink, "17 4", "17 4"),
            (ListenKind::Netlink, "15 4", "kobject-uevent 4"),
            (ListenKind::MessageQueue, "/q", "/q"),
            (ListenKind::Special, "/dev/null", "/dev/null"),
        ] {
            let address = ListenAddress::parse(kind, text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(ListenAddress::parse(kind, shown), Ok(address));
        }
        for (kind, bad) in [
            (ListenKind::Netlink, ""),
            (ListenKind::Netlink, "rout"),
            (ListenKind::Netlink, "route x"),
            (ListenKind::Netlink, "route 1 2"),
            (ListenKind::Netlink, "32"),
            (ListenKind::MessageQueue, "q"),
            (ListenKind::MessageQueue, "/"),
            (ListenKind::MessageQueue, "/a/b"),
            (ListenKind::Special, "dev"),
        ] {
            assert!(ListenAddress::parse(kind, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_of_service_by_word_or_number() {
        assert_eq!(parse_type_of_service("low-delay"), Ok(16));
        assert_eq!(parse_type_of_service("46"), Ok(46));
        assert!(parse_type_of_service("256").is_err());
        assert!(parse_type_of_service("fast").is_err());
    }

    proptest! {
        #[test]
        fn print_then_parse(ip: std::net::IpAddr, port in 1..u16::MAX) {
            let address = ListenAddress::Inet((ip, port).into());
            prop_assert_eq!(ListenAddress::parse(ListenKind::Stream, &address.to_string()), Ok(address));
        }

        #[test]
        fn any_text(text in any::<String>()) {
            for kind in ListenKind::ALL {
                let _ = ListenAddress::parse(*kind, &text);
            }
        }
    }
}
