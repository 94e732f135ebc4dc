"""What a hook for claims costs: the latency of refreshes without a hook, with one that takes 200 ms, and with one that does not
answer. `python3 .ci/claims_hook.py target/release/tokensmith [CLIENTS] [REFRESHES]` prints percentiles in milliseconds, and the
load of the machine."""

import base64
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from ports import free_port

PASSWORD = "a long and unusual sentence"


class Hook(http.server.BaseHTTPRequestHandler):
    takes = 0.2

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.takes)
        body = json.dumps({"claims": {"plan": "pro"}}).encode()
        try:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def refreshes(base, count, took):
    pair = post(f"{base}/v1/tokens", {"username": "ada", "password": PASSWORD})
    for _ in range(count):
        began = time.monotonic()
        pair = post(f"{base}/v1/tokens/refresh", {"refresh_token": pair["refresh_token"]})
        took.append(time.monotonic() - began)


def measure(binary, what, more, clients, count):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        env = {
            **os.environ, "LISTEN": f"127.0.0.1:{port}", "ISSUER": base, "DATABASE_URL": f"sqlite://{folder}/db",
            "KEYS_DIR": f"{folder}/keys", "REFRESH_SETTLE_WINDOW": "0s", "REFRESH_RETRY_WINDOW": "0s", "RUST_LOG": "warn",
            "ID_TOKEN_SIGNING_ALGS": "ES256", **more,
        }
        create = [binary, "users", "create", "ada", "--password-stdin"]
        subprocess.run(create, cwd=folder, env=env, input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL)
        service = subprocess.Popen([binary], cwd=folder, env=env, stdout=subprocess.DEVNULL)
        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"{base}/readyz", timeout=1)
                    break
                except OSError:
                    time.sleep(0.1)
            took = []
            threads = [threading.Thread(target=refreshes, args=(base, count, took)) for _ in range(clients)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(took) == clients * count, "a refresh has failed"
        finally:
            service.terminate()
            service.wait()
    took.sort()
    of = lambda share: f"{took[min(len(took) - 1, int(share * len(took)))] * 1000:7.1f}"
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{what:28} {len(took)} refreshes, ms: p50 {of(0.5)} p99 {of(0.99)} max {of(1)}; load {load}", flush=True)


def main():
    binary = str(Path(sys.argv[1]).resolve())
    clients, count = (int(text) for text in (sys.argv[2:] + ["8", "50"][len(sys.argv) - 2:]))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("whsec_" + base64.b64encode(os.urandom(32)).decode())
        hook = {
            "CLAIMS_HOOK_URL": f"http://127.0.0.1:{server.server_port}/", "CLAIMS_HOOK_SECRET_FILE": str(secret),
            "OUTBOUND_ALLOW": "127.0.0.0/8",
        }
        measure(binary, "without a hook", {}, clients, count)
        measure(binary, "with a hook of 200 ms", hook, clients, count)
        Hook.takes = 5
        measure(binary, "with one that does not answer", hook, clients, count)


if __name__ == "__main__":
    main()
