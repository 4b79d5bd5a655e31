//! Who asks, as far as the kernel or the bus vouches for it.

/// The other end of a front end's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Effective uid at the time of connect (`SO_PEERCRED`, or the bus's credentials);
    /// `u32::MAX`, which is nobody's, where it is not known.
    pub uid: u32,
    /// Effective gid; `None` when the bus does not say.
    pub gid: Option<u32>,
    /// Supplementary groups (`SO_PEERGROUPS`); empty when unknown.
    pub groups: Vec<u32>,
    /// The process; `None` when it is in another pid namespace or the bus does not say.
    pub pid: Option<u32>,
    /// Which way the request came.
    pub via: Via,
}

/// The way a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// The private D-Bus socket.
    Private,
    /// A message bus.
    Bus,
    /// The message bus itself, for a client who speaks to a name that a unit is to take.
    Activation,
    /// An HTTP server of ours, over a socket in the file system: who may open it may everything, as
    /// with supervisord.
    HttpUnix,
    /// An HTTP server of ours, over TCP: who got past its authentication may everything. The uid is
    /// not known.
    HttpInet(std::net::SocketAddr),
}

impl Caller {
    /// Whether `gid` is the caller's group or one of its supplementary groups.
    #[must_use]
    pub fn is_in_group(&self, gid: u32) -> bool {
        self.gid == Some(gid) || self.groups.contains(&gid)
    }
}

impl std::fmt::Display for Caller {
    /// For audit records: `uid 1000, pid 4711, private socket`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.via {
            Via::HttpInet(peer) => return write!(f, "{peer}, http"),
            Via::Activation => return f.write_str("the message bus, for a client"),
            _ => {}
        }
        write!(f, "uid {}", self.uid)?;
        if let Some(pid) = self.pid {
            write!(f, ", pid {pid}")?;
        }
        f.write_str(match self.via {
            Via::Private => ", private socket",
            Via::Bus | Via::Activation => ", message bus",
            Via::HttpUnix | Via::HttpInet(_) => ", http socket",
        })
    }
}
