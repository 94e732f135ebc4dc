"""Frontends that were written for simplejwt: each keeps a pair, calls a view, and refreshes when the view answers with 401."""

import json
import random
import threading
import time
import urllib.error

from harness import send


class Frontend(threading.Thread):
    """One of them. Now and then its access token is lost with a reload of the page, or has expired."""

    def __init__(self, site, user, pair, expired, rotates):
        super().__init__(daemon=True)
        self.site, self.user, self.expired, self.rotates = site, user, expired, rotates
        self.access, self.refresh = pair["access"], pair["refresh"]
        self.calls, self.refreshes, self.failures, self.refused, self.is_logged_out = 0, 0, [], [], False
        self.is_done, self.random = threading.Event(), random.Random(user)

    def run(self):
        while not self.is_done.wait(self.random.uniform(0.2, 1.0)) and not self.is_logged_out:
            if self.random.random() < 0.4:
                self.access = self.random.choice(["", self.expired])
            try:
                self.call()
            except (urllib.error.URLError, OSError) as error:
                self.failures.append(repr(error))

    def call(self):
        status, text = self.view()
        if status == 401 and self.renew():
            status, text = self.view()
        if self.is_logged_out or self.is_done.is_set() and status == 401:
            return
        self.calls += 1
        if status != 200 or json.loads(text)["id"] != self.user:
            self.failures.append(f"the view answers with {status} {text[:200]}")

    def view(self):
        status, _, text = send("GET", f"{self.site}/whoami", headers={"Authorization": f"Bearer {self.access}"})
        return status, text

    def renew(self):
        """A new access token; after 503 it tries again."""
        body = json.dumps({"refresh": self.refresh}).encode()
        while not self.is_done.is_set():
            status, _, text = send("POST", f"{self.site}/api/token/refresh/", body, {"Content-Type": "application/json"})
            if status == 503:
                self.refused.append(time.monotonic())
                self.is_done.wait(0.1)
                continue
            if status != 200:
                self.is_logged_out = True
                self.failures.append(f"the refresh is refused with {status} {text[:200]}")
                return False
            answer = json.loads(text)
            self.access = answer["access"]
            self.refresh = answer.get("refresh", self.refresh) if self.rotates else self.refresh
            self.refreshes += 1
            return True
        return False


class Frontends:
    """All of them at once."""

    def __init__(self, site, clients, expired, rotates):
        self.all = [Frontend(site, user, pair, expired, rotates) for user, pair in clients]
        for frontend in self.all:
            frontend.start()

    def wait(self, refreshes):
        """Until each has refreshed so many times more."""
        wanted = {frontend: frontend.refreshes + refreshes for frontend in self.all}
        for _ in range(1800):
            self.check()
            if all(frontend.refreshes >= count for frontend, count in wanted.items()):
                return
            time.sleep(0.1)
        raise AssertionError(f"the clients do not refresh: {sorted(frontend.refreshes for frontend in self.all)}")

    def check(self):
        failures = [failure for frontend in self.all for failure in frontend.failures]
        assert not failures, (len(failures), failures[:3])

    def stop(self):
        for frontend in self.all:
            frontend.is_done.set()
        for frontend in self.all:
            frontend.join(90)

    def refused(self):
        """When refreshes were refused because of the pause."""
        return sorted(at for frontend in self.all for at in frontend.refused)
