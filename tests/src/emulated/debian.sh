#!/bin/bash
# usage: debian.sh TREE PACKAGE...
#
# Copies the files of packages that are installed on this machine, and of all that they need, into a
# tree, which is a root file system then.
set -euo pipefail
tree=$1
shift

# Nothing says that it needs these: they are there.
mapfile -t essential < <(dpkg-query -W -f '${Essential} ${Package}\n' | sed -n 's/^yes //p')
mkdir -p "$tree"/usr/{bin,sbin,lib,lib64}
ln -s usr/bin usr/sbin usr/lib usr/lib64 "$tree"
apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks \
    --no-replaces --no-enhances "$@" "${essential[@]}" | grep '^[a-z]' | sort -u |
    while read -r package; do
        dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' "$package" 2>/dev/null || true
    done | sed -n 's/^installed //p' | sort -u | xargs dpkg -L | sort -u |
    # The links of above, and what nobody reads in there.
    grep -vxE '/\.|/(bin|sbin|lib|lib64)' |
    grep -vE '^/usr/share/(doc|man|locale|info|lintian|perl|i18n)' |
    sed 's,^/,,' |
    tar -C / --no-recursion --ignore-failed-read -cf - -T - 2>/dev/null | tar -C "$tree" -xf -
# What installing them makes.
for file in passwd group nsswitch.conf pam.d login.defs ld.so.cache ld.so.conf ld.so.conf.d; do
    [[ ! -e /etc/$file ]] || cp -a "/etc/$file" "$tree/etc/"
done
echo 'root::19000:0:99999:7:::' >"$tree/etc/shadow"
: >"$tree/etc/fstab"
echo 0123456789abcdef0123456789abcdef >"$tree/etc/machine-id"
# Only what a test asks for.
rm -rf "$tree"/etc/systemd/system "$tree"/etc/rc?.d
mkdir -p "$tree"/etc/systemd/system
