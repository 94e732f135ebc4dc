"""next-auth: the book's Next.js application, in which a user logs in and out."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

from browser import Step
from harness import ISSUER, book, browser, run_book, serve, step
from ports import free_port

FILES = {"route.js": "app/api/auth/[...nextauth]/route.js", "auth.js": "auth.js"}
# What Next.js wants to be there besides.
LAYOUT = "export default function Layout({ children }) { return <html lang='en'><body>{children}</body></html>; }"
PAGE = "export default function Page() { return <p>Notes</p>; }"


def make(folder, site):
    """What the book says, step by step, with the addresses of this run."""
    addresses = {"http://127.0.0.1:8080": ISSUER, "http://localhost:3000": site}
    # Its own limit of 3.5 seconds is too short for a busy machine.
    addresses['type: "oauth",'] = 'type: "oauth", httpOptions: { timeout: 60_000 },'
    made = run_book("next/register.sh", addresses)
    os.environ |= {
        "TOKENSMITH_ID": re.search(r"created .* \((.+)\)", made)[1],
        "TOKENSMITH_SECRET": re.search(r"client_secret: (\S+)", made)[1],
        "NEXTAUTH_URL": site, "NEXTAUTH_SECRET": "a secret of this run", "NEXT_TELEMETRY_DISABLED": "1",
    }
    for name, path in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(book(f"next/{name}", addresses))
    (folder / "app/layout.js").write_text(LAYOUT)
    (folder / "app/page.js").write_text(PAGE)


def logout_url(site):
    """The book's `logoutUrl`."""
    query = {"client_id": os.environ["TOKENSMITH_ID"], "post_logout_redirect_uri": site}
    return f"{ISSUER}/oauth/logout?{urlencode(query)}"


def check(site):
    ada = browser()
    auth = f"{site}/api/auth"
    session = lambda: json.loads(ada.send(Step("GET", f"{auth}/session")).text)
    sign_in = ada.send(Step("GET", f"{auth}/signin"))
    home = ada.walk(sign_in.submit(sign_in.forms[0], callbackUrl=site))
    assert ada.seen == ["login", "consent"] and home.url.rstrip("/") == site, (ada.seen, home.url, home.text)
    user = session()["user"]
    assert user["id"] == os.environ["USER_ID"] and user["name"] == "Ada Lovelace", user
    step("login through the pages, and a session in next-auth")
    sign_out = ada.send(Step("GET", f"{auth}/signout"))
    home = ada.walk(sign_out.submit(sign_out.forms[0], callbackUrl=logout_url(site)))
    assert ada.seen == ["logout"] and home.url.rstrip("/") == site, (ada.seen, home.url, home.text)
    assert session() in ({}, None), session()
    again = ada.walk(sign_in.submit(sign_in.forms[0], callbackUrl=site))
    assert ada.seen == ["login"] and again.url.rstrip("/") == site, (ada.seen, again.url)
    step("logout ends both sessions: the next login asks for the password, and not for consent")


def main():
    site = f"http://localhost:{free_port()}"
    folder = Path("next").resolve()
    make(folder, site)
    with open(folder / "log", "w") as log:
        command = ["npx", "next", "dev", "--hostname", "localhost", "--port", site.rpartition(":")[2]]
        server = serve(command, f"{site}/api/auth/session", cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        check(site)
    except Exception:
        print((folder / "log").read_text(), file=sys.stderr)
        raise
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


main()
