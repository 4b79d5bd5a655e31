//! `[socket]` (systemd.socket(5)).

use crate::name::UnitName;
use crate::value::{ListenAddress, Mode, Span};

settings! {
    after super::group::END;

    /// Addresses to listen on for streams.
    ///
    /// A bare port listens on all addresses, IPv6 and IPv4. Several are several sockets, passed to
    /// the service in the order written; those of `listen-stream` come first, then
    /// `listen-datagram`, `listen-sequential-packet` and `listen-fifo`.
    ListenStream: Socket "listen-stream" = "ListenStream",
        pub listen_stream -> &[ListenAddress] as Streams, default "";

    /// Addresses to receive datagrams on.
    ///
    /// Written as in `listen-stream`. The service is started when one arrives.
    ListenDatagram: Socket "listen-datagram" = "ListenDatagram",
        pub listen_datagram -> &[ListenAddress] as Datagrams, default "";

    /// Addresses to listen on for sequential packets.
    ///
    /// Only `/path` and `@abstract-name`: messages with their boundaries kept, over a connection.
    ListenSequentialPacket: Socket "listen-sequential-packet" = "ListenSequentialPacket",
        pub listen_sequential_packet -> &[ListenAddress] as Packets, default "";

    /// Named pipes to read from.
    ///
    /// Made when missing, with `socket-mode`; the service is started when somebody writes.
    ListenFifo: Socket "listen-fifo" = "ListenFIFO",
        pub listen_fifo -> &[ListenAddress] as Fifos, default "";

    /// Whether each connection gets a service of its own.
    ///
    /// We accept the connections, and each starts an instance of the template `NAME@.service`,
    /// which gets the connection and not the listening socket. Otherwise one service gets the
    /// listening sockets and accepts for itself.
    Accept: Socket "accept" = "Accept",
        pub accept -> bool as Flag, default "false";

    /// How many connections may wait to be accepted.
    ///
    /// The kernel caps it (`net.core.somaxconn`), so the default means as many as it allows.
    Backlog: Socket "backlog" = "Backlog",
        pub backlog -> u32 as Count, default "4294967295";

    /// Who owns sockets and pipes in the file system.
    ///
    /// By name or number; the default is the user runnerd runs as.
    SocketUser: Socket "socket-user" = "SocketUser",
        pub socket_user -> Option<&str> as Account, default "";

    /// The group of sockets and pipes in the file system.
    ///
    /// By name or number; the default is the primary group of `socket-user`.
    SocketGroup: Socket "socket-group" = "SocketGroup",
        pub socket_group -> Option<&str> as Account, default "";

    /// The access mode of sockets and pipes in the file system.
    ///
    /// Who may write may connect.
    SocketMode: Socket "socket-mode" = "SocketMode",
        pub socket_mode -> Mode as AccessMode, default "0666";

    /// How many connections may be served at once with `accept = true`.
    ///
    /// One more is accepted and closed at once, and counted as refused.
    MaxConnections: Socket "max-connections" = "MaxConnections",
        pub max_connections -> u32 as Count, default "64";

    /// What the service sees as the name of the descriptors.
    ///
    /// It is in `LISTEN_FDNAMES`. The default is the name of the sub-table (`[socket.http]` is
    /// `http`), else the name of the socket unit.
    FileDescriptorName: Socket "file-descriptor-name" = "FileDescriptorName",
        pub(crate) written_file_descriptor_name -> Option<&str> as DescriptorName, default "";

    /// Whether sockets and pipes in the file system go when the unit stops.
    ///
    /// A socket left behind refuses connections; a pipe left behind keeps what was written to it.
    RemoveOnStop: Socket "remove-on-stop" = "RemoveOnStop",
        pub remove_on_stop -> bool as Flag, default "false";

    /// The time over which activations are counted.
    ///
    /// More than `trigger-limit-burst` activations within this time and the unit fails, since its
    /// service evidently does not take what arrives. `0` turns the limit off.
    TriggerLimitIntervalSec: Socket | Path "trigger-limit-interval-sec" = "TriggerLimitIntervalSec",
        pub trigger_limit_interval_sec -> Span as Duration, default "2s";

    /// How many activations are allowed within `trigger-limit-interval-sec`.
    ///
    /// The default is 200 for paths and for sockets with `accept = true`, else 20. `0` turns the
    /// limit off.
    TriggerLimitBurst: Socket | Path "trigger-limit-burst" = "TriggerLimitBurst",
        pub(crate) written_trigger_limit_burst -> Option<u32> as OptionalCount, default "";

    /// The service to start.
    ///
    /// The default is the unnamed service of the same file, else the one with the socket's own
    /// name. Not with `accept = true`, which always starts `NAME@.service`.
    Service: Socket "service" = "Service",
        pub(crate) written_service -> Option<&UnitName> as Unit, default "";

    /// Whether a connection starts the service.
    ///
    /// Otherwise the socket only listens, for services that name it in `sockets`.
    Activates: Socket "activates" = ours,
        pub activates -> bool as Flag, default "true";
}
