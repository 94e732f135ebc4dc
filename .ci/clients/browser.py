"""A browser without JavaScript: follows redirects, refreshes and links as they are in the HTML, keeps cookies, and fills in
the forms for login and consent as a user does. Used as a module, or as a program that prints where it ends:
`python3 browser.py COOKIES STOP URL [DECISION]`, with the environment's USERNAME and PASSWORD."""

import json
import os
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import LWPCookieJar
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit


@dataclass
class Step:
    """A request that the browser is about to send."""

    method: str
    url: str
    body: str = ""
    headers: dict = field(default_factory=dict)


@dataclass
class Form:
    action: str
    method: str
    fields: dict = field(default_factory=dict)
    buttons: list = field(default_factory=list)


class Page(HTMLParser):
    """What a browser without JavaScript makes of a page."""

    def __init__(self, status, url, headers, text):
        super().__init__()
        self.status, self.url, self.headers, self.text = status, url, headers, text
        self.forms, self.refresh = [], None
        if "html" in headers.get("content-type", ""):
            self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append(Form(urljoin(self.url, attrs.get("action", "")), attrs.get("method", "get").upper()))
        elif tag == "input" and self.forms and attrs.get("name"):
            self.forms[-1].fields[attrs["name"]] = attrs.get("value", "")
        elif tag == "button" and self.forms:
            self.forms[-1].buttons.append((attrs.get("name"), attrs.get("value")))
        elif tag == "meta" and attrs.get("http-equiv", "").lower() == "refresh":
            seconds, _, target = attrs["content"].partition(";")
            assert seconds.strip() == "0", attrs
            self.refresh = urljoin(self.url, target.strip()[len("url="):])

    def submit(self, form, button=None, **typed):
        """What the browser sends when a button is pressed."""
        body = urlencode({**form.fields, **typed, **(dict([button]) if button and button[0] else {})})
        ours, theirs = (f"{url.scheme}://{url.netloc}" for url in map(urlsplit, [self.url, form.action]))
        headers = {
            "content-type": "application/x-www-form-urlencoded", "origin": ours,
            "sec-fetch-site": "same-origin" if ours == theirs else "cross-site",
        }
        return Step(form.method, form.action, body, headers)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Browser:
    def __init__(self, username, password, cookies=None):
        self.username, self.password = username, password
        self.cookies = LWPCookieJar(cookies)
        if cookies and Path(cookies).exists():
            self.cookies.load(ignore_discard=True)
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), NoRedirect)
        self.seen = []

    def send(self, step):
        headers = {"accept": "text/html,*/*;q=0.8", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document",
                   "sec-fetch-site": "none", **step.headers}
        body = step.body.encode() if step.method == "POST" else None
        request = urllib.request.Request(step.url, body, headers, method=step.method)
        try:
            answer = self.opener.open(request, timeout=60)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            return Page(answer.status, step.url, answer.headers, answer.read().decode())

    def walk(self, step, stop=None, decision="allow"):
        """Goes on until a request is to `stop`, which is returned and not sent, or until there is a page with nothing to do,
        which is returned. `seen` then names what the user was shown."""
        self.seen = []
        for _ in range(30):
            if stop and step.url.startswith(stop):
                return step
            page = self.send(step)
            step = self.next(page, decision)
            if step is None:
                return page
        raise AssertionError(f"no end: {self.seen}")

    def next(self, page, decision):
        if page.status in (302, 303):
            return Step("GET", urljoin(page.url, page.headers["location"]))
        if page.refresh:
            return Step("GET", page.refresh)
        for form in page.forms:
            if "password" in form.fields:
                assert "login" not in self.seen, f"the login was refused: {page.text}"
                self.seen.append("login")
                return page.submit(form, username=self.username, password=self.password)
            if ("decision", "allow") in form.buttons:
                self.seen.append("consent")
                return page.submit(form, ("decision", decision))
            if ("account", "continue") in form.buttons:
                self.seen.append("account")
                return page.submit(form, ("account", "continue"))
            if form.action.endswith("/oauth/logout/confirm"):
                self.seen.append("logout")
                return page.submit(form)
            if urlsplit(form.action).netloc != urlsplit(page.url).netloc and form.method == "POST":
                self.seen.append("form_post")
                return page.submit(form)
        return None


def main():
    cookies, stop, url, *decision = sys.argv[1:]
    browser = Browser(os.environ["USERNAME"], os.environ["PASSWORD"], cookies)
    end = browser.walk(Step("GET", url), stop, *decision)
    browser.cookies.save(ignore_discard=True)
    what = {"url": end.url, "seen": browser.seen}
    if isinstance(end, Step):
        what |= {"method": end.method, "body": end.body}
    else:
        what |= {"status": end.status, "text": end.text}
    print(json.dumps(what))


if __name__ == "__main__":
    main()
