//! Options of sockets (socket(7), ip(7), tcp(7), unix(7)), by the numbers the kernel has for them.

use std::ffi::{CStr, c_int};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use units::Definition;
use units::value::{BindIpv6Only, ListenAddress, ListenKind, SocketProtocol, Timestamping};

use crate::reason::reason;

/// Since Linux 6.5; not in every C library.
const SO_PASSPIDFD: c_int = 76;
/// Since Linux 6.16.
const SO_PASSRIGHTS: c_int = 83;
const SOL_SCTP: c_int = 132;
const SCTP_NODELAY: c_int = 3;
const NETLINK_PKTINFO: c_int = 3;
const SOL_NETLINK: c_int = 270;

/// The options of a socket unit. `None`, 0 and the empty text: what the kernel does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The protocol of internet sockets.
    pub protocol: Option<SocketProtocol>,
    /// Whether IPv6 sockets take IPv4 too.
    pub ipv6_only: BindIpv6Only,
    /// The interface internet sockets are bound to.
    pub device: Box<str>,
    /// `SO_REUSEPORT`
    pub reuse_port: bool,
    /// `IP_FREEBIND`
    pub free_bind: bool,
    /// `IP_TRANSPARENT`
    pub transparent: bool,
    /// Those that are a number: each with the sockets it is for, the word people know it by, and its
    /// level, name and value.
    numbers: Vec<Number>,
    /// `SO_RCVBUF`, in bytes.
    receive_buffer: u64,
    /// `SO_SNDBUF`, in bytes.
    send_buffer: u64,
    /// `TCP_CONGESTION`
    congestion: Box<str>,
}

/// An option that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    of: Of,
    word: &'static str,
    level: c_int,
    name: c_int,
    value: c_int,
}

/// Which sockets an option is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Every,
    Inet,
    /// Those with an IPv4 address.
    Inet4,
    /// Those with an IPv6 address.
    Inet6,
    Streams,
    Unix,
    Netlink,
}

impl Of {
    fn has(self, kind: ListenKind, address: &ListenAddress) -> bool {
        match self {
            Of::Every => true,
            Of::Inet => address.is_inet(),
            Of::Inet4 => address.is_inet() && !is_ipv6(address),
            Of::Inet6 => is_ipv6(address),
            Of::Streams => address.is_inet() && kind == ListenKind::Stream,
            Of::Unix => matches!(address, ListenAddress::Path(_) | ListenAddress::Abstract(_)),
            Of::Netlink => matches!(address, ListenAddress::Netlink { .. }),
        }
    }
}

fn is_ipv6(address: &ListenAddress) -> bool {
    match address {
        ListenAddress::Inet(address) => address.is_ipv6(),
        other => other.is_inet(),
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            protocol: None,
            ipv6_only: BindIpv6Only::Both,
            device: Box::default(),
            reuse_port: false,
            free_bind: false,
            transparent: false,
            numbers: Vec::new(),
            receive_buffer: 0,
            send_buffer: 0,
            congestion: Box::default(),
        }
    }
}

