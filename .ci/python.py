"""The Python package, as its users get it: builds the wheel, installs it into an empty environment, checks types, style and
that Python 3.9 can read it, and runs its tests against the service, the book's code and the examples.
`python3 .ci/python.py [PROGRAM]`"""

import os
import re
import shutil
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
PACKAGE = ROOT / "clients/python"
PAGE = ROOT / "docs/src/backends/python.md"
MARKED = re.compile(r"<!-- run: python/(\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
BLOCKS = dict(MARKED.findall(PAGE.read_text()))
BOOKED = "http://127.0.0.1:8080"
BUILD = ["hatchling==1.33.0"]
EXACT = [
    "django==5.2.19", "djangorestframework==3.18.3", "djangorestframework-simplejwt==5.5.1", "fastapi==0.165.0",
    "gunicorn==27.0.1", "httpx==0.28.1", "mypy==2.4.1", "pyjwt[crypto]==2.15.1", "pytest==9.2.0", "ruff==0.17.6",
    "uvicorn==0.54.0", "vermin==1.9.2",
]

sys.path.insert(0, str(PACKAGE))


def run(*command, cwd=PACKAGE, **env):
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed with {done.returncode}")


def install(tools):
    """The wheel alone in one environment, and in the other with all that the tests need. Returns both Pythons."""
    wheels = tools / "wheels"
    venv.create(tools / "build", with_pip=True)
    pip = ["-m", "pip", "-q", "--disable-pip-version-check"]
    run(tools / "build/bin/python", *pip, "install", "--no-compile", *BUILD)
    # Built in a copy: pip and the tools leave files behind.
    copy = tools / "source"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*cache*", "*.egg-info"))
    run(tools / "build/bin/python", *pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, ".", cwd=copy)
    (wheel,) = wheels.glob("tokensmith-*.whl")
    print(f"the wheel has {wheel.stat().st_size} bytes")
    pythons = []
    for name, wanted in {"bare": [wheel], "full": [f"{wheel}[django,fastapi]", *EXACT]}.items():
        venv.create(tools / name, with_pip=True)
        python = tools / name / "bin/python"
        run(python, *pip, "install", "--no-compile", *wanted)
        pythons.append(python)
    return pythons


BARE = """
import tokensmith, tokensmith.testing
issuer = tokensmith.testing.TestIssuer()
assert issuer.verifier().verify(issuer.token("ada")).sub == "ada"
for extra in ("django", "fastapi"):
    try:
        __import__("tokensmith." + extra)
        raise SystemExit(f"{extra} is there without being asked for")
    except ModuleNotFoundError:
        pass
"""

DJANGO = """
import sys
from django.conf import settings
from django.core.management import call_command
import django, {settings} as book
settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50, ROOT_URLCONF="urls",
                   **{{name: value for name, value in vars(book).items() if name.isupper()}})
django.setup()
call_command("check")
from django.test import Client
access, refresh = sys.argv[1:]

def status(path, token=None):
    headers = {{"HTTP_AUTHORIZATION": "Bearer " + token}} if token else {{}}
    return Client().get(path, **headers).status_code

assert [status("/notes", token) for token in (access, refresh, "garbage", None)] == [200, 401, 401, 401]
"""

URLS = """
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.response import Response
try:
    from django_views import drafts, notes
except ImportError:  # With simplejwt alone there is no tokensmith to import.
    pass
@api_view()
def whose(request):
    return Response({"owner": request.user.id})
"""

FASTAPI = """
import sys
from fastapi.testclient import TestClient
from main import app
access, refresh = sys.argv[1:]
client = TestClient(app)
for token, status in [(access, 200), (refresh, 401), ("garbage", 401)]:
    for path in ("/notes", "/admin"):
        answer = client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == status, (path, answer.text)
assert client.get("/notes").headers["www-authenticate"].startswith("Bearer realm=")
"""


def check_book(tools, python, service):
    """The code of the page, as it is written there."""
    expected = {"main.py", "django_settings.py", "django_views.py", "verify.py", "script.py", "test_main.py", "simplejwt_settings.py"}
    assert BLOCKS.keys() == expected, BLOCKS.keys() ^ expected
    folder = tools / "book"
    folder.mkdir()
    for name, block in BLOCKS.items():
        assert name in ("django_views.py", "test_main.py") or BOOKED in block, f"{name} names another issuer"
        (folder / name).write_text(block.replace(BOOKED, service.url))
    client = service.client()
    tokens = [client.access_token(), client.pair["refresh_token"]]
    run(python, "-c", FASTAPI, *tokens, cwd=folder)
    for settings, views in {"django_settings": "notes", "simplejwt_settings": "whose"}.items():
        more = 'urlpatterns = [path("notes", %s)]' % views
        (folder / "urls.py").write_text(URLS + more)
        run(python, "-c", DJANGO.format(settings=settings), *tokens, cwd=folder)
    run(python, "-m", "pytest", "-q", "test_main.py", cwd=folder)
    user = client.pair["user"]["id"]
    shown = subprocess.run([python, "verify.py", tokens[0]], cwd=folder, capture_output=True, text=True)
    assert shown.stdout.strip() == user, shown
    made = client.request("POST", "/v1/api-tokens", json={"name": "nightly"}).json()
    key = next(value for value in made.values() if str(value).startswith("tks_"))
    for wanted in (user, "the API token is refused: api_token_revoked"):
        shown = subprocess.run([python, "script.py"], cwd=folder, capture_output=True, text=True, env={**os.environ, "API_TOKEN": key})
        assert shown.stdout.strip() == wanted, shown
        client.request("POST", "/v1/tokens/revoke", json={"token": key})
    print("the book's code works")


def status(url, token=None):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def check_example(name, tools, service, port):
    """Starts the example as its reader does, but with the packages that are installed already."""
    env = {**os.environ, "VENV": str(tools / "full"), "ISSUER": service.url, "PORT": str(port)}
    with open(tools / f"{name}.log", "w") as log:
        command = [ROOT / "examples" / name / "run"]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        client = service.client()
        token = client.access_token()
        for _ in range(600):
            if status(f"{url}/") == 200:
                break
            assert process.poll() is None, (tools / f"{name}.log").read_text()
            time.sleep(0.05)
        for path in ("/notes", "/admin"):
            assert [status(url + path, given) for given in (token, "garbage", None)] == [200, 401, 401], path
        client.logout()
        ended = time.monotonic()
        while status(f"{url}/notes", token) == 200:
            assert time.monotonic() - ended < 30, f"{name} still lets the token in"
        assert status(f"{url}/notes", token) == 401
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
    print(f"the example in {name} lets the token in, and refuses it after the logout")


def main():
    program = str(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve())
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder)
        bare, full = install(tools)
        run(bare, "-c", BARE, cwd=tools)
        run(full, "-m", "ruff", "check", "--no-cache", ".")
        run(full, "-m", "ruff", "check", "--no-cache", "--isolated", ROOT / "examples")
        run(full, "-m", "ruff", "format", "--no-cache", "--check", ".")
        run(full, "-m", "mypy", "--cache-dir", tools / "mypy")
        run(tools / "full/bin/vermin", "-q", "-t=3.9-", "--violations", "--no-tips", "src", "../../examples/fastapi")
        run(full, "-m", "pytest", "-q", "-p", "no:cacheprovider", TOKENSMITH=program)
        check_with(full, tools, program)


def check_with(full, tools, program):
    """The book and the examples; the tests' own class starts the service, so this process borrows their packages."""
    sys.path.insert(0, next(str(path) for path in (tools / "full/lib").glob("python3*/site-packages")))
    from tests.service import Service, free_port

    service = Service(program, tools / "service")
    try:
        check_book(tools, full, service)
        for name in ("fastapi", "django"):
            check_example(name, tools, service, free_port())
    finally:
        service.stop()


main()
