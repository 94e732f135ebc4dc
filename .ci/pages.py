"""The pages that users see, in Chromium: axe-core finds nothing in them on a phone and on a desktop, in light and in dark, in
every language; their headers are as strict as documented; they need no JavaScript, and no mouse. And passkeys on them, with
the browser's virtual authenticator.

    pages.py [BINARY [FOLDER [PROGRAM]]]      the release binary by default; screenshots are put into FOLDER"""

import http.server
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ["walk.mjs", "passkeys.mjs", "mails.mjs", "registration.mjs", "providers.mjs", "invitations.mjs"]
TOOLS = ["playwright-core@1.65.1", "axe-core@4.14.1", "oidc-provider@9.13.3"]
PASSWORD = "correct horse battery staple"
LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 48" width="240" height="48">
<rect width="48" height="48" rx="10" fill="#3b73d1"/><path d="M14 34V14l20 20V14" fill="none" stroke="#fff" stroke-width="4"/>
<text x="62" y="33" font-family="sans-serif" font-size="26" fill="#5583cf">Example</text></svg>"""
# An application may ask for many scopes, and operators describe some of them.
MANY = [f"donaudampfschifffahrtsgesellschaft{n}:read" for n in range(10)] + [f"notes{n}:write" for n in range(10)]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft für Außergewöhnliches"[:100]
HOST = f"anwendung.donaudampfschifffahrtsgesellschaft.{'rindfleischetikettierung' * 2}.example.com"
USERS = ["ada", "betriebswerkbauunterbeamter@donaudampfschifffahrtsgesellschaft.example.com", "maría", "grace"]
# They have addresses.
REACHABLE = [f"{kind}-{language}" for kind in ("mail", "factor") for language in ("en", "de", "es")]
# They must have a second factor.
ADMINS = ["admin-en", "admin-de", "admin-es", "admin-plain", "admin-passkey-en", "admin-passkey-de", "admin-passkey-es", "admin-upgrade"]
CLIENTS = {
    "notes": ["Notes", "--redirect-uri", "https://app.example.com/callback"],
    "long": [LONG, "--redirect-uri", f"https://{HOST}/callback"] + [word for name in MANY for word in ("--scope", name)],
    "program": ["Notes for the shell", "--redirect-uri", "http://127.0.0.1/callback", "--token-endpoint-auth-method", "none"],
    "app": ["Notes for phones", "--redirect-uri", "com.example.notes:/callback", "--token-endpoint-auth-method", "none"],
}


TERMS = {"TERMS_URL": "https://www.example.com/terms"}
# What a program needs besides the usual settings.
SETTINGS = {
    "registration.mjs": {"REGISTRATION": "open", **TERMS},
    "providers.mjs": {"REGISTRATION": "open", "OUTBOUND_ALLOW": "127.0.0.0/8", **TERMS},
    "invitations.mjs": {"REGISTRATION": "invite", "OUTBOUND_ALLOW": "127.0.0.0/8"},
}


class Logo(http.server.BaseHTTPRequestHandler):
    """The operator's picture, on another origin."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "image/svg+xml")
        self.end_headers()
        self.wfile.write(LOGO)

    def log_message(self, *_):
        pass


def settings(folder, logo):
    port = free_port()
    return {
        # By name, since browsers have no passkeys at an address.
        "LISTEN": f"127.0.0.1:{port}", "ISSUER": f"http://localhost:{port}", "DATABASE_URL": f"sqlite://{folder}/tokensmith.db",
        "KEYS_DIR": f"{folder}/keys", "MAIL_URL": f"file://{folder}/mail", "MAIL_FROM": "id@example.com", "REQUIRE_SECOND_FACTOR": "admins", "RUST_LOG": "warn", "FIRST_ADMIN_PASSWORD_FILE": f"{folder}/password",
        "ID_TOKEN_SIGNING_ALGS": "ES256", "SCOPES": "notes1:write notes7:write donaudampfschifffahrtsgesellschaft1:read", "PAGE_NAME": "Example", "PAGE_LOGO_URL": f"{logo}/logo.svg",
        "PAGE_LINKS": "Privacy=https://www.example.com/privacy;Imprint=https://www.example.com/imprint;"
                      "Rechtsschutzversicherungsgesellschaften=https://www.example.com/insurance",
        "SCOPE_DESCRIPTIONS": ";".join(f"notes{n}:write=Write notes of the kind {n} and share them with people you know;"
                                       f"notes{n}:write@de=Notizen der Art {n} schreiben und mit Bekannten teilen" for n in range(5)),
    }


def prepare(program, env):
    """Users and applications."""
    for name in USERS:
        subprocess.run([program, "users", "create", name, "--password-stdin"], env=env, text=True, input=PASSWORD,
                       stdout=subprocess.DEVNULL, check=True)
    for name in REACHABLE:
        subprocess.run([program, "users", "create", name, "--email", f"{name}@example.com", "--password-stdin"], env=env,
                       text=True, input=PASSWORD, stdout=subprocess.DEVNULL, check=True)
    for name in ADMINS:
        subprocess.run([program, "users", "create", name, "--role", "admin", "--password-stdin"], env=env, text=True,
                       input=PASSWORD, stdout=subprocess.DEVNULL, check=True)
    for id, options in CLIENTS.items():
        subprocess.run([program, "clients", "create", *options, "--id", id], env=env, stdout=subprocess.DEVNULL, check=True)


def wait_for(url, service, log):
    for _ in range(600):
        try:
            return urllib.request.urlopen(f"{url}/readyz", timeout=10).close()
        except OSError:
            assert service.poll() is None, f"the service has ended:\n{log.read_text()}"
            time.sleep(0.1)
    sys.exit(f"{url} does not answer")


def serve(program, folder, env, log):
    with open(log, "a") as output:
        service = subprocess.Popen([program], cwd=folder, env=env, stdout=output, stderr=output)
    wait_for(env["ISSUER"], service, log)
    return service


def end(service):
    service.send_signal(signal.SIGTERM)
    service.wait(timeout=60)


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
    logo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Logo)
    threading.Thread(target=logo.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        (tools / "mail").mkdir()
        shutil.copytree(ROOT / ".ci/pages", tools, dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *TOOLS], cwd=tools, check=True)
        env = {**os.environ, **settings(tools, f"http://127.0.0.1:{logo.server_port}")}
        log = tools / "log"
        service = serve(program, tools, env, log)
        try:
            prepare(program, env)
            walk = {"PASSWORD": PASSWORD, "DATABASE": str(tools / "tokensmith.db"), "HOST": HOST, "LONG": LONG}
            walk |= {"TOKENSMITH": str(program), "USERS": " ".join(USERS), "MANY": " ".join(MANY), "MAILS": str(tools / "mail")}
            if len(sys.argv) > 2:
                walk["SCREENSHOTS"] = str(Path(sys.argv[2]).resolve())
            for name in sys.argv[3:] or PROGRAMS:
                its_env = env | SETTINGS.get(name, {})
                if name in SETTINGS:
                    end(service)
                    service = serve(program, tools, its_env, log)
                began = time.monotonic()
                done = subprocess.run(["node", name], cwd=tools, env={**its_env, **walk})
                if done.returncode != 0:
                    sys.exit(f"the pages are not as they must be; the service's log:\n{log.read_text()}")
                print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        finally:
            end(service)
            logo.shutdown()


main()
