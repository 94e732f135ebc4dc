"""Checks that every link in the built book and in the pages beside README leads to an existing file and anchor. Links to
other hosts are not followed.

    python3 .ci/links.py target/book README.md ..."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of an HTML page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, _tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


class Markdown:
    """The same for a Markdown page outside the book; anchors as GitHub makes them from headings."""

    def __init__(self, path):
        text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
        self.links = re.findall(r"\]\(([^)\s]+)\)", text)
        headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        self.anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def read(path):
    return Page(path) if path.suffix == ".html" else Markdown(path)


def broken(path, known):
    for link in read(path).links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
        if target.is_dir() and path.suffix == ".html":
            target = target / "index.html"
        if not target.exists():
            yield link
        elif parts.fragment and target.suffix in (".html", ".md"):
            if target not in known:
                known[target] = read(target).anchors
            if unquote(parts.fragment) not in known[target]:
                yield link


def main():
    book, *pages = map(Path, sys.argv[1:])
    # The 404 page has a different base URL.
    pages += [path for path in book.rglob("*.html") if path.name not in ("404.html", "toc.html")]
    assert len(pages) > 30, f"{book} is not the built book"
    known = {}
    found = [f"{path}: {link}" for path in pages for link in broken(path, known)]
    if found:
        sys.exit("broken links:\n" + "\n".join(found))
    print(f"the links of {len(pages)} pages lead somewhere")


main()
