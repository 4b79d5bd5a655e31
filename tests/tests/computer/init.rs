//! As the init of a whole computer, which is emulated: what it finds and makes, a kernel that kills for
//! want of memory, and the order in which it ends.
use tests::Computer;

use crate::has;

/// What the computer runs: unit files, with their names.
const UNITS: &[(&str, &str)] = &[
    (
        "look",
        "[service]\ntype = \"oneshot\"\nafter = [\"last.service\"]\nexec-start = \"/bin/sh /bin/look\"\n\
         success-action = \"poweroff\"\nfailure-action = \"poweroff\"\n",
    ),
    (
        "last",
        "[service]\ntype = \"notify\"\nnotify-access = \"all\"\nexec-start = \"/bin/sh /bin/last\"\n",
    ),
    (
        "hungry",
        "[service]\nautostart = false\ntype = \"oneshot\"\nexec-start = \"/bin/tail /dev/zero\"\n\
         memory-max = \"16M\"\n",
    ),
    (
        "orphans",
        "[service]\nautostart = false\ntype = \"oneshot\"\nkill-mode = \"process\"\n\
         exec-start = \"/bin/sh /bin/orphans\"\n",
    ),
];

/// Sockets of kinds that need a module of the kernel, and who answers there.
const FAR: &[(&str, &str)] = &[
    ("vsock", "listen-stream = \"vsock::4242\""),
    (
        "sctp",
        "listen-stream = \"127.0.0.1:4343\"\nsocket-protocol = \"sctp\"",
    ),
    (
        "packets",
        "listen-sequential-packet = \"127.0.0.1:4344\"\nsocket-protocol = \"sctp\"",
    ),
];

/// Those modules, each behind those that it needs.
const MODULES: &[&str] = &[
    "lib/libcrc32c.ko",
    "net/ipv4/udp_tunnel.ko",
    "net/ipv6/ip6_udp_tunnel.ko",
    "net/sctp/sctp.ko",
    "net/vmw_vsock/vsock.ko",
    "net/vmw_vsock/vmw_vsock_virtio_transport_common.ko",
    "net/vmw_vsock/vsock_loopback.ko",
];

/// Says what was found, on the console.
const LOOK: &str = r#"
say() { echo "look: $*" >/dev/console; }
for place in /proc /sys /dev /dev/pts /dev/shm /run /sys/fs/cgroup; do
    say mounted $place $(grep " $place " /proc/self/mounts | cut -d' ' -f3)
done
say controllers $(cat /sys/fs/cgroup/cgroup.controllers)
say cgroup $(cut -d: -f3 /proc/self/cgroup)
say first $(cat /proc/1/comm)
runnerctl start hungry.service
say hungry $(runnerctl show --property Result --value hungry.service)
runnerctl start orphans.service
until [ "$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z ')" = 0 ]; do :; done
say orphans reaped
say name $(cat /proc/sys/kernel/hostname)
say queues $(cat /proc/sys/net/unix/max_dgram_qlen)
for module in libcrc32c udp_tunnel ip6_udp_tunnel sctp \
    vsock vmw_vsock_virtio_transport_common vsock_loopback; do
    insmod /modules/$module.ko
done
runnerctl start vsock.socket sctp.socket packets.socket
say "$(actor - hear=vsock:1:4242)"
say "$(actor - hear=sctp:127.0.0.1:4343)"
say sockets $(runnerctl is-active vsock.socket sctp.socket packets.socket)
"#;

/// Up at once, and says when it is told to stop.
const LAST: &str = r#"
trap 'echo "last: stopped" >/dev/console; exit 0' TERM
echo "last: up" >/dev/console
systemd-notify --ready
while :; do sleep 0.1; done
"#;

const ORPHANS: &str = "i=0; while [ $i -lt 200 ]; do (true & exec true); i=$((i+1)); done\n";

fn computer() -> Computer {
    let computer = Computer::new();
    computer.programs(&[
        "sh",
        "cat",
        "grep",
        "cut",
        "tail",
        "sleep",
        "true",
        "systemd-notify",
        "insmod",
    ]);
    computer.actor();
    computer.modules(MODULES);
    computer.file("/etc/hostname", "far.example\n");
    for (name, listens) in FAR {
        let socket = format!("[socket]\nautostart = false\naccept = true\n{listens}\n");
        computer.file(&format!("/etc/runner/units/{name}.toml"), &socket);
        let service = format!(
            "[service]\nstandard-input = \"socket\"\n\
             exec-start = \"/bin/sh -c 'echo by {name} from $REMOTE_ADDR'\"\n"
        );
        computer.file(&format!("/etc/runner/units/{name}@.toml"), &service);
    }
    for (name, text) in [("look", LOOK), ("last", LAST), ("orphans", ORPHANS)] {
        computer.file(&format!("/bin/{name}"), text);
    }
    for (name, text) in UNITS {
        computer.file(&format!("/etc/runner/units/{name}.toml"), text);
    }
    computer
}

/// What it has made of the machine, whatever its files lie on.
const FOUND: &[&str] = &[
    "last: up",
    "look: mounted /proc proc",
    "look: mounted /sys sysfs",
    "look: mounted /dev devtmpfs",
    "look: mounted /dev/pts devpts",
    "look: mounted /dev/shm tmpfs",
    "look: mounted /run tmpfs",
    "look: mounted /sys/fs/cgroup cgroup2",
    "look: controllers cpuset cpu io memory",
    "look: first init",
    "look: hungry oom-kill",
    "look: orphans reaped",
    "look: name far.example",
    "look: queues 512",
    "look: by vsock from",
    "look: by sctp from 127.0.0.1",
    "look: sockets active active active",
    "look.service has ended: poweroff",
    "stopped last.service",
    "reboot: Power down",
];

/// What a service said itself comes to the console sooner than what we say of it.
const ENDED: &[&str] = &["last: up", "last: stopped", "reboot: Power down"];

#[test]
fn from_a_disk_to_the_power_off() {
    let said = computer().run();
    has(&said, FOUND);
    has(&said, ENDED);
}

#[test]
fn from_memory_to_the_power_off() {
    let said = computer().run_from_memory();
    has(&said, FOUND);
    has(&said, ENDED);
}
