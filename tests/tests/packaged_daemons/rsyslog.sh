# units: rsyslog.service syslog.socket
# alias: syslog.service
# rsyslog takes the socket it is given only where it believes that systemd runs; else it makes /dev/log.
prepare() { mkdir -p /run/systemd/system && touch /var/log/syslog; }
lines() { grep -c 'asker: hello' /var/log/syslog || true; }
ask() {
    before=$(lines)
    logger --socket /run/systemd/journal/syslog --tag asker hello
    while [ "$(lines)" = "$before" ]; do sleep 0.05; done
    tail -n 1 /var/log/syslog | sed 's/.* asker/asker/'
}