impl Options {
    /// What a definition asks for.
    pub(super) fn of(unit: &Definition) -> Options {
        let mut numbers = Vec::new();
        let mut add = |of, word, level, name, value: Option<c_int>| {
            numbers.extend(value.map(|value| Number {
                of,
                word,
                level,
                name,
                value,
            }));
        };
        let on = |flag: bool| flag.then_some(1);
        let seconds = |span: units::value::Span| {
            let seconds = span.as_micros() / 1_000_000;
            Some(c_int::try_from(seconds).unwrap_or(c_int::MAX)).filter(|_| !span.is_zero())
        };
        let (tcp, socket) = (libc::IPPROTO_TCP, libc::SOL_SOCKET);
        let count = |count: u32| c_int::try_from(count).ok().filter(|count| *count > 0);
        let (no_delay_level, no_delay) = match unit.socket_protocol() {
            Some(SocketProtocol::Sctp) => (SOL_SCTP, SCTP_NODELAY),
            _ => (tcp, libc::TCP_NODELAY),
        };
        let stamp = match unit.timestamping() {
            Timestamping::Off => None,
            Timestamping::Us => Some(libc::SO_TIMESTAMP),
            Timestamping::Ns => Some(libc::SO_TIMESTAMPNS),
        };
        add(
            Of::Every,
            "keep-alive",
            socket,
            libc::SO_KEEPALIVE,
            on(unit.keep_alive()),
        );
        add(
            Of::Streams,
            "keep-alive-time-sec",
            tcp,
            libc::TCP_KEEPIDLE,
            seconds(unit.keep_alive_time_sec()),
        );
        add(
            Of::Streams,
            "keep-alive-interval-sec",
            tcp,
            libc::TCP_KEEPINTVL,
            seconds(unit.keep_alive_interval_sec()),
        );
        add(
            Of::Streams,
            "keep-alive-probes",
            tcp,
            libc::TCP_KEEPCNT,
            count(unit.keep_alive_probes()),
        );
        add(
            Of::Streams,
            "defer-accept-sec",
            tcp,
            libc::TCP_DEFER_ACCEPT,
            seconds(unit.defer_accept_sec()),
        );
        add(
            Of::Inet,
            "no-delay",
            no_delay_level,
            no_delay,
            on(unit.no_delay()),
        );
        add(
            Of::Every,
            "broadcast",
            socket,
            libc::SO_BROADCAST,
            on(unit.broadcast()),
        );
        add(
            Of::Every,
            "pass-credentials",
            socket,
            libc::SO_PASSCRED,
            on(unit.pass_credentials()),
        );
        add(
            Of::Every,
            "pass-pidfd",
            socket,
            SO_PASSPIDFD,
            on(unit.pass_pidfd()),
        );
        add(
            Of::Every,
            "pass-security",
            socket,
            libc::SO_PASSSEC,
            on(unit.pass_security()),
        );
        add(
            Of::Inet4,
            "pass-packet-info",
            libc::IPPROTO_IP,
            libc::IP_PKTINFO,
            on(unit.pass_packet_info()),
        );
        add(
            Of::Inet6,
            "pass-packet-info",
            libc::IPPROTO_IPV6,
            libc::IPV6_RECVPKTINFO,
            on(unit.pass_packet_info()),
        );
        add(
            Of::Netlink,
            "pass-packet-info",
            SOL_NETLINK,
            NETLINK_PKTINFO,
            on(unit.pass_packet_info()),
        );
        let no_rights = (!unit.accept_file_descriptors()).then_some(0);
        add(
            Of::Unix,
            "accept-file-descriptors",
            socket,
            SO_PASSRIGHTS,
            no_rights,
        );
        if let Some(stamp) = stamp {
            add(Of::Every, "timestamping", socket, stamp, Some(1));
        }
        add(
            Of::Every,
            "priority",
            socket,
            libc::SO_PRIORITY,
            unit.socket_priority(),
        );
        add(Of::Every, "mark", socket, libc::SO_MARK, unit.mark());
        add(
            Of::Inet,
            "ip-tos",
            libc::IPPROTO_IP,
            libc::IP_TOS,
            unit.ip_tos(),
        );
        add(
            Of::Inet4,
            "ip-ttl",
            libc::IPPROTO_IP,
            libc::IP_TTL,
            unit.ip_ttl(),
        );
        add(
            Of::Inet6,
            "ip-ttl",
            libc::IPPROTO_IPV6,
            libc::IPV6_UNICAST_HOPS,
            unit.ip_ttl(),
        );
        Options {
            protocol: unit.socket_protocol(),
            ipv6_only: unit.bind_ipv6_only(),
            device: unit.bind_to_device().into(),
            reuse_port: unit.reuse_port(),
            free_bind: unit.free_bind(),
            transparent: unit.transparent(),
            numbers,
            receive_buffer: unit.receive_buffer().as_bytes(),
            send_buffer: unit.send_buffer().as_bytes(),
            congestion: unit.tcp_congestion().into(),
        }
    }

    /// The protocol of an internet socket of this kind; 0 for the usual one, as where the one that is
    /// asked for is of other kinds.
    pub(super) fn protocol_of(&self, kind: ListenKind) -> u32 {
        let fits = |protocol: &SocketProtocol| match protocol {
            SocketProtocol::UdpLite => kind == ListenKind::Datagram,
            SocketProtocol::Sctp | SocketProtocol::Mptcp => kind.has_connections(),
        };
        let protocol = self.protocol.filter(fits);
        protocol.map_or(0, |protocol| {
            u32::try_from(protocol.number()).unwrap_or_default()
        })
    }

