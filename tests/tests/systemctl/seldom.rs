//! Verbs and words of systemctl that are seldom used, and its sisters.

use super::{Play, UNITS};

/// A machine of its own performs them, in this order.
pub(crate) const PLAY: Play = Play {
    units: UNITS,
    steps: "
reenable web.socket
add-wants tree.target a
!readlink /etc/systemd/system/tree.target.wants/a.service
add-requires tree.target again
!systemctl show tree.target -p Requires --value | tr ' ' '\\n' | sort
edit a
condreload a
force-reload again
condrestart a
condstop a
start a
kill --kill-whom=main -s CONT a
kill --kill-whom=control a
kill --signal=NOSUCH a
kill --kill-whom=nobody a
set-property nosuch MemoryMax=1G
set-property a NoSuch=1
!systemctl show 'leaf*' 'onc*' -p Id,ActiveState | sort
!systemctl show '*.nosuch' -p Id
status leaf*
restart nosuch*
try-restart nosuch*
show a -p NoSuchProperty
show -p NoSuch
show a --value -p Id -p Names
list-automounts --no-legend
list-machines
list-jobs --after
list-jobs --before
switch-root
switch-root /nosuch /sbin/init
bind a /tmp /srv
mount-image a /nosuch /srv
!HOME=/root systemctl import-environment HOME
import-environment NOSUCH
!systemctl show-environment | grep HOME
set-environment 1=2
set-environment A
unset-environment NOSUCH
log-target
log-target journal
log-target
log-target console
log-target
log-target kmsg
log-target nosuch
log-level nosuch
service-log-level a
service-log-level nosuch
service-watchdogs
service-watchdogs no
service-watchdogs
kexec
start --fail again
start --job-mode=nosuch a
start --job-mode=isolate a
start --job-mode=flush again
start --job-mode=ignore-dependencies needs
start --job-mode=replace-irreversibly again
start --job-mode=triggering again
stop --job-mode=triggering web.socket
restart --job-mode=restart-dependencies again
stop again
--type=help
--state=help
list-units --type=service --state=failed --no-legend --plain
status --lines=0 leaf.target
is-enabled a again once
enable nosuch
disable nosuch
enable a again
mask a.service nosuch
unmask nosuch
link nosuch
preset nosuch
revert nosuch
add-wants tree.target nosuch
set-default nosuch.target
isolate a.service
is-active
start
enable
nosuchverb
cat again
cat *.nosuch
help a
list-dependencies nosuch --plain
list-dependencies --before --plain fails
list-sockets --no-legend nosuch*
list-timers --no-legend nosuch*
list-unit-files nosuch*
list-units nosuch*
reset-failed
clean a
freeze a
daemon-reexec
is-active a
service-watchdogs yes
!systemd-run --unit=made --property=Nice=3 --setenv=A=b --description=Made sleep 1000
!systemd-run --unit=made --property=Nice=3 --setenv=A=b --description=Made sleep 1000
show made -p Id,Nice,Environment,Description,Transient,ActiveState,SubState,CollectMode,UnitFileState,UnitFilePreset
is-enabled made
!cat $(systemctl show made -p FragmentPath --value) | grep -e Description -e Nice
cat made
stop made
show made -p LoadState
!systemd-run --unit=made --remain-after-exit true
is-active made
stop made
!systemd-run --unit=made --property=NoSuch=1 true
!systemd-run --unit=made --on-active=1000 true
!systemctl list-timers --no-legend --plain made.timer | awk '{print $(NF-1), $NF}'
stop made.timer
!systemd-run --unit=made --path-property=PathExists=/run/nosuch true
is-active made.path
stop made.path
!systemd-run --unit=made --socket-property=ListenStream=/run/made.sock true
is-active made.socket
stop made.socket
!systemd-run --unit=bad/name true
!systemd-run nosuchprogram
!systemd-analyze time | sed 's/[0-9.]*m\\?s/N/g'
!systemd-analyze critical-chain | sed -n 1,4p | sed 's/@.*//'
!systemd-analyze unit-paths | head -3
!systemd-analyze get-log-level
!systemd-analyze log-level info
!systemd-cgls --no-pager -u a.service | tail -1 | sed 's/[0-9][0-9]*/N/g'
!systemd-cgls --no-pager -u nosuch
!systemd-notify READY=1
",
    deviations: &[
        ("kill --kill-whom=nobody a", PLAINER),
        ("set-environment 1=2", PLAINER),
        ("set-environment A", PLAINER),
        ("start --job-mode=nosuch a", PLAINER),
        ("start --job-mode=triggering again", PLAINER),
        ("restart --job-mode=restart-dependencies again", PLAINER),
        ("switch-root /nosuch /sbin/init", MOUNTS),
        ("bind a /tmp /srv", MOUNTS),
        ("mount-image a /nosuch /srv", MOUNTS),
        (
            "log-target kmsg",
            "our own lines go to the journal or to our output, not to the kernel",
        ),
        (
            "unmask nosuch",
            "where one of several cannot be masked, none is",
        ),
        ("revert nosuch", "a name that nothing has is a mistake"),
        (
            "cat made",
            "its file is in a directory of ours, and says what was asked for and no more",
        ),
    ],
};

const PLAINER: &str = "our sentence says what is wrong with the word";

const MOUNTS: &str = "nothing is mounted for units";
