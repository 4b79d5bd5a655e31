# units: chrony.service
prepare() {
    adduser --quiet --system --group --no-create-home --home /var/lib/chrony --force-badname _chrony
    chown _chrony:_chrony /var/lib/chrony
    cp /usr/share/chrony/chrony.conf /etc/chrony/chrony.conf
    cp /usr/share/chrony/chrony.keys /etc/chrony/chrony.keys
    chown root:_chrony /etc/chrony/chrony.keys
    # No servers but itself, and never a hand on this machine's clock.
    sed -i '/^pool/d; /^rtcsync/d; /^makestep/d' /etc/chrony/chrony.conf
    echo 'local stratum 10' >>/etc/chrony/chrony.conf
    echo 'DAEMON_OPTS="-F 1 -x"' >/etc/default/chrony
}
ask() { chronyc -n tracking | grep '^\(Reference ID\|Stratum\)'; }
