# units: memcached.service
prepare() {
    adduser --quiet --system --group --no-create-home --home /nonexistent memcache
    cp /usr/share/memcached/memcached.conf.default /etc/memcached.conf
    # What tmpfiles.d has: it is not the unit's.
    install -d -o memcache -g memcache /run/memcached
}
ask() {
    # It counts as started before it listens: its type is simple.
    for _ in $(seq 200); do
        { exec 3<>/dev/tcp/127.0.0.1/11211; } 2>/dev/null && break
        sleep 0.05
    done
    printf 'set greeting 0 0 5\r\nhello\r\nget greeting\r\nquit\r\n' >&3
    tr -d '\r' <&3
}
