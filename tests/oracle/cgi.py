"""A program behind a web server: serves connections of the listening socket it has as standard input.

Each is answered with what that socket is, and with the request.
"""

import os
import socket

listener = socket.socket(fileno=os.dup(0))
listening = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

while True:
    peer, _ = listener.accept()
    with peer:
        request = b""
        while more := peer.recv(4096):
            request += more
        group = os.environ["SUPERVISOR_GROUP_NAME"]
        answer = "%s listens=%d group=%s uid=%d %s" % (
            listener.family.name,
            listening,
            group,
            os.getuid(),
            request.decode(),
        )
        peer.sendall(answer.encode())
