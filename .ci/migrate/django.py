"""The move from Django, live, as the book says: a real project with users of every hasher, 50 clients that go on through the
switch, and every command of the page. Once with rotation and Django's user model, once without rotation and with a user model
of its own whose usernames are addresses. `python3 .ci/migrate/django.py [PROGRAM]`

On SQLite, or with `SERVER_URL=postgres://..` on new databases of that server."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from frontends import Frontends
from harness import PASSWORD, SECRET, environment, run, send
from ports import free_port
from project import BLOCKS, HASHERS, ROOT, Project

CLIENTS = 50
PEOPLE = [hasher + which for hasher in HASHERS for which in "ab"]


def prepare(project):
    """All that the page does before the switch. Returns what the project has issued."""
    made = project.make(CLIENTS)
    asked = project.run_book("ask.sh")
    rotates = f"ROTATE_REFRESH_TOKENS {project.rotates}"
    for expected in ["djangorestframework_simplejwt==5.5", "'md5': 1", "'unusable': 1", rotates]:
        assert expected in asked, (expected, asked)
    for expected in ["token_blacklist True", "corsheaders False", "serializer rest_framework_simplejwt.serializers.TokenObtainPair"]:
        assert expected in asked, (expected, asked)
    assert ("model auth.User with the username in username" in asked) == project.rotates, asked
    project.start_django()
    project.start_nginx()
    project.run_book("choose_django.sh")
    shown = project.run_book("set_up.sh")
    assert "COMPAT=simplejwt" in shown and SECRET not in shown, shown
    project.run_book("crypto.sh")
    (project.notes / "tokensmith_auth.py").write_text(project.book("tokensmith_auth.py"))
    project.add_settings("settings.py")
    project.stop("django")
    project.start_django()
    # One row is refused and named; the others are not affected. Its user gets no password, and the next rehearsal is clean.
    told = project.run_book("rehearse.sh", code=1)
    assert "md5" in told, told
    project.python("from django.contrib.auth import get_user_model as m; u = m().objects.get(password__startswith='md5'); "
                   "u.set_unusable_password(); u.save()")
    project.run_book("rehearse.sh")
    assert stat_mode(project.tokensmith / "dump.json") == stat_mode(project.tokensmith / "old-key") == 0o600
    print("prepared: the rehearsal names the row that cannot be taken over, and is clean when that is corrected", flush=True)
    return made


def stat_mode(path):
    return path.stat().st_mode & 0o777


def switch(project, made):
    """The clients go on through it."""
    frontends = Frontends(project.site, made["clients"], made["expired"], project.rotates)
    try:
        frontends.wait(2)
        began = time.monotonic()
        project.run_book("stop.sh")
        project.start_tokensmith()
        project.run_book("go.sh")
        ended = time.monotonic()
        frontends.wait(3)
    finally:
        frontends.stop()
    frontends.check()
    refused = frontends.refused()
    assert refused and refused[0] > began, "no client has met the pause"
    # The last old worker of nginx may still answer.
    assert refused[-1] < ended + 30, f"refused {refused[-1] - ended} s after the switch"
    calls, refreshes = (sum(getattr(one, name) for one in frontends.all) for name in ["calls", "refreshes"])
    assert not any(one.is_logged_out for one in frontends.all)
    print(f"switched: {CLIENTS} clients, {calls} calls and {refreshes} refreshes, 0 log-outs, 0 failed calls; "
          f"refreshes were refused for {refused[-1] - refused[0]:.1f} s", flush=True)
    return frontends


def check_tokens(project, made, frontends):
    """What Django has issued, and what it has denied."""
    for frontend, (_, pair) in zip(frontends.all, made["clients"]):
        assert (frontend.refresh != pair["refresh"]) == project.rotates
    assert project.whoami(made["kept"]["access"]) == (200, made["ids"]["bcryptb"]), "an access token of Django's"
    for name in ["blacklisted", "forged"]:
        assert (project.refresh(made[name])[0], project.refresh(made[name])[1]["code"]) == (401, "token_not_valid"), name
    assert project.refresh(made["off"])[0] == 401
    old = made["replayed"]
    status, first = project.refresh(old)
    assert status == 200 and project.whoami(first["access"]) == (200, made["ids"]["bcrypta"])
    if not project.rotates:
        assert "refresh" not in first and project.refresh(old)[0] == 200, "without rotation it stays good"
        assert project.post("blacklist/", {"refresh": old})[0] == 200 and project.refresh(old)[0] == 401
        print("without rotation old tokens stay good, until a logout; denied and forged ones are refused", flush=True)
        return
    status, second = project.refresh(first["refresh"])
    assert status == 200 and second["refresh"] not in (old, first["refresh"])
    assert project.refresh(old)[0] == 401, "its successor was used"
    assert project.refresh(second["refresh"])[0] == 401, "the session must have ended"
    listed = project.shell("cd ../tokensmith-data && tokensmith users sessions bcrypta")
    assert listed.count("reuse") == 1, listed
    print("a token that is used after its successor ends the session; denied and forged ones are refused", flush=True)


def left(project):
    rows = map(str.split, project.run_book("left.sh").splitlines())
    return sum(int(row[2]) for row in rows if row[1:2] == ["replaced"])


def check_people(project, made):
    """Every password works, and no other; each hash becomes ours at the first login."""
    # One more has a password, but is disabled.
    assert left(project) == len(PEOPLE) + 1, left(project)
    for number, name in enumerate(PEOPLE):
        assert project.login(name, PASSWORD + "!")[0] == 401, name
        assert left(project) == len(PEOPLE) + 1 - number
        status, pair = project.login(name)
        assert status == 200, (name, status, pair)
        assert project.whoami(pair["access"]) == (200, made["ids"][name])
        assert project.login(name)[0] == 200, f"the new hash of {name}"
    for name in ["off", "nopassword", "oldest", "unknown"]:
        assert project.login(name)[0] == 401, name
    assert left(project) == 1
    users = json.loads(project.shell("cd ../tokensmith-data && tokensmith users list --json"))
    roles = {user["username"].split("@")[0]: user["roles"] for user in users}
    assert sorted(roles["argon2a"]) == ["Content-editors", "admin"] and roles["argon2b"] == ["Content-editors"], roles
    print(f"the passwords of {len(HASHERS)} hashers work and others do not; all hashes are ours after the first login", flush=True)


def check_keys_and_accounts(project, made):
    """Keys of Django REST framework, and accounts that are made after the switch."""
    assert project.whoami(made["key"], "Token") == (200, made["ids"]["scryptb"])
    token = {"Authorization": f"Token {made['key']}"}
    status, _, text = send("GET", f"{project.ours}/v1/me/profile", headers=token)
    assert status == 200 and json.loads(text)["username"].startswith("scryptb"), (status, text)
    status, _, text = send("POST", f"{project.ours}/v1/api-tokens/exchange", headers=token)
    assert status == 200 and project.whoami(json.loads(text)["access_token"]) == (200, made["ids"]["scryptb"]), (status, text)
    username = "new@example.com" if project.field == "email" else "new"
    project.shell(f"cd ../tokensmith-data && echo '{PASSWORD}' | tokensmith users create {username} --password-stdin"
                  + (f" --email {username}" if project.field == "email" else ""))
    status, pair = project.login("new")
    assert status == 200, pair
    status, key = project.whoami(pair["access"])
    assert status == 200 and key not in made["ids"].values() and project.whoami(pair["access"]) == (200, key), (status, key)
    print("keys of Django REST framework work, and a new account gets its user in Django", flush=True)


def check_end(project, made):
    """Without the settings for old tokens, only ours are good."""
    status, pair = project.login("scrypta")
    project.run_book("end.sh")
    project.add_settings("settings_at_the_end.py")
    for name, start in {"django": project.start_django, "tokensmith": project.start_tokensmith}.items():
        project.stop(name)
        start()
    assert project.whoami(made["key"], "Token")[0] == 200
    assert project.whoami(made["kept"]["access"])[0] == 401 and project.refresh(made["kept"]["refresh"])[0] == 401
    status, pair = project.refresh(pair["refresh"])
    assert status == 200 and project.whoami(pair["access"]) == (200, made["ids"]["scrypta"])
    print("at the end old tokens are refused, and people are still logged in", flush=True)


def check_back(project, made, frontends):
    """Django issues tokens again, for the passwords of today and for the tokens that clients have kept."""
    changed, today = PEOPLE[0], "four slow boats on the lake"
    name = changed + "@example.com" if project.field == "email" else changed
    project.shell(f"cd ../tokensmith-data && echo '{today}' | tokensmith users set-password {name} --password-stdin")
    project.run_book("back.sh")
    stored = project.python("from django.contrib.auth import get_user_model as m; "
                            "print(m().objects.filter(password__startswith='argon2$argon2id$').count())")
    assert int(stored) == len(PEOPLE), stored
    project.run_book("choose_django.sh")
    for name in PEOPLE:
        status, pair = project.login(name, today if name == changed else PASSWORD)
        assert status == 200 and project.whoami(pair["access"]) == (200, made["ids"][name]), name
        assert project.login(name, "wrong")[0] == 401
    assert project.login(changed)[0] == 401, "the password from before the switch"
    for frontend in frontends.all:
        status, answer = project.refresh(frontend.refresh)
        assert status == 200 and project.whoami(answer["access"]) == (200, frontend.user), answer
    print("and the way back: Django takes all passwords of today, and the tokens that clients have kept", flush=True)


def migrate(folder, python, program, rotates):
    ports = {name: free_port() for name in ["nginx", "django", "tokensmith"]}
    folder.mkdir()
    project = Project(folder, python, program, ports, rotates)
    if server := os.environ.get("SERVER_URL"):
        name = f"migrate_{folder.name}_{os.getpid()}"
        run("psql", server, "-qc", f"create database {name}")
        project.env["DATABASE_URL"] = f"{server.rpartition('/')[0]}/{name}"
    try:
        made = prepare(project)
        frontends = switch(project, made)
        check_tokens(project, made, frontends)
        check_people(project, made)
        check_keys_and_accounts(project, made)
        # Either way is gone once.
        if rotates:
            check_end(project, made)
        else:
            check_back(project, made, frontends)
    except BaseException:
        for log in [*folder.glob("*/log"), *folder.glob("nginx/error.log")]:
            print(f"{log}:", log.read_text()[-3000:], file=sys.stderr)
        raise
    finally:
        project.end()


def main():
    run_here = {"ask.sh", "set_up.sh", "crypto.sh", "tokensmith_auth.py", "settings.py", "rehearse.sh", "nginx", "choose_django.sh", "stop.sh",
                "start.sh", "go.sh", "left.sh", "end.sh", "settings_at_the_end.py", "back.sh"}
    assert BLOCKS.keys() == run_here, BLOCKS.keys() ^ run_here
    named = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    program = Path(named[0] if named else ROOT / "target/release/tokensmith").resolve()
    with tempfile.TemporaryDirectory() as tools:
        python = environment(Path(tools), "argon2-cffi==25.1.0", "bcrypt==5.0.0")
        for rotates in [True, False]:
            print(f"with{'' if rotates else 'out'} rotation:", flush=True)
            migrate(Path(tools) / ("on" if rotates else "off"), python, program, rotates)


main()
