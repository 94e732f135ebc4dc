"""mozilla-django-oidc: the book's Django project, in which a user logs in and out; then the same as a site whose users were
imported."""

import os
import re
import subprocess
import sys
from pathlib import Path

from browser import Browser, Step
from harness import ISSUER, book, browser, run_book, serve, step
from ports import free_port

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


MIGRATED = "a long passphrase of Maya's"
# Two users of Django; one of them is imported.
MAKE = f"""
from django.contrib.auth.models import User
User.objects.create_user("somebody", "somebody@example.com", "another one")
maya = User.objects.create_user("maya", "maya@example.com", {MIGRATED!r}, first_name="Maya", last_name="Angelou", is_staff=True)
print("external_id,username,email,password_hash")
print(maya.pk, maya.username, maya.email, maya.password, sep=",")
"""
SHOW = """
from django.contrib.auth.models import User
print([(user.pk, user.get_full_name(), user.is_staff) for user in User.objects.filter(email="maya@example.com")])
print(User.objects.filter(username__contains="-").count())
"""


def python(folder, code):
    command = [*MANAGE, "shell", "-v0", "-c", code]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def migrate(folder):
    """Imports a user of Django, and lets the site find users as the book says."""
    (folder / "users.csv").write_text(python(folder, MAKE))
    subprocess.run([os.environ["TOKENSMITH"], "users", "import", folder / "users.csv"], check=True, stdout=subprocess.DEVNULL)
    run_book("django/claim.sh", {})
    (folder / "notes/migrated.py").write_text(book("django/migrated.py", {}))
    with open(folder / "notes/settings.py", "a") as settings:
        settings.write(book("django/migrated_settings.py", {}))


def check_migrated(folder, site):
    before = python(folder, SHOW)
    maya = Browser("maya", MIGRATED)
    home = maya.walk(Step("GET", f"{site}/"))
    assert "Hello Maya" in home.text, home.text
    assert python(folder, SHOW) == before and "Maya Angelou', True" in before, (before, python(folder, SHOW))
    assert browser().walk(Step("GET", f"{site}/")).url == f"{site}/"
    assert python(folder, SHOW) == before, "Ada has one already"
    python(folder, "from django.contrib.auth.models import User; User.objects.filter(username='maya').delete()")
    again = Browser("maya", MIGRATED).walk(Step("GET", f"{site}/"))
    assert again.status == 404 and python(folder, "from django.contrib.auth.models import User; "
                                                "print(User.objects.filter(username='maya').count())").strip() == "0"
    step("an imported user is the same user of Django, and one that was deleted there gets no other")


def served(folder, site):
    with open(folder / "log", "a") as log:
        command = [*MANAGE, "runserver", "--noreload", site.removeprefix("http://")]
        return serve(command, f"{site}/oidc/logout/", cwd=folder, stdout=log, stderr=log)


def main():
    site = f"http://localhost:{free_port()}"
    folder = Path("django").resolve()
    folder.mkdir()
    make(folder, site)
    for prepare, check_it in [(lambda: None, lambda: check(site)), (lambda: migrate(folder), lambda: check_migrated(folder, site))]:
        prepare()
        server = served(folder, site)
        try:
            check_it()
        except Exception:
            print((folder / "log").read_text(), file=sys.stderr)
            raise
        finally:
            server.terminate()
            server.wait(30)


main()
