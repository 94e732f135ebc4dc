"""mozilla-django-oidc: the book's Django project, in which a user logs in and out."""

import os
import re
import subprocess
import sys
from pathlib import Path

from browser import Step
from harness import ISSUER, book, browser, free_port, run_book, serve, step

MANAGE = [sys.executable, "manage.py"]
FILES = {
    "settings.py": "notes/settings.py", "oidc.py": "notes/oidc.py", "urls.py": "notes/urls.py",
    "home.html": "templates/home.html",
}


def make(folder, site):
    """What the book says, step by step, with the addresses of this run."""
    addresses = {"http://127.0.0.1:8080": ISSUER, "http://localhost:8000": site}
    made = run_book("django/register.sh", addresses)
    os.environ["OIDC_RP_CLIENT_ID"] = re.search(r"created .* \((.+)\)", made)[1]
    os.environ["OIDC_RP_CLIENT_SECRET"] = re.search(r"client_secret: (\S+)", made)[1]
    subprocess.run([sys.executable, "-m", "django", "startproject", "notes", folder], check=True)
    for name, path in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        # The settings go below those that Django has made.
        with open(folder / path, "a" if name == "settings.py" else "w") as file:
            file.write(book(f"django/{name}", addresses))
    subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], cwd=folder, check=True)


def check(site):
    ada = browser()
    home = ada.walk(Step("GET", f"{site}/"))
    assert ada.seen == ["login", "consent"] and home.url == f"{site}/", (ada.seen, home.url, home.text)
    assert "Ada Lovelace" in home.text, home.text
    assert ada.walk(Step("GET", f"{site}/")).url == f"{site}/" and ada.seen == []
    step("login through the pages, and a session in Django")
    asked = ada.walk(home.submit(home.forms[0]), stop=f"{ISSUER}/oauth/interactions/")
    assert isinstance(asked, Step), f"the logout should lead to a login: {asked.text}"
    again = ada.walk(asked)
    assert ada.seen == ["login"] and "Ada Lovelace" in again.text, (ada.seen, again.text)
    step("logout ends both sessions: the next login asks for the password, and not for consent")


def main():
    site = f"http://localhost:{free_port()}"
    folder = Path("django").resolve()
    folder.mkdir()
    make(folder, site)
    with open(folder / "log", "w") as log:
        command = [*MANAGE, "runserver", "--noreload", site.removeprefix("http://")]
        server = serve(command, f"{site}/oidc/logout/", cwd=folder, stdout=log, stderr=log)
    try:
        check(site)
    except Exception:
        print((folder / "log").read_text(), file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.wait(30)


main()
