"""Every mail, through a mail server that is not ours (aiosmtpd), with STARTTLS and with TLS from the beginning, both with
authentication: each is caused as users cause it, and read back. Then the mail server goes away and comes back.

    mail.py [BINARY [FOLDER]]      the release binary by default; pictures of all mails are put into FOLDER"""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import logging
import os
import re
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
AIOSMTPD = "aiosmtpd==1.4.6"
PASSWORD, NEXT = "correct horse battery staple", "another horse battery staple"
MAIL_USER, MAIL_PASSWORD = "id@example.org", "p/ss:w@rd%"
SUBJECTS = {
    "app added": ["An authenticator app was set up", "Eine Authenticator-App wurde eingerichtet",
                  "Se ha configurado una aplicación de autenticación"],
    "wrong codes": ["Wrong codes at your login", "Falsche Codes bei deiner Anmeldung", "Códigos incorrectos al iniciar sesión"],
    "app removed": ["The authenticator app was removed", "Die Authenticator-App wurde entfernt",
                    "Se ha quitado la aplicación de autenticación"],
    "passkey added": ["A passkey was added", "Ein Passkey wurde hinzugefügt", "Se ha añadido una llave de acceso"],
    "passkey removed": ["A passkey was removed", "Ein Passkey wurde entfernt", "Se ha quitado una llave de acceso"],
    "factors reset": ["Your second factors were removed", "Deine zweiten Faktoren wurden entfernt",
                      "Se han quitado tus segundos factores"],
    "new device": ["New login", "Neue Anmeldung", "Nuevo inicio de sesión"],
    "password": ["Your password was changed", "Dein Passwort wurde geändert", "Se ha cambiado tu contraseña"],
    "reuse": ["One of your sessions was ended", "Eine deiner Sitzungen wurde beendet", "Se ha cerrado una de tus sesiones"],
    "reset": ["Choose a new password", "Wähle ein neues Passwort", "Elige una contraseña nueva"],
    "verify": ["Confirm your e-mail address", "Bestätige deine E-Mail-Adresse", "Confirma tu correo electrónico"],
    "address": ["Your e-mail address was changed", "Deine E-Mail-Adresse wurde geändert",
                "Se ha cambiado tu correo electrónico"],
}
LANGUAGES = ["en", "de", "es"]


class Server:
    """A mail server on localhost that lets in only who has the password, and only with TLS."""

    def __init__(self, folder, port, is_wrapped):
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import AuthResult

        # It warns of what it does itself.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self.mails = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

        def authenticate(_server, _session, _envelope, _mechanism, data):
            is_right = (data.login, data.password) == (MAIL_USER.encode(), MAIL_PASSWORD.encode())
            return AuthResult(success=is_right, handled=False)

        options = {"authenticator": authenticate, "auth_required": True, "ready_timeout": 60}
        # Its own sign of TLS is STARTTLS.
        options |= {"ssl_context": context, "auth_require_tls": False} if is_wrapped else \
            {"tls_context": context, "require_starttls": True}
        self.controller = Controller(self, hostname="127.0.0.1", port=port, **options)
        self.controller.start()

    async def handle_DATA(self, _server, session, envelope):
        assert session.authenticated
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.0.0 taken"

    def wait_for(self, count):
        until = time.monotonic() + 60
        while len(self.mails) < count:
            assert time.monotonic() < until, f"{len(self.mails)} mails of {count}: {[subject(m) for m in self.mails]}"
            time.sleep(0.05)
        return self.mails

    def stop(self):
        controller, self.controller = self.controller, None
        if controller is not None:
            controller.stop()


def subject(mail):
    return email.message_from_bytes(mail[2], policy=email.policy.default)["subject"]


