#!/bin/bash
# Boots an init as process 1 of namespaces of its own, over a throw-away overlay of this machine's
# files: nothing outside changes. What a Machine runs; see ../machine.rs.
#
# usage: boot.sh systemd|runnerd UNITS BINARIES LAYER [WORD ...]
#
# UNITS is copied to /etc/systemd/system, the programs of BINARIES are in /run/bin, the files of
# LAYER, if there is one, hide those of this machine. The words are options for runnerd. Prints one
# line, the pid of the init as seen from out here, and lives until its standard input ends.
set -euo pipefail

if [[ $1 != --inside ]]; then
    state=$(mktemp -d)
    # A cgroup of its own, so that nothing is left in the machine's tree.
    tree=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET || true)
    group=${tree:+$tree/runner-tests-$$}
    [[ -z $group ]] || mkdir "$group"
    clean_up() {
        exec 2>/dev/null
        kill -KILL "$namespaces" || true
        wait || true
        rm -rf "$state"
        [[ $group ]] || return 0
        # Those inside are still dying.
        for _ in $(seq 500); do
            find "$group" -depth -type d -exec rmdir {} + && break
            sleep 0.02
        done
    }
    # Process 1 dies with unshare, and everything inside with process 1.
    (
        [[ -z $group ]] || echo "$BASHPID" >"$group/cgroup.procs"
        exec unshare --mount --pid --fork --uts --net --ipc --cgroup --kill-child \
            bash "$0" --inside "$state" "$@"
    ) </dev/null &
    namespaces=$!
    exec >&-
    trap clean_up EXIT
    cat >/dev/null
    exit
fi

state=$2 init=$3 units=$4 binaries=$5 above=$6
options=("${@:7}")
mount --make-rprivate /
layer=$state/layer
mkdir "$layer"
mount -t tmpfs tmpfs "$layer"
mkdir "$layer"/{upper,work,root}
[[ -z $above ]] || cp -a "$above"/. "$layer/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
root=$layer/root
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null || mount --rbind /sys "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" 2>/dev/null ||
    mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root"/dev/{pts,shm,mqueue}
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mkdir -p "$root"/run/{bin,cases,lock}
mount --bind "$binaries" "$root/run/bin"
ip link set lo up

# Only the cases' own units, and of systemd's those that they ask for.
system=$root/etc/systemd/system
rm -rf "$system"
mkdir "$system"
cp -a "$units"/. "$system/"
lib=$root/lib/systemd
rm -rf "$lib"/system/*.wants "$lib"/system-generators "$root"/etc/systemd/*.conf
rm "$lib/system/default.target"
cat >"$lib/system/default.target" <<'UNIT'
[Unit]
Description=Everything a case needs
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
echo machine >"$root/etc/hostname"
: >"$root/etc/fstab"

# /proc is still the outer one here, and a redirection is opened by this shell itself: the first
# word is this process's pid as seen from outside.
read -r outer_pid _ </proc/self/stat
console=$state/console
exec 3>"$console"
echo "$outer_pid $console"
cd "$root"
mkdir .old
pivot_root . .old
umount -l /.old
rmdir /.old 2>/dev/null || true
hostname machine
case $init in
systemd) words=(/lib/systemd/systemd --system --log-target=console --log-level=info --show-status=no) ;;
runnerd) words=(/run/bin/runnerd --log-target=console --bus=none "${options[@]}" /etc/systemd/system) ;;
esac
exec env -i container=machine PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "${words[@]}" </dev/null >&3 2>&3 3>&-
