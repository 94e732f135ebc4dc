"""Checks the files in deploy/: lints the Dockerfile, analyzes the systemd unit with the program that was built, and runs
nginx over TLS with the shipped configuration, changing only ports and certificate."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
PROGRAM = ROOT / "target/release/tokensmith"
PORTS = {"443 ssl http2": 8443, "80": 8081}


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_image(hadolint):
    run(hadolint, DEPLOY / "Dockerfile")
    print("the Dockerfile is linted")


def check_unit(folder):
    """Exposure of at most 2.0 of 10, and no line that systemd does not understand."""
    unit = (DEPLOY / "tokensmith.service").read_text()
    here = unit.replace("ExecStart=tokensmith", f"ExecStart={PROGRAM}")
    assert here != unit
    path = folder / "tokensmith.service"
    path.write_text(here)
    complaints = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True)
    assert complaints.returncode == 0 and "tokensmith.service" not in complaints.stderr, complaints
    print(run("systemd-analyze", "security", "--offline=true", "--threshold=20", path).strip().splitlines()[-1])


def nginx_configuration(folder):
    """The file that is shipped, with ports and a certificate of this machine."""
    conf = (DEPLOY / "nginx.conf").read_text()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=id.example.com", "-keyout", folder / "key.pem", "-out", folder / "cert.pem")
    for listen, port in PORTS.items():
        assert f"listen {listen};" in conf
        conf = conf.replace(f"listen {listen};", f"listen 127.0.0.1:{port}{listen.lstrip('0123456789')};")
    conf, changed = re.subn(r"/etc/letsencrypt/live/id\.example\.com/(fullchain|privkey)\.pem",
                            lambda m: str(folder / {"fullchain": "cert.pem", "privkey": "key.pem"}[m[1]]), conf)
    assert changed == 2
    whole = folder / "nginx.conf"
    whole.write_text(f"""daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{}} http {{ access_log off; {"".join(f"{kind}_temp_path {folder}/{kind}; "
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])}\n{conf}\n}}""")
    return whole


def wait_for(url, process, *arguments):
    for _ in range(300):
        if subprocess.run(["curl", "-sf", *arguments, url], capture_output=True).returncode == 0:
            return
        assert process.poll() is None, "it has ended"
        time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def check_nginx(folder):
    """A login through nginx, and the client address that the service records."""
    environment = {**os.environ, "ISSUER": "https://id.example.com", "TRUSTED_PROXIES": "127.0.0.1", "AUDIENCE": ""}
    with open(folder / "log", "w") as log:
        service = subprocess.Popen([PROGRAM], cwd=folder, env=environment, stdout=log, stderr=log)
        nginx = subprocess.Popen(["nginx", "-p", folder, "-c", nginx_configuration(folder)], stdout=log, stderr=log)
    to_nginx = ["--cacert", folder / "cert.pem", "--connect-to", f"id.example.com:443:127.0.0.1:{PORTS['443 ssl http2']}"]
    try:
        wait_for("http://127.0.0.1:8080/readyz", service)
        wait_for("https://id.example.com/readyz", nginx, *to_nginx, "--insecure")
        password = (folder / "data/first-admin-password").read_text().strip()
        body = json.dumps({"username": "admin", "password": password})
        pair = json.loads(run("curl", "-sf", "--insecure", *to_nginx, "https://id.example.com/v1/tokens", "-d", body,
                              "-H", "content-type: application/json", "-H", "X-Forwarded-For: 203.0.113.9"))
        sessions = json.loads(run("curl", "-sf", "--insecure", *to_nginx, "https://id.example.com/v1/sessions",
                                  "-H", f"authorization: Bearer {pair['access_token']}"))
        [session] = sessions["sessions"]
        assert session["ip"] == "127.0.0.1", f"a header that the client sent is believed: {session}"
        moved = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}",
                    "-H", "Host: id.example.com", f"http://127.0.0.1:{PORTS['80']}/v1/me")
        assert moved == "301 https://id.example.com/v1/me", moved
        print("nginx serves the service over TLS, as it is configured in deploy/")
    finally:
        for process in [nginx, service]:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_image(sys.argv[1])
        check_unit(Path(folder))
        check_nginx(Path(folder))


main()
