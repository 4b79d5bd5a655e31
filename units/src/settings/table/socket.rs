//! `[socket]` (systemd.socket(5)).

use crate::name::UnitName;
use crate::value::{
    BindIpv6Only, ExecLine, ListenAddress, Mode, Size, SocketProtocol, Span, Timestamping,
};

settings! {
    after super::group::END;

    /// Addresses to listen on for streams.
    ///
    /// A bare port listens on all addresses, IPv6 and IPv4. Several are several sockets, passed to
    /// the service in the order written, whatever kinds they are of.
    ListenStream: Socket "listen-stream" = "ListenStream",
        pub listen_stream -> &[ListenAddress] as Streams, default "";

    /// Addresses to receive datagrams on.
    ///
    /// Written as in `listen-stream`. The service is started when one arrives.
    ListenDatagram: Socket "listen-datagram" = "ListenDatagram",
        pub listen_datagram -> &[ListenAddress] as Datagrams, default "";

    /// Addresses to listen on for sequential packets.
    ///
    /// Messages with their boundaries kept, over a connection. Over the internet only SCTP has such.
    ListenSequentialPacket: Socket "listen-sequential-packet" = "ListenSequentialPacket",
        pub listen_sequential_packet -> &[ListenAddress] as Packets, default "";

    /// Named pipes to read from.
    ///
    /// Made when missing, with `socket-mode`; the service is started when somebody writes.
    ListenFifo: Socket "listen-fifo" = "ListenFIFO",
        pub listen_fifo -> &[ListenAddress] as Fifos, default "";

    /// Files to wait on that there are already.
    ///
    /// Character devices, and files of /proc and /sys that can be polled. They are opened for reading,
    /// with `writable` for writing too.
    ListenSpecial: Socket "listen-special" = "ListenSpecial",
        pub listen_special -> &[ListenAddress] as SpecialFiles, default "";

    /// Messages of the kernel to hear.
    ///
    /// A family of netlink(7), and its groups as a number with one bit for each.
    ListenNetlink: Socket "listen-netlink" = "ListenNetlink",
        pub listen_netlink -> &[ListenAddress] as NetlinkGroups, default "";

    /// POSIX message queues to receive from.
    ///
    /// Made when missing, with `socket-mode`. A queue that somebody else has made is not taken.
    ListenMessageQueue: Socket "listen-message-queue" = "ListenMessageQueue",
        pub listen_message_queue -> &[ListenAddress] as MessageQueues, default "";

    /// The protocol, where it is not the usual one.
    ///
    /// Only of internet sockets. The default is TCP for streams and UDP for datagrams.
    SocketProtocol: Socket "socket-protocol" = "SocketProtocol",
        pub socket_protocol -> Option<SocketProtocol> as Protocol, default "";

    /// Whether IPv6 sockets take IPv4 as well.
    ///
    /// Where they do not, IPv4 needs an address of its own.
    BindIpv6Only: Socket "bind-ipv6-only" = "BindIPv6Only",
        pub bind_ipv6_only -> BindIpv6Only as Ipv6Only, default "default";

    /// The network interface that internet sockets are bound to.
    ///
    /// Only what comes in there is received (`SO_BINDTODEVICE`, socket(7)). An interface that is not
    /// there makes the start fail.
    BindToDevice: Socket "bind-to-device" = "BindToDevice",
        pub bind_to_device -> &str as Text, default "";

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

    /// Symbolic links to make to the socket or pipe in the file system.
    ///
    /// There must be exactly one such node. A name that something else has is left to it, which is a
    /// warning.
    Symlinks: Socket "symlinks" = "Symlinks",
        pub symlinks -> &[Box<str>] as Paths, default "";

    /// Whether special files are opened for writing as well.
    ///
    /// Of the other kinds nothing changes.
    Writable: Socket "writable" = "Writable",
        pub writable -> bool as Flag, default "false";

    /// How many connections may be served at once with `accept = true`.
    ///
    /// One more is accepted and closed at once, and counted as refused.
    MaxConnections: Socket "max-connections" = "MaxConnections",
        pub max_connections -> u32 as Count, default "64";

    /// Whether the kernel finds out if the other end of a connection is still there.
    ///
    /// By asking when nothing has come for a long time (`SO_KEEPALIVE`, socket(7)). This option and
    /// those below are set on the listening sockets, and what is accepted has them too; an option
    /// that the kernel refuses is a warning.
    KeepAlive: Socket "keep-alive" = "KeepAlive",
        pub keep_alive -> bool as Flag, default "false";

    /// How long nothing comes before it asks.
    ///
    /// In whole seconds (`TCP_KEEPIDLE`, tcp(7)). `0`: what the kernel is set to.
    KeepAliveTimeSec: Socket "keep-alive-time-sec" = "KeepAliveTimeSec",
        pub keep_alive_time_sec -> Span as Duration, default "0";

    /// How long it waits before it asks again.
    ///
    /// In whole seconds (`TCP_KEEPINTVL`, tcp(7)). `0`: what the kernel is set to.
    KeepAliveIntervalSec: Socket "keep-alive-interval-sec" = "KeepAliveIntervalSec",
        pub keep_alive_interval_sec -> Span as Duration, default "0";

    /// How often it asks without an answer before the connection is closed.
    ///
    /// `TCP_KEEPCNT` of tcp(7). `0`: what the kernel is set to.
    KeepAliveProbes: Socket "keep-alive-probes" = "KeepAliveProbes",
        pub keep_alive_probes -> u32 as Count, default "0";

    /// Whether small pieces are sent at once.
    ///
    /// Instead of being gathered (`TCP_NODELAY` of tcp(7), `SCTP_NODELAY` of sctp(7)).
    NoDelay: Socket "no-delay" = "NoDelay",
        pub no_delay -> bool as Flag, default "false";

    /// How long a connection may take to send something before it counts.
    ///
    /// In whole seconds: a connection that says nothing starts no service so long
    /// (`TCP_DEFER_ACCEPT`, tcp(7)). `0`: it counts at once.
    DeferAcceptSec: Socket "defer-accept-sec" = "DeferAcceptSec",
        pub defer_accept_sec -> Span as Duration, default "0";

    /// The priority of what is sent.
    ///
    /// Among what the network interface has to send (`SO_PRIORITY` of socket(7)).
    SocketPriority: Socket "priority" = "Priority",
        pub socket_priority -> Option<i32> as OptionalInteger, default "";

    /// How much may wait to be read.
    ///
    /// `SO_RCVBUF` of socket(7), beyond the system's limit where we may. `0`: what the kernel is set
    /// to.
    ReceiveBuffer: Socket "receive-buffer" = "ReceiveBuffer",
        pub receive_buffer -> Size as Bytes, default "0";

    /// How much may wait to be sent.
    ///
    /// `SO_SNDBUF` of socket(7), beyond the system's limit where we may. `0`: what the kernel is set
    /// to.
    SendBuffer: Socket "send-buffer" = "SendBuffer",
        pub send_buffer -> Size as Bytes, default "0";

    /// The type of service of what is sent over IPv4.
    ///
    /// For the routers on the way (`IP_TOS` of ip(7)).
    IpTos: Socket "ip-tos" = "IPTOS",
        pub ip_tos -> Option<i32> as TypeOfService, default "";

    /// How many routers what is sent may pass.
    ///
    /// The time to live of IPv4 and the hop limit of IPv6.
    IpTtl: Socket "ip-ttl" = "IPTTL",
        pub ip_ttl -> Option<i32> as Hops, default "";

    /// The mark of what is sent, for the rules of packet filters.
    ///
    /// `SO_MARK` of socket(7).
    Mark: Socket "mark" = "Mark",
        pub mark -> Option<i32> as OptionalInteger, default "";

    /// Whether others may listen on the same port too.
    ///
    /// The kernel then shares out what comes in (`SO_REUSEPORT`, socket(7)).
    ReusePort: Socket "reuse-port" = "ReusePort",
        pub reuse_port -> bool as Flag, default "false";

    /// How much a pipe holds.
    ///
    /// `F_SETPIPE_SZ` of fcntl(2). `0`: what the kernel is set to.
    PipeSize: Socket "pipe-size" = "PipeSize",
        pub pipe_size -> Size as Bytes, default "0";

    /// How many messages a queue holds.
    ///
    /// Of a queue that is made, and only together with `message-queue-message-size`. `0`: what the
    /// kernel is set to.
    MessageQueueMaxMessages: Socket "message-queue-max-messages" = "MessageQueueMaxMessages",
        pub message_queue_max_messages -> u32 as Count, default "0";

    /// How long a message of a queue may be, in bytes.
    ///
    /// Of a queue that is made, and only together with `message-queue-max-messages`. `0`: what the
    /// kernel is set to.
    MessageQueueMessageSize: Socket "message-queue-message-size" = "MessageQueueMessageSize",
        pub message_queue_message_size -> u32 as Count, default "0";

    /// Whether addresses can be listened on that this machine does not have.
    ///
    /// Such that it has yet to get, for one (`IP_FREEBIND`, ip(7)).
    FreeBind: Socket "free-bind" = "FreeBind",
        pub free_bind -> bool as Flag, default "false";

    /// Whether it listens in place of others.
    ///
    /// For proxies that nobody is to notice (`IP_TRANSPARENT`, ip(7)).
    Transparent: Socket "transparent" = "Transparent",
        pub transparent -> bool as Flag, default "false";

    /// Whether datagrams can be sent to everybody in the network.
    ///
    /// Without it such an address is refused (`SO_BROADCAST` of socket(7)).
    Broadcast: Socket "broadcast" = "Broadcast",
        pub broadcast -> bool as Flag, default "false";

    /// Whether it is told with each message which process has sent it.
    ///
    /// On Unix and netlink sockets (`SO_PASSCRED`, unix(7)).
    PassCredentials: Socket "pass-credentials" = "PassCredentials",
        pub pass_credentials -> bool as Flag, default "false";

    /// Whether it is given a descriptor of the process that has sent a message.
    ///
    /// On Unix sockets (`SO_PASSPIDFD`, unix(7)).
    PassPidfd: Socket "pass-pidfd" = "PassPIDFD",
        pub pass_pidfd -> bool as Flag, default "false";

    /// Whether it is told the security label of the sender.
    ///
    /// On Unix sockets (`SO_PASSSEC`, unix(7)).
    PassSecurity: Socket "pass-security" = "PassSecurity",
        pub pass_security -> bool as Flag, default "false";

    /// Whether it is told at which address a datagram has come in.
    ///
    /// And by which interface (`IP_PKTINFO` of ip(7), and its like for IPv6 and netlink).
    PassPacketInfo: Socket "pass-packet-info" = "PassPacketInfo",
        pub pass_packet_info -> bool as Flag, default "false";

    /// Whether descriptors can be sent to it.
    ///
    /// On Unix sockets. `false` needs a kernel that can refuse them (`SO_PASSRIGHTS`, Linux 6.16).
    AcceptFileDescriptors: Socket "accept-file-descriptors" = "AcceptFileDescriptors",
        pub accept_file_descriptors -> bool as Flag, default "true";

    /// Whether it is told when each message has come in.
    ///
    /// Written with the messages (`SO_TIMESTAMP`, socket(7)).
    Timestamping: Socket "timestamping" = "Timestamping",
        pub timestamping -> Timestamping as Stamps, default "off";

    /// How TCP finds out how much the way can take.
    ///
    /// One of the algorithms the kernel has (`TCP_CONGESTION`, tcp(7)), such as `bbr`.
    TcpCongestion: Socket "tcp-congestion" = "TCPCongestion",
        pub tcp_congestion -> &str as Text, default "";

    /// What the service sees as the name of the descriptors.
    ///
    /// It is in `LISTEN_FDNAMES`. The default is the name of the sub-table (`[socket.http]` is
    /// `http`), else the name of the socket unit.
    FileDescriptorName: Socket "file-descriptor-name" = "FileDescriptorName",
        pub(crate) written_file_descriptor_name -> Option<&str> as DescriptorName, default "";

    /// How many of them may come from one source.
    ///
    /// From one internet address, one user of this machine, or one virtual machine. `0`: no limit but
    /// `max-connections`.
    MaxConnectionsPerSource: Socket "max-connections-per-source" = "MaxConnectionsPerSource",
        pub max_connections_per_source -> u32 as Count, default "0";

    /// Whether connections and data that wait when the service has ended are thrown away.
    ///
    /// Instead of starting it again. Also what has come before the socket listens. Not with
    /// `accept = true`.
    FlushPending: Socket "flush-pending" = "FlushPending",
        pub flush_pending -> bool as Flag, default "false";

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

    /// The time over which it is counted how often something was there to be read.
    ///
    /// More than `poll-limit-burst` times within this time, and nobody looks again before it is over:
    /// the unit goes on, only slower. `0` turns the limit off.
    PollLimitIntervalSec: Socket "poll-limit-interval-sec" = "PollLimitIntervalSec",
        pub poll_limit_interval_sec -> Span as Duration, default "2s";

    /// How often something may be there to be read within `poll-limit-interval-sec`.
    ///
    /// The default is 150 with `accept = true`, else 15. `0` turns the limit off.
    PollLimitBurst: Socket "poll-limit-burst" = "PollLimitBurst",
        pub(crate) written_poll_limit_burst -> Option<u32> as OptionalCount, default "";

    /// Commands to run before the sockets are closed.
    ///
    /// One after the other. Those before they are made are `exec-start-pre`, those when they listen
    /// `exec-start-post`, those when they are closed `exec-stop-post`.
    ExecStopPre: Socket "exec-stop-pre" = "ExecStopPre",
        pub exec_stop_pre -> &[ExecLine] as Commands, default "";

    /// How long each command may take.
    ///
    /// One that takes longer is ended, and the unit fails. `infinity` or `0` is no limit.
    TimeoutSec: Socket "timeout-sec" = "TimeoutSec",
        pub(crate) written_timeout_sec -> Span as Duration, default "90s";

    /// Whether its commands are given the sockets.
    ///
    /// As a service gets them (`LISTEN_FDS`). Not those of `exec-start-pre`, when there are none yet.
    PassFileDescriptorsToExec: Socket "pass-file-descriptors-to-exec" = "PassFileDescriptorsToExec",
        pub pass_file_descriptors_to_exec -> bool as Flag, default "false";

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