class Service:
    """The service on an empty folder."""

    def __init__(self, program, folder, mail_url):
        folder.mkdir()
        self.program, self.folder = program, folder
        port, metrics = free_port(), free_port()
        # By name, since browsers have no passkeys at an address.
        self.url, self.metrics_url = f"http://localhost:{port}", f"http://127.0.0.1:{metrics}/metrics"
        (folder / "password").write_text(MAIL_PASSWORD + "\n")
        self.env = {
            **os.environ, "LISTEN": f"127.0.0.1:{port}", "ISSUER": self.url, "METRICS_LISTEN": f"127.0.0.1:{metrics}",
            "DATABASE_URL": f"sqlite://{folder}/tokensmith.db", "KEYS_DIR": f"{folder}/keys", "TRUSTED_PROXIES": "127.0.0.1",
            "FIRST_ADMIN_PASSWORD_FILE": f"{folder}/admin", "ID_TOKEN_SIGNING_ALGS": "ES256", "PAGE_NAME": "Müller & Söhne",
            "MAIL_URL": mail_url, "MAIL_PASSWORD_FILE": f"{folder}/password", "MAIL_FROM": "id@example.org",
            "OUTBOUND_CA_FILE": str(folder.parent / "cert.pem"), "REFRESH_SETTLE_WINDOW": "0s", "REFRESH_RETRY_WINDOW": "0s",
        }
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program], cwd=folder, env=self.env, stdout=log, stderr=log)
        for _ in range(600):
            try:
                return urllib.request.urlopen(f"{self.url}/readyz", timeout=10).close()
            except OSError:
                assert self.process.poll() is None, f"the service has ended:\n{self.log.read_text()}"
                time.sleep(0.1)

    def command(self, *words, text=None):
        return subprocess.run([self.program, *words], env=self.env, text=True, input=text, capture_output=True, check=True)

    def ask(self, method, path, body=None, token=None, language="en", ip="192.0.2.1", expected=(200, 201, 204)):
        headers = {"content-type": "application/json", "accept-language": language, "x-forwarded-for": ip}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        assert status in expected, f"{method} {path}: {status} {text}"
        return json.loads(text) if text else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def code(secret, step):
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">q", step), "sha1")
    return f"{(struct.unpack_from('>I', mac, mac[19] & 15)[0] & 0x7fffffff) % 10 ** 6:06}"


def registration(options):
    """What a browser returns for a new passkey, without an attestation
    (https://www.w3.org/TR/webauthn-3/#sctn-attestation-object)."""
    key = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"], capture_output=True, check=True)
    public = subprocess.run(["openssl", "ec", "-pubout", "-outform", "DER"], input=key.stdout, capture_output=True, check=True)
    x, y, id = public.stdout[-64:-32], public.stdout[-32:], os.urandom(16)
    cose = b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y
    rp = hashlib.sha256(options["rp"]["id"].encode()).digest()
    data = rp + b"\x45" + bytes(4) + bytes(16) + struct.pack(">H", len(id)) + id + cose
    attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58" + bytes([len(data)]) + data
    client = json.dumps({"type": "webauthn.create", "challenge": options["challenge"], "origin": options["origin"]})
    text = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()  # noqa: E731
    return {"id": text(id), "type": "public-key",
            "response": {"clientDataJSON": text(client.encode()), "attestationObject": text(attestation)}}


