"""Clients of OAuth 2.1 and OpenID Connect that are not ours, against the service as it was built: each logs a user in through
the pages, and uses what it gets. `python3 .ci/clients.py [PROGRAM [NAME ..]]`; the programs are in clients/, and what the book says of
applications is run as it is written: the blocks whose names have a folder, `<!-- run: FOLDER/FILE -->`."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs/src/oauth"
NODE = ["openid-client@6.9.0", "oauth4webapi@3.8.8", "oidc-client-ts@3.5.0", "playwright-core@1.65.1"]
NEXT = ["next@16.4.6", "react@19.3.1", "react-dom@19.3.1", "next-auth@4.24.15"]
PYTHON = ["authlib==1.9.10", "requests==2.34.2", "mozilla-django-oidc==5.0.2", "django==5.2.19"]
WEB = "a web application, in Chromium"
PROGRAMS = {
    "openid-client": ["node", "openid_client.mjs"],
    "oauth4webapi": ["node", "oauth4webapi.mjs"],
    "Authlib": ["venv/bin/python", "authlib_client.py"],
    "mozilla-django-oidc": ["venv/bin/python", "django_site.py"],
    "oidc-client-ts, in Chromium": ["node", "spa.mjs"],
    WEB: ["node", "web.mjs"],
    "next-auth": ["venv/bin/python", "next_site.py"],
}
MARKED = re.compile(r"<!-- run: (\w+/\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
BLOCKS = {
    "spa": ["register.sh", "auth.js"], "next": ["register.sh", "auth.js", "route.js"],
    "django": [
        "register.sh", "settings.py", "oidc.py", "urls.py", "home.html", "claim.sh", "migrated.py", "migrated_settings.py",
    ],
}


def nginx(folder, port, upstream):
    """Serves what is at another port with TLS, as localhost."""
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    certificate += ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(certificate, cwd=folder, check=True, capture_output=True)
    temp = "".join(f"{kind}_temp_path {kind};" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    (folder / "nginx.conf").write_text(f"""daemon off; pid nginx.pid; error_log error.log; events {{}}
        http {{ access_log off; {temp} server {{ listen 127.0.0.1:{port} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;
            location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_set_header X-Forwarded-For $remote_addr; }} }} }}""")
    return subprocess.Popen(["nginx", "-p", folder, "-e", "error.log", "-c", "nginx.conf"])


class Service:
    """The service on an empty folder, and a user."""

    def __init__(self, program, folder, is_behind_tls=False):
        folder.mkdir()
        port = free_port()
        self.address = self.issuer = f"http://127.0.0.1:{port}"
        self.proxy = None
        if is_behind_tls:
            public = free_port()
            self.issuer = f"https://localhost:{public}"
            self.proxy = nginx(folder, public, port)
        self.env = {
            **os.environ, "TOKENSMITH": str(program), "LISTEN": f"127.0.0.1:{port}", "ISSUER": self.issuer, "AUDIENCE": "",
            "DATABASE_URL": f"sqlite://{folder}/tokensmith.db", "KEYS_DIR": f"{folder}/keys", "RUST_LOG": "warn",
            "FIRST_ADMIN_PASSWORD_FILE": f"{folder}/password", "TRUSTED_PROXIES": "127.0.0.1",
            "USERNAME": "ada", "PASSWORD": "a long passphrase of Ada's",
        }
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program], cwd=folder, env=self.env, stdout=log, stderr=log)

    def __enter__(self):
        try:
            self.create_user()
        except BaseException:
            self.__exit__()
            raise
        return self

    def create_user(self):
        """As soon as the service is ready."""
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.address}/readyz", timeout=10).close()
                break
            except OSError:
                assert self.process.poll() is None, f"the service has ended:\n{self.log.read_text()}"
                time.sleep(0.1)
        create = ["users", "create", "ada", "--email", "ada@example.com", "--full-name", "Ada Lovelace", "--role", "editor"]
        made = subprocess.run([self.env["TOKENSMITH"], *create, "--password-stdin"], env=self.env, text=True,
                              input=self.env["PASSWORD"], stdout=subprocess.PIPE, check=True)
        self.env["USER_ID"] = re.search(r"\((.+)\)", made.stdout)[1]

    def __exit__(self, *_):
        for process in filter(None, [self.proxy, self.process]):
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def install(tools, wanted):
    """The libraries, in exactly these versions."""
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund"]
    subprocess.run([*npm, *NODE], cwd=tools, check=True)
    if "next-auth" in wanted:
        (tools / "next").mkdir()
        subprocess.run([*npm, *NEXT], cwd=tools / "next", check=True)
    venv.create(tools / "venv", with_pip=True)
    pip = [tools / "venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *PYTHON], check=True)


def write_book(tools):
    """The book's blocks, each in a file of its name."""
    blocks = dict(block for page in BOOK.glob("*.md") for block in MARKED.findall(page.read_text()))
    run_here = {f"{folder}/{file}" for folder, files in BLOCKS.items() for file in files}
    assert blocks.keys() == run_here, blocks.keys() ^ run_here
    for name, block in blocks.items():
        path = tools / "book" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block)


def run(name, service, tools):
    print(f"{name}: {service.issuer}", flush=True)
    if subprocess.run(PROGRAMS[name], cwd=tools, env=service.env).returncode != 0:
        sys.exit(f"{name} failed; the service's log:\n{service.log.read_text()}")


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
    wanted = sys.argv[2:] or list(PROGRAMS)
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        shutil.copytree(ROOT / ".ci/clients", tools, dirs_exist_ok=True)
        shutil.copy2(ROOT / ".ci/ports.py", tools)
        install(tools, wanted)
        write_book(tools)
        with Service(program, tools / "service") as service:
            for name in wanted:
                run(name, service, tools)
        if WEB in wanted:
            with Service(program, tools / "https", is_behind_tls=True) as service:
                run(WEB, service, tools)


main()
