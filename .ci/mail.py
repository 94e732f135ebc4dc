"""Every mail, through a mail server that is not ours (aiosmtpd), with STARTTLS and with TLS from the beginning, both with
authentication: each is caused as users cause it, and read back. Then the mail server goes away and comes back.

    mail.py [BINARY [FOLDER]]      the release binary by default; pictures of all mails are put into FOLDER"""

import base64
import email
import email.policy
import hmac
import json
import logging
import os
import signal
import socket
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

ROOT = Path(__file__).resolve().parent.parent
AIOSMTPD = "aiosmtpd==1.4.6"
PASSWORD, NEXT = "correct horse battery staple", "another horse battery staple"
MAIL_USER, MAIL_PASSWORD = "id@example.org", "p/ss:w@rd%"
SUBJECTS = {
    "en": ["An authenticator app was set up", "Wrong codes at your login", "The authenticator app was removed",
           "Your second factors were removed", "New login", "Your password was changed", "One of your sessions was ended"],
    "de": ["Eine Authenticator-App wurde eingerichtet", "Falsche Codes bei deiner Anmeldung",
           "Die Authenticator-App wurde entfernt", None, "Neue Anmeldung", "Dein Passwort wurde geändert",
           "Eine deiner Sitzungen wurde beendet"],
    "es": ["Se ha configurado una aplicación de autenticación", "Códigos incorrectos al iniciar sesión",
           "Se ha quitado la aplicación de autenticación", None, "Nuevo inicio de sesión", "Se ha cambiado tu contraseña",
           "Se ha cerrado una de tus sesiones"],
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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

        options = {"authenticator": authenticate, "auth_required": True}
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
        self.url, self.metrics_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{metrics}/metrics"
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
            except (urllib.error.URLError, ConnectionError):
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


def cause(service, name, language):
    """Every notice to one user, in the order of the subjects; returns how many."""
    service.command("users", "create", name, "--email", f"{name}@example.com", "--password-stdin", text=PASSWORD)
    ask = lambda *args, **more: service.ask(*args, language=language, **more)  # noqa: E731
    login = lambda **more: ask("POST", "/v1/tokens", {"username": name, "password": PASSWORD}, **more)  # noqa: E731
    step, count = int(time.time()) // 30, 0

    def enrol(token):
        secret = ask("POST", "/v1/me/totp", {}, token)["secret"]
        return ask("POST", "/v1/me/totp/confirm", {"code": code(secret, step)}, token)["recovery_codes"]

    token = login()["access_token"]
    recovery_code, *_ = enrol(token)
    count += 1
    # From here on this address is known: what is guessed elsewhere does not count for it.
    challenge = login(expected=[401])["challenge"]
    ask("POST", "/v1/tokens/continue", {"challenge": challenge, "recovery_code": recovery_code})
    elsewhere = {"expected": [401], "ip": "198.51.100.9"}
    for _ in range(5):
        challenge = login(**elsewhere)["challenge"]
        ask("POST", "/v1/tokens/continue", {"challenge": challenge, "otp": "x"}, **elsewhere)
    count += 1
    ask("DELETE", "/v1/me/totp", None, token)
    count += 1
    if SUBJECTS[language][3]:
        enrol(token)
        service.command("users", "reset-second-factor", name)
        count += 2
    pair = login(ip="198.51.100.1")
    count += 1
    ask("POST", "/v1/me/password", {"current_password": PASSWORD, "new_password": NEXT}, pair["access_token"])
    count += 1
    ask("POST", "/v1/tokens/refresh", {"refresh_token": pair["refresh_token"]})
    ask("POST", "/v1/tokens/refresh", {"refresh_token": pair["refresh_token"]}, expected=[401])
    return count + 1


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


def picture(html, folder, name):
    page = folder / f"{name}.html"
    page.write_text(html)
    for size in ["390,844", "1024,768"]:
        target = folder / f"{name}-{size.split(',')[0]}.png"
        subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={size}",
                        f"--screenshot={target}", page.as_uri()], check=True, capture_output=True, timeout=120)


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
        for language, subjects in SUBJECTS.items():
            expected = [subject for subject in subjects if subject]
            if language == "en":
                # The app is set up once more before the reset.
                expected.insert(3, subjects[0])
            before, name = len(server.mails), f"ada-{language}"
            mails = server.wait_for(before + cause(service, name, language))[before:]
            # Those of one second may be sent in any order.
            assert len(mails) == len(expected), [subject(mail) for mail in mails]
            for number, subject_expected in enumerate(expected):
                found = [mail for mail in mails if subject(mail).startswith(subject_expected)]
                assert found, f"{subject_expected} is not among {[subject(mail) for mail in mails]}"
                html = check(found[0], subject_expected, f"{name}@example.com")
                if pictures:
                    picture(html, pictures, f"{language}-{number}")
            print(f"{language}: {len(mails)} mails")
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
    while metric(service, "failed") == 0:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert "cannot send a message" in service.log.read_text()
    back = Server(folder, port, is_wrapped=False)
    check(back.wait_for(1)[0], "Your password was changed", "ada-en@example.com")
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