def cause(service, name, language, admin):
    """Every mail to one user; returns what each is, and whose address it goes to."""
    service.command("users", "create", name, "--email", f"{name}@example.com", "--password-stdin", text=PASSWORD)
    ask = lambda *args, **more: service.ask(*args, language=language, **more)  # noqa: E731
    login = lambda **more: ask("POST", "/v1/tokens", {"username": name, "password": PASSWORD}, **more)  # noqa: E731
    caused = []

    def enrol(token):
        secret = ask("POST", "/v1/me/totp", {}, token)["secret"]
        caused.append("app added")
        return ask("POST", "/v1/me/totp/confirm", {"code": code(secret, int(time.time()) // 30)}, token)["recovery_codes"]

    first = login()
    token, user = first["access_token"], first["user"]["id"]
    recovery_code, *_ = enrol(token)
    # From here on this address is known: what is guessed elsewhere does not count for it.
    challenge = login(expected=[401])["challenge"]
    ask("POST", "/v1/tokens/continue", {"challenge": challenge, "recovery_code": recovery_code})
    elsewhere = {"expected": [401], "ip": "198.51.100.9"}
    for _ in range(5):
        challenge = login(**elsewhere)["challenge"]
        ask("POST", "/v1/tokens/continue", {"challenge": challenge, "otp": "x"}, **elsewhere)
    ask("DELETE", "/v1/me/totp", None, token)
    options = ask("POST", "/v1/me/passkeys/options", {}, token)["publicKey"]
    made = ask("POST", "/v1/me/passkeys", {"credential": registration({**options, "origin": service.url})}, token)
    ask("DELETE", f"/v1/me/passkeys/{made['id']}", None, token)
    caused += ["wrong codes", "app removed", "passkey added", "passkey removed"]
    enrol(token)
    ask("DELETE", f"/v1/admin/users/{user}/totp", None, admin)
    pair = login(ip="198.51.100.1")
    ask("POST", "/v1/me/password", {"current_password": PASSWORD, "new_password": NEXT}, pair["access_token"])
    ask("POST", f"/v1/admin/users/{user}/password", {"password": PASSWORD}, admin)
    pair = login()
    ask("POST", "/v1/me/password", {"current_password": PASSWORD, "new_password": NEXT}, pair["access_token"])
    ask("POST", "/v1/tokens/refresh", {"refresh_token": pair["refresh_token"]})
    ask("POST", "/v1/tokens/refresh", {"refresh_token": pair["refresh_token"]}, expected=[401])
    caused += ["factors reset", "new device", "password", "password", "password", "reuse"]
    ask("POST", "/v1/password-resets", {"email": f"{name}@example.com"}, expected=[202])
    token = ask("POST", "/v1/tokens", {"username": name, "password": NEXT})["access_token"]
    new = f"{name}-new@example.com"
    ask("PATCH", "/v1/me/profile", {"email": new}, token)
    of_name = [(what, f"{name}@example.com") for what in [*caused, "reset"]]
    return of_name + [("verify", new)], (token, new)


def confirm(service, mail, language, token):
    """Types the code of a mail."""
    text = email.message_from_bytes(mail[2], policy=email.policy.default).get_body(("plain",)).get_content()
    typed = re.search(r": ([\d ]{6,})\r?$", text, re.MULTILINE).group(1)
    service.ask("POST", "/v1/me/email/verification/confirm", {"code": typed}, token, language=language)


def check(mail, expected, recipient):
    """A mail as its reader gets it; returns its HTML."""
    sender, recipients, content = mail
    assert (sender, recipients) == (MAIL_USER, [recipient]), mail
    read = email.message_from_bytes(content, policy=email.policy.default)
    assert not read.defects and all(len(line) <= 998 for line in content.split(b"\r\n")), read.defects
    assert content.isascii() and b"\n" not in content.replace(b"\r\n", b"")
    assert read["subject"] == f"{expected} – Müller & Söhne", read["subject"]
    assert str(read["from"]) == 'Müller & Söhne <id@example.org>' and str(read["to"]) == recipient, (read["from"], read["to"])
    assert read["auto-submitted"] == "auto-generated" and read["message-id"].endswith("@example.org>") and read["date"]
    assert read.get_content_type() == "multipart/alternative"
    text, html = (read.get_body(kind).get_content() for kind in [("plain",), ("html",)])
    assert "Müller & Söhne" in text and "Müller &#38; Söhne" in html and "<" not in text and "<img" not in html
    return html


# The windows of readers are narrow or wide, light or dark.
WIDTHS, HEIGHT = [390, 800], 760
SCHEMES = {"light": [], "dark": ["--force-dark-mode"]}


def pictures_of(mails, folder, language):
    """All mails of a language side by side, in light and in dark."""
    for name, html in mails.items():
        (folder / f"{language}-{name}.html").write_text(html)
    frames = [f"<iframe src={language}-{name}.html width={width} height={HEIGHT}></iframe>" for name in mails for width in WIDTHS]
    page = folder / f"{language}.html"
    page.write_text(f"<!doctype html><meta name=color-scheme content='light dark'><body>{''.join(frames)}")
    size = f"{sum(WIDTHS) + 60},{len(mails) * (HEIGHT + 20)}"
    for scheme, options in SCHEMES.items():
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}",
                        *options, f"--screenshot={folder / f'{language}-{scheme}.png'}", page.as_uri()],
                       check=True, capture_output=True, timeout=120)


