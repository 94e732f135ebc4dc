"""What the programs in Python share: the service's address, registering a client, and the browser without JavaScript."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from browser import Browser

ISSUER = os.environ["ISSUER"]
# There is no server here: the browser stops before it.
CALLBACK = "http://127.0.0.1:9/callback"
GOODBYE = "http://127.0.0.1:9/goodbye"


def register(name, *options):
    """Registers a client as an operator does."""
    create = [os.environ["TOKENSMITH"], "clients", "create", name, *options, "--json"]
    made = subprocess.run(create, stdout=subprocess.PIPE, check=True)
    return json.loads(made.stdout)


def browser():
    """A browser of Ada's, with no cookies yet."""
    return Browser(os.environ["USERNAME"], os.environ["PASSWORD"])


def book(name, replaced):
    """A block of the book, with other texts in the place of some."""
    block = Path("book", name).read_text()
    for documented, actual in replaced.items():
        block = block.replace(documented, actual)
    return block


def run_book(name, replaced):
    """Runs a block of the book in a shell; returns what it prints."""
    script = book(name, {"target/release/tokensmith": os.environ["TOKENSMITH"], **replaced})
    return subprocess.run(["bash", "-euc", script], stdout=subprocess.PIPE, text=True, check=True).stdout


def serve(command, url, **options):
    """Starts a server and waits until it answers."""
    server = subprocess.Popen(command, **options)
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=60).close()
            return server
        except urllib.error.HTTPError:
            return server
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, f"{command} has ended"
            time.sleep(0.1)
    raise AssertionError(f"{command} does not answer")


def step(what):
    print(f"  {what}", flush=True)
