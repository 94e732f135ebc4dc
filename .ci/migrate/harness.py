"""What the checks with a real Django share: its packages, requests, and servers that are started and stopped."""

import base64
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

EXACT = [
    "django==5.2.19", "djangorestframework==3.18.3", "djangorestframework-simplejwt==5.5.1", "gunicorn==27.0.1",
]
SECRET = "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz0123456789"
PASSWORD = "correct horse battery staple"


def run(*command, **more):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **more).stdout


def send(method, url, body=None, headers=None):
    """Status, headers and text; redirects are not followed."""
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def environment(tools, *more):
    """An environment with Django. Returns its Python."""
    venv.create(tools / "venv", with_pip=True)
    python = tools / "venv/bin/python"
    run(python, "-m", "pip", "-q", "--disable-pip-version-check", "install", *EXACT, *more)
    return python


class Server:
    """A process that answers at an address."""

    def __init__(self, url, command, folder, env):
        self.url = url
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen(list(map(str, command)), cwd=folder, env=env, stdout=self.log, stderr=self.log)
        for _ in range(1200):
            try:
                send("GET", url + "/")
                return
            except (urllib.error.URLError, ConnectionError):
                assert self.process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        raise AssertionError(f"{command} does not start")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()
