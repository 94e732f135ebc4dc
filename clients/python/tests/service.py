"""The service as it was built, on an empty folder, with an administrator."""

from __future__ import annotations

import errno
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from tokensmith import Client

ADMIN = "admin"


def free_port() -> int:
    """A port that no program listens on. From 32768 on the kernel could give it to a connection first."""
    while True:
        port = random.randrange(11_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


class Service:
    """Runs until `stop`."""

    def __init__(self, program: str, folder: Path, **env: str) -> None:
        folder.mkdir(exist_ok=True)
        self.program, self.folder, self.port = program, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {
            **os.environ, "LISTEN": f"127.0.0.1:{self.port}", "ISSUER": self.url, "AUDIENCE": "",
            "DATABASE_URL": f"sqlite://{folder}/tokensmith.db", "KEYS_DIR": f"{folder}/keys", "RUST_LOG": "warn",
            "FIRST_ADMIN_PASSWORD_FILE": f"{folder}/password", **env,
        }  # fmt: skip
        self.start()
        self.password = (folder / "password").read_text().strip()

    def start(self) -> None:
        log = (self.folder / "log").open("a")
        with log:
            self.process = subprocess.Popen([self.program], cwd=self.folder, env=self.env, stdout=log, stderr=log)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=10).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
        raise AssertionError("the service does not start")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def client(self) -> Client:
        """A client of the administrator, with a session of its own."""
        client = Client(self.url)
        client.login(ADMIN, self.password)
        return client
