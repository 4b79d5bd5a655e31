//! Slices, and what is in them.

use super::Play;

/// A machine of its own performs them, in this order.
pub(crate) const PLAY: Play = Play {
    units: &[
        (
            "part.slice",
            "[Unit]\nDescription=A part\nRequires=leaf.target\n",
        ),
        ("leaf.target", "[Unit]\nDescription=Leaf\n"),
        ("plain.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
        ("many@.service", "[Service]\nExecStart=/bin/sleep 1000\n"),
        (
            "in.service",
            "[Service]\nSlice=app-web.slice\nExecStart=/bin/sleep 1000\n",
        ),
        (
            "in.socket",
            "[Socket]\nSlice=app.slice\nListenStream=/run/in.sock\n",
        ),
        (
            "parted.service",
            "[Service]\nSlice=part.slice\nExecStart=/bin/sleep 1000\n",
        ),
        (
            "wrong.service",
            "[Service]\nSlice=some.target\nExecStart=/bin/sleep 1000\n",
        ),
    ],
    steps: "
is-active -- -.slice system.slice user.slice part.slice
status --lines=0 system.slice
status --lines=0 part.slice
list-units --no-legend --plain --type=slice -- -.slice system.slice app* system-many*
show -p Id,Names,Description,ActiveState,SubState,LoadState,CanStart,CanStop,Perpetual,Slice -- -.slice
show -p Id,ActiveState,SubState,CanStart,CanStop,Perpetual,Slice,Requires,After system.slice
show -p ActiveState,Perpetual,CanStop,Slice,Requires,After,Conflicts user.slice
show -p Wants,WantedBy slices.target
list-dependencies --plain slices.target
start plain
show -p Slice,Requires,Perpetual plain
start many@1 many@2
show -p Slice,Requires many@1
start in.socket in
show -p Slice in in.socket
status --lines=0 app-web.slice
list-units --no-legend --plain --type=slice -- -.slice system.slice app* system-many*
show -p Id,Names,Description,LoadState,ActiveState,SubState,Slice,Requires,RequiredBy,SliceOf,After,Before,Conflicts,CanStop,FragmentPath,UnitFileState app-web.slice
show -p Id,Slice,SliceOf,ActiveState app.slice system-many.slice
list-dependencies --plain --reverse app.slice
cat app.slice
cat system.slice
is-enabled app.slice
stop in
is-active app-web.slice app.slice
start in
stop app.slice
is-active app-web.slice app.slice in.service in.socket
restart system-many.slice
!while systemctl is-active many@1 many@2 | grep -q ing; do sleep 0.05; done; systemctl is-active many@1 many@2
stop system-many.slice
is-active many@1 system-many.slice
start parted
is-active part.slice leaf.target
stop part.slice
is-active parted part.slice leaf.target
start parted
isolate leaf.target
start fresh-one.slice
is-active fresh-one.slice fresh.slice
stop fresh.slice
is-active fresh-one.slice
start not--one.slice
start system.slice
stop system.slice
restart system.slice
try-restart system.slice
reload system.slice
stop -- -.slice
start wrong
show -p Slice wrong
!systemd-run --slice=made-by.slice --unit=made sleep 1000
show -p Slice,Requires made
is-active made-by.slice made.slice
stop made-by.slice
is-active made
!systemd-run --scope --slice=made.slice --unit=here systemctl show -p Slice,ActiveState here.scope
",
    deviations: &[(
        "start not--one.slice",
        "what cannot be a slice is no unit, not a broken one",
    )],
};
