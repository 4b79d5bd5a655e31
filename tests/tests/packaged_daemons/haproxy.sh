# units: haproxy.service
prepare() {
    adduser --quiet --system --group --home /var/lib/haproxy --no-create-home haproxy
    # What tmpfiles.d has: it is not the unit's.
    install -d -o haproxy -g haproxy -m 2755 /run/haproxy
    # A socket for its log lines: what the unit binds into the daemon's directory.
    python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind("/dev/log")'
    cat >>/etc/haproxy/haproxy.cfg <<'END'
frontend test
    bind 127.0.0.1:8081
    http-request return status 200 content-type text/plain string hello
END
}
ask() {
    curl --silent --show-error http://127.0.0.1:8081/ && echo
    python3 -c '
import socket
admin = socket.socket(socket.AF_UNIX)
admin.connect("/run/haproxy/admin.sock")
admin.sendall(b"show stat\n")
lines = admin.makefile().read().splitlines()
print(*(line.split(",")[0] + " " + line.split(",")[17] for line in lines if line.startswith("test,")))'
}
change() { sed -i s/hello/changed/ /etc/haproxy/haproxy.cfg; }
