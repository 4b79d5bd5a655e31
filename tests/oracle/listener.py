"""An event listener that writes down what it is told: one line an event, headers and payload.

With a second argument it asks its daemon something over XML-RPC first, as listeners do.
"""

import os
import sys

from supervisor import childutils

if len(sys.argv) > 2:
    rpc = childutils.getRPCInterface(os.environ)
    with open(sys.argv[2], "w") as file:
        file.write(rpc.supervisor.getState()["statename"])

while True:
    headers, payload = childutils.listener.wait(sys.stdin, sys.stdout)
    with open(sys.argv[1], "a") as file:
        words = " ".join("%s:%s" % header for header in headers.items())
        file.write("%s %r\n" % (words, payload))
    childutils.listener.ok(sys.stdout)
