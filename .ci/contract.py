"""Validates the OpenAPI description of the running service, and holds the service to it with schemathesis: no 5xx, no status,
media type, header or body that is not described, nothing accepted that the description forbids and nothing refused that it
allows, no protected route without authentication. Bounded in examples and time.

    contract.py [BINARY]        the release binary by default, built"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = "http://127.0.0.1:8099"
TOOLS = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"]
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "response_headers_conformance", "negative_data_rejection", "positive_data_acceptance",
    "ignored_auth", "unsupported_method",
    "allow_header_conformance",
]
# What no schema can say: how easy a new password is to guess, which roles the owner of an API token has, which characters
# Unicode has not assigned yet (names and addresses have none), and what of an application goes together.
BEYOND_SCHEMAS = [
    "PATCH /v1/me/profile", "PATCH /v1/admin/users/{id}", "POST /v1/admin/users", "POST /v1/admin/users/{id}/password", "POST /v1/me/password", "POST /v1/api-tokens",
    "POST /v1/admin/clients", "PATCH /v1/admin/clients/{id}", "POST /v1/me/passkeys", "PATCH /v1/me/passkeys/{id}",
    "POST /v1/password-resets", "POST /v1/password-resets/confirm",
    "POST /v1/registrations", "POST /v1/registrations/confirm", "POST /v1/admin/invitations",
]
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
SETTINGS = {"LISTEN": "127.0.0.1:8099", "ISSUER": "http://localhost:8099", "MAIL_FROM": "id@example.com", "SCOPES": "notes:read,notes:write", "ACCESS_TOKEN_LIFETIME": "1h", "RUST_LOG": "error"}


def call(method, path, body=None, authorization=None):
    headers = {"content-type": "application/json"} | ({"authorization": authorization} if authorization else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def run(tools, name, authorization, *options, ids=None):
    config = tools / f"{name}.toml"
    settings = [f'[parameters]\n"path.id" = "{id}"\n' for id in ids or []]
    settings.append("[checks]\nenabled = false\n" + "".join(f"{check}.enabled = true\n" for check in CHECKS))
    # While the disk of the machine stands still, the database is away, and the service says so.
    settings.append('not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]\n')
    # A list with too many items may be too large a body.
    settings.append(f"negative_data_rejection.expected-statuses = {REFUSALS}\n")
    for operation in BEYOND_SCHEMAS:
        settings.append(f'[[operations]]\ninclude-name = "{operation}"\nchecks.positive_data_acceptance.enabled = false\n')
    # Which parameters go together there depends on the grant, and they must not be repeated. Forms are not described.
    settings.append('[[operations]]\ninclude-path-regex = "^/(oauth/|login$|account|password-reset|email-verification|registration|invitation|v1/admin/claims/)"\nchecks.positive_data_acceptance.enabled = false\n')
    config.write_text("".join(settings))
    command = [
        tools / "venv/bin/schemathesis", "--no-color", "--config-file", config, "run", f"{BASE}/openapi.json",
        "--header", f"Authorization: {authorization}", "--max-examples", "25", "--no-shrink",
        "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--seed", "1", "--request-timeout", "20",
        "--continue-on-failure", *options,
    ]
    done = subprocess.run(command, cwd=tools, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{name}: the service does not keep to its description:\n{done.stdout}{done.stderr}")
    counted = re.search(r"Test cases:\s+((\d+) generated.*)", done.stdout)
    assert counted and int(counted[2]) > 0, done.stdout
    print(f"{name}: {counted[1]}")


def first_password(service, folder):
    """The first admin's: without a terminal it is in a file."""
    assert any("curl" in line for line in service.stdout)
    return (folder / "data/first-admin-password").read_text().strip()


def validate(tools):
    description = tools / "openapi.json"
    description.write_text(json.dumps(call("GET", "/openapi.json")))
    subprocess.run([tools / "venv/bin/openapi-spec-validator", "--validation-errors", "all", description], check=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        venv.create(tools / "venv", with_pip=True)
        pip = [tools / "venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", *TOOLS]
        subprocess.run(pip, check=True)
        binary = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
        service = subprocess.Popen([binary], cwd=tools, env={**os.environ, **SETTINGS, "MAIL_URL": f"file://{tools}/mail"}, stdout=subprocess.PIPE, text=True)
        try:
            password = first_password(service, tools)
            validate(tools)
            # All of them first: the runs change names and fail to log in.
            login = lambda: "Bearer " + call("POST", "/v1/tokens", {"username": "admin", "password": password})["access_token"]
            new = {"username": "victim", "password": "correct horse battery staple", "roles": ["editor"]}
            sessions = [login(), login()]
            victim = call("POST", "/v1/admin/users", new, sessions[0])
            new = {"name": "contract", "roles": ["admin"]}
            key = "Token " + call("POST", "/v1/api-tokens", new, sessions[0])["key"]
            # Each with what it may do; a session must not end itself, nor the one password be guessed away.
            run(tools, "logged in", sessions[0], "--exclude-path-regex", "^/v1/(logout|admin)")
            run(tools, "logging out", sessions[1], "--include-path-regex", "^/v1/logout")
            run(tools, "an API token", key, "--exclude-tag", "administration")
            run(tools, "administrating with an API token", key, "--include-tag", "administration")
            run(tools, "administrating a user", key, "--include-path-regex", "^/v1/admin/users/{id}", "--exclude-method", "DELETE", ids=[victim["id"]])
            assert call("GET", "/readyz")["status"] == "ready"
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(timeout=60)


main()
