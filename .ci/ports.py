"""Ports for the services of these programs."""

import random
import socket


def free_port():
    """A port that no program listens on. It is below those that the kernel gives to connections (from 32768 on Linux): one of
    these can be taken between this call and the start of the service, by a connection of anything that runs at the same time."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