def metric(service, name):
    text = urllib.request.urlopen(service.metrics_url, timeout=10).read().decode()
    lines = [line for line in text.splitlines() if line.startswith(f'tokensmith_outbox_messages_total{{name="{name}"}}')]
    return int(lines[0].split()[-1]) if lines else 0


def every_mail(program, folder, pictures):
    port = free_port()
    server = Server(folder, port, is_wrapped=False)
    user = MAIL_USER.replace("@", "%40")
    service = Service(program, folder / "service", f"smtp://{user}@localhost:{port}")
    try:
        password = (service.folder / "admin").read_text().strip()
        admin = service.ask("POST", "/v1/tokens", {"username": "admin", "password": password})["access_token"]
        for column, language in enumerate(LANGUAGES):
            before, name = len(server.mails), f"ada-{language}"
            expected, (token, new) = cause(service, name, language, admin)
            server.wait_for(before + len(expected))
            confirm(service, next(mail for mail in server.mails[before:] if mail[1] == [new]), language, token)
            expected += [("address", f"{name}@example.com"), ("address", new)]
            mails = list(server.wait_for(before + len(expected))[before:])
            # Those of one second may be sent in any order.
            assert len(mails) == len(expected), [subject(mail) for mail in mails]
            shown = {}
            for number, (what, recipient) in enumerate(expected):
                title = SUBJECTS[what][column]
                found = [mail for mail in mails if subject(mail).startswith(title) and mail[1] == [recipient]]
                assert found, f"{title} to {recipient} is not among {[subject(mail) for mail in mails]}"
                mails.remove(found[0])
                shown[f"{number:02}-{what.replace(' ', '-')}"] = check(found[0], title, recipient)
            if pictures:
                pictures_of(shown, pictures, language)
            print(f"{language}: {len(expected)} mails")
        ids = [email.message_from_bytes(mail[2])["message-id"] for mail in server.mails]
        assert len(set(ids)) == len(ids)
        away(service, server, folder, port)
    finally:
        service.stop()
        server.stop()
    log = service.log.read_text()
    assert "@example.com" not in log and MAIL_PASSWORD not in log, log
    shown = service.command("config").stdout
    assert MAIL_PASSWORD not in shown and "***" in shown, shown


def away(service, server, folder, port):
    """The mail server goes away and comes back: the request succeeds at once, and the mail arrives later."""
    server.stop()
    login = service.ask("POST", "/v1/tokens", {"username": "ada-en", "password": NEXT})
    body = {"current_password": NEXT, "new_password": PASSWORD}
    service.ask("POST", "/v1/me/password", body, login["access_token"])
    until = time.monotonic() + 60
    while metric(service, "failed") == 0 or "cannot send a message" not in service.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.1)
    back = Server(folder, port, is_wrapped=False)
    check(back.wait_for(1)[0], "Your password was changed", "ada-en-new@example.com")
    back.stop()
    print("a mail server that was away got its mail")


def wrapped(program, folder):
    port = free_port()
    server = Server(folder, port, is_wrapped=True)
    service = Service(program, folder / "wrapped", f"smtps://{MAIL_USER.replace('@', '%40')}@localhost:{port}")
    try:
        service.command("users", "create", "ada", "--email", "ada@example.com", "--password-stdin", text=PASSWORD)
        service.command("users", "set-password", "ada", "--password-stdin", text=NEXT)
        mail = server.wait_for(1)[0]
        check(mail, "Your password was changed", "ada@example.com")
        print("TLS from the beginning: one mail, caused by a command")
    finally:
        service.stop()
        server.stop()


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
    pictures = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tools:
        folder = Path(tools)
        certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        certificate += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        certificate += ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run(certificate, cwd=folder, check=True, capture_output=True)
        every_mail(program, folder, pictures)
        wrapped(program, folder)


if os.environ.get("MAIL_TOOLS") is None:
    with tempfile.TemporaryDirectory() as tools:
        venv.create(tools, with_pip=True)
        subprocess.run([f"{tools}/bin/pip", "install", "-q", "--disable-pip-version-check", AIOSMTPD], check=True)
        sys.exit(subprocess.run([f"{tools}/bin/python", *sys.argv], env={**os.environ, "MAIL_TOOLS": tools}).returncode)
main()
