//! As a service of Debian's systemd on a whole computer, which is emulated: with its real message bus,
//! its journal, its watchdog and its control groups.

use tests::{Computer, repository};

use crate::has;

/// What the service `look` of systemd says, on the console.
const LOOK: &str = r#"
say() { echo "look: $*" >/dev/console; }
ctl() { runnerctl "$@" 2>&1; }
main() { runnerctl show --property MainPID --value counts.service; }
keeper() { systemctl show --property MainPID --value runnerd; }
ask() {
    $as busctl --system call org.unitrunner.Runner1 /org/unitrunner/Runner1 \
        org.unitrunner.Runner1.Manager "$@" 2>&1
}
# Until there is another keeper than this one, and it answers.
until_other() {
    until k=$(keeper) && [ "$k" != 0 ] && [ "$k" != "$1" ] && ctl is-active counts >/dev/null; do
        sleep 0.2
    done
}

systemctl start runnerd
say active $(systemctl is-active runnerd) $(ctl is-active counts)
first=$(main)
say limit $(cat /sys/fs/cgroup/system.slice/runnerd.service/*/counts.service/memory.max)
ctl start hungry.service >/dev/null
say hungry $(runnerctl show --property Result --value hungry.service) $(ctl is-active counts)
say slice $(grep -o 'runnerd.service.*counts.service' /proc/$first/cgroup)

# Over a restart, a killed keeper and one that hangs.
k=$(keeper); systemctl restart runnerd; until_other $k
[ "$(main)" = "$first" ] && say restarted and nothing else
k=$(keeper); kill -KILL $k; until_other $k
[ "$(main)" = "$first" ] && say killed and nothing else
k=$(keeper); kill -STOP $k; until_other $k
[ "$(main)" = "$first" ] && say hung and nothing else
k=$(keeper); kill -KILL $(pidof runnerd); until_other $k
[ "$(main)" = "$first" ] && say killed with its manager and nothing else

# The bus as it is.
for i in $(seq 50); do busctl --system list | grep -q org.unitrunner.Runner1 && break; sleep 0.2; done
say root may read $(ask GetUnit s counts.service)
as="setpriv --reuid=nobody --clear-groups"
say nobody may read $(ask GetUnit s counts.service)
say nobody may stop $(ask StopUnit ss counts.service replace)
say still $(ctl is-active counts)

# All that was counted is in the journal, once and in order.
last=$(cat /run/counted)
for i in $(seq 50); do journalctl --sync; journalctl -q UNIT=counts.service -o cat | grep -qx "$last" && break; sleep 0.2; done
journalctl -q UNIT=counts.service -o cat | grep -x '[0-9]*' | head -n $last >/run/found
seq $last | cmp - /run/found && say journal complete
say journal of $(journalctl -q UNIT=counts.service -n 1 -o json --output-fields=SYSLOG_PID,_SYSTEMD_UNIT,SYSLOG_IDENTIFIER | tr -d '"{}' | tr , '\n' | grep -E '^(SYSLOG_IDENTIFIER|_SYSTEMD_UNIT)' | sort)

systemctl stop runnerd
[ -e /proc/$first ] || say stopped in order $(systemctl is-active runnerd)
"#;

const SAID: &[&str] = &[
    "look: active active active",
    "look: limit 67108864",
    "look: hungry oom-kill active",
    "look: slice runnerd.service/",
    "look: restarted and nothing else",
    "look: killed and nothing else",
    "look: hung and nothing else",
    "look: killed with its manager and nothing else",
    "look: root may read o \"/org/unitrunner/Runner1/unit/counts_2eservice\"",
    "look: nobody may read o \"/org/unitrunner/Runner1/unit/counts_2eservice\"",
    "look: nobody may stop Call failed: Access denied",
    "look: still active",
    "look: journal complete",
    "look: journal of SYSLOG_IDENTIFIER:counts _SYSTEMD_UNIT:runnerd.service",
    "look: stopped in order inactive",
    "reboot: Power down",
];

#[test]
fn nothing_is_lost_whatever_happens_to_it() {
    let computer = Computer::debian(&["systemd-sysv", "dbus"]);
    let contrib = |name: &str| {
        let path = repository().join("contrib").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    for name in ["runnerd.service", "runnerd.socket"] {
        let text =
            contrib(&format!("systemd/{name}")).replace("/usr/bin/runner", "/usr/sbin/runner");
        computer.file(&format!("/lib/systemd/system/{name}"), &text);
    }
    computer.file(
        "/usr/share/dbus-1/system.d/org.unitrunner.Runner1.conf",
        &contrib("dbus/org.unitrunner.Runner1.conf"),
    );
    // The time that a keeper may hang.
    computer.file(
        "/etc/systemd/system/runnerd.service.d/sooner.conf",
        "[Service]\nWatchdogSec=3s\n",
    );
    computer.file(
        "/etc/runner/units/counts.toml",
        "[service]\nexec-start = \"/bin/sh /count\"\nmemory-max = \"64M\"\n",
    );
    computer.file(
        "/etc/runner/units/hungry.toml",
        "[service]\nautostart = false\ntype = \"oneshot\"\nexec-start = \"/bin/tail /dev/zero\"\n\
         memory-max = \"16M\"\n",
    );
    computer.file(
        "/count",
        "n=0; while :; do n=$((n+1)); echo $n; echo $n >/run/counting; \
         mv /run/counting /run/counted; sleep 0.1; done\n",
    );
    computer.file("/look", LOOK);
    computer.file(
        "/etc/systemd/system/look.service",
        "[Unit]\nAfter=multi-user.target\n\
         [Service]\nType=oneshot\nExecStart=/bin/sh /look\n\
         ExecStopPost=systemctl poweroff --force\n",
    );
    computer.file(
        "/etc/systemd/system/default.target",
        "[Unit]\nRequires=basic.target dbus.socket\nWants=look.service\n\
         After=basic.target dbus.socket\n",
    );
    has(&computer.run(), SAID);
}
