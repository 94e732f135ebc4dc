"""Ports for the services of these programs."""

import errno
import random
import socket

given = set()


def free_port():
    """A port that no program listens on, and a different one each time. It is below those that the kernel gives to connections (from
    32768 on Linux): one of these can be taken between this call and the start of the service, by a connection of anything that runs
    at the same time. Browsers refuse some ports below 11000."""
    while True:
        port = random.randrange(11_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        if port not in given:
            given.add(port)
            return port
