"""The package in clients/js, as a user gets it: built and packed from a copy of its folder alone, installed into an empty project,
and run there beside the service as it was built, in Node and in Chromium. `python3 .ci/js.py [PROGRAM [NAME ..]]`; the programs
are in js/. What the book says of the package is run as it is written: the blocks `<!-- run: js/FILE -->`."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parent.parent
PAGES = list((ROOT / "docs/src").rglob("*.md"))
MARKED = re.compile(r"<!-- run: js/(\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
# The project of somebody who uses the package.
USED = ["express@5.3.0", "react@19.3.1", "react-dom@19.3.1"]
TESTING = ["playwright-core@1.65.1", "oidc-provider@9.13.3", "happy-dom@21.0.4", "typescript@5.9.3", "@types/express@5.0.6", "@types/node@20.19.9", "@types/react@19.3.0"]
PROGRAMS = {
    "the book": "book.mjs",
    "Node and Express": "node.mjs",
    "an app without a build, in Chromium": "spa.mjs",
    "several tabs, in Chromium": "pages.mjs",
    "several origins, in Chromium": "origins.mjs",
    "requests of other sites, in Chromium": "csrf.mjs",
    "four tabs and lost answers, in Chromium": "schedule.mjs",
    "passkeys, in Chromium": "passkeys.mjs",
    "sign-in at a provider, in Chromium": "providers.mjs",
}
NPM = ["--silent", "--no-audit", "--no-fund"]


def tracked(folder, target):
    """A copy of what git has of a folder."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy)


def build(folder):
    """Builds and tests the package."""
    subprocess.run(["npm", "ci", *NPM], cwd=folder, check=True)
    corpus = ROOT / "clients/corpus"
    env = {**os.environ, **({"CORPUS": str(corpus)} if corpus.exists() else {})}
    tests = subprocess.run(["npm", "test", "--silent"], cwd=folder, env=env, capture_output=True, text=True)
    assert tests.returncode == 0, tests.stdout + tests.stderr
    print("  " + ", ".join(re.findall(r"^[#ℹ] ((?:pass|fail) \d+)", tests.stdout, re.MULTILINE)))
    subprocess.run(["npm", "run", "--silent", "size"], cwd=folder, check=True)


def check_description(program, folder, tools):
    """That the types are those of the service."""
    port = free_port()
    home = tools / "description"
    home.mkdir()
    url = f"http://127.0.0.1:{port}"
    env = {**os.environ, "LISTEN": f"127.0.0.1:{port}", "ISSUER": url, "RUST_LOG": "warn"}
    with open(home / "log", "w") as log:
        service = subprocess.Popen([program], cwd=home, env=env, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=10).close()
                break
            except OSError:
                assert service.poll() is None, (home / "log").read_text()
                time.sleep(0.1)
        subprocess.run(["node", "scripts/types.mjs", url, "--check"], cwd=folder, check=True)
    finally:
        service.terminate()
        service.wait(60)


def write_book(project):
    """The blocks of the book, each in a file of its name."""
    blocks = dict(block for page in PAGES for block in MARKED.findall(page.read_text()))
    expected = {"install.sh", "app.mjs", "login.mjs", "greeting.tsx", "verify.mjs", "server.mjs", "resource.mjs"}
    assert blocks.keys() == expected, blocks.keys() ^ expected
    for name, block in blocks.items():
        (project / name).write_text(block)


def main():
    program = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/tokensmith").resolve()
    wanted = sys.argv[2:] or list(PROGRAMS)
    with tempfile.TemporaryDirectory() as name:
        tools = Path(name)
        clone, project = tools / "tokensmith", tools / "project"
        print("the package, built from its folder alone", flush=True)
        folder = clone / "clients/js"
        tracked("clients/js", clone)
        build(folder)
        check_description(program, folder, tools)
        tracked("examples", clone)
        shutil.copytree(ROOT / ".ci/js", project)
        shutil.copy(ROOT / ".ci/pages/upstream.mjs", project)
        write_book(project)
        installed = subprocess.run(["bash", "-eu", "install.sh"], cwd=project, capture_output=True, text=True)
        assert installed.returncode == 0, installed.stdout + installed.stderr
        archive = next(folder.glob("*.tgz"))
        print(f"  packed: {archive.name}, {archive.stat().st_size} bytes")
        subprocess.run(["npm", "install", *NPM, *USED, *TESTING], cwd=project, check=True)
        subprocess.run(["npx", "tsc", "-p", "."], cwd=project, check=True)
        shutil.copy(clone / "examples/express/server.mjs", project / "example.mjs")
        env = {
            **os.environ, "TOKENSMITH": str(program), "FOLDER": str(tools / "services"), "EXAMPLES": str(clone / "examples"),
            "PACKAGE": f"{(project / 'node_modules/tokensmith').as_uri()}/",
        }
        for name in wanted:
            began = time.monotonic()
            print(name, flush=True)
            done = subprocess.run(["node", PROGRAMS[name]], cwd=project, env=env, timeout=300)
            if done.returncode != 0:
                logs = "".join(log.read_text() for log in (tools / "services").glob("*/log"))
                sys.exit(f"{name} failed; the services' logs:\n{logs}")
            print(f"  {time.monotonic() - began:.0f} s", flush=True)


main()