    /// Sets what has to be set before a socket is bound. What the kernel refuses is a warning in
    /// `troubles`, unless the socket would then listen to more than it was to.
    ///
    /// # Errors
    /// When the socket cannot be kept to its interface, or to IPv6.
    pub(super) fn before_bind(
        &self,
        socket: BorrowedFd<'_>,
        address: &ListenAddress,
        troubles: &mut Vec<String>,
    ) -> io::Result<()> {
        if !address.is_inet() {
            return Ok(());
        }
        let only = match self.ipv6_only {
            BindIpv6Only::Default => None,
            BindIpv6Only::Both => Some(0),
            BindIpv6Only::Ipv6Only => Some(1),
        };
        if let Some(only) = only.filter(|_| is_ipv6(address)) {
            set(socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, only)?;
        }
        if !self.device.is_empty() {
            set_text(
                socket,
                libc::SOL_SOCKET,
                libc::SO_BINDTODEVICE,
                &self.device,
            )?;
        }
        let v6 = is_ipv6(address);
        let both = |v4: c_int, v6_name: c_int| match v6 {
            true => (libc::IPPROTO_IPV6, v6_name),
            false => (libc::IPPROTO_IP, v4),
        };
        let port = (libc::SOL_SOCKET, libc::SO_REUSEPORT);
        for (word, wanted, (level, name)) in [
            ("reuse-port", self.reuse_port, port),
            (
                "free-bind",
                self.free_bind,
                both(libc::IP_FREEBIND, libc::IPV6_FREEBIND),
            ),
            (
                "transparent",
                self.transparent,
                both(libc::IP_TRANSPARENT, libc::IPV6_TRANSPARENT),
            ),
        ] {
            if wanted && let Err(error) = set(socket, level, name, 1) {
                troubles.push(trouble(word, address, &error));
            }
        }
        Ok(())
    }

    /// Sets the rest. What the kernel refuses is a warning in `troubles`.
    pub(super) fn set_on(
        &self,
        socket: BorrowedFd<'_>,
        kind: ListenKind,
        address: &ListenAddress,
        troubles: &mut Vec<String>,
    ) {
        let numbers = self.numbers.iter();
        for number in numbers.filter(|number| number.of.has(kind, address)) {
            if let Err(error) = set(socket, number.level, number.name, number.value) {
                troubles.push(trouble(number.word, address, &error));
            }
        }
        for (word, bytes, force, name) in [
            (
                "receive-buffer",
                self.receive_buffer,
                libc::SO_RCVBUFFORCE,
                libc::SO_RCVBUF,
            ),
            (
                "send-buffer",
                self.send_buffer,
                libc::SO_SNDBUFFORCE,
                libc::SO_SNDBUF,
            ),
        ] {
            // The kernel doubles it, for what it needs itself.
            let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX / 2);
            if bytes > 0
                && set(socket, libc::SOL_SOCKET, force, bytes).is_err()
                && let Err(error) = set(socket, libc::SOL_SOCKET, name, bytes)
            {
                troubles.push(trouble(word, address, &error));
            }
        }
        if !self.congestion.is_empty()
            && Of::Streams.has(kind, address)
            && let Err(error) = set_text(
                socket,
                libc::IPPROTO_TCP,
                libc::TCP_CONGESTION,
                &self.congestion,
            )
        {
            troubles.push(trouble("tcp-congestion", address, &error));
        }
    }
}

fn trouble(word: &str, address: &ListenAddress, error: &io::Error) -> String {
    format!("cannot set `{word}` for {address}: {}", reason(error))
}

fn set(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    set_bytes(socket, level, name, &value.to_ne_bytes())
}

fn set_text(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: &str) -> io::Result<()> {
    let mut bytes = value.as_bytes().to_vec();
    bytes.push(0);
    // A NUL within it would name something else.
    CStr::from_bytes_with_nul(&bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    set_bytes(socket, level, name, &bytes)
}

fn set_bytes(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: &[u8]) -> io::Result<()> {
    let length = libc::socklen_t::try_from(value.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    #[expect(unsafe_code, reason = "no library has all of these options")]
    // SAFETY: setsockopt(2) reads `length` bytes of `value`, which are there, and keeps nothing.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
