#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Publishes a site: assets.py SOURCE DESTINATION

SOURCE holds index.html and a folder assets/, and works as it stands behind any web server. DESTINATION gets the same,
fit to be kept by browsers for ever:

  assets/list.js  ->  assets/list.1f3c09ab5d27.js, .js.gz and .js.br beside it

The name holds a hash of the content, the content after its own references were rewritten. So a changed file changes its
name and the names of those that refer to it, near and far, and nobody else's. index.html alone keeps its name, for it
is where a visit begins. References are found in HTML (href, src), CSS (url, @import), modules (import, export from),
SVG (href) and web manifests (src); one into assets/ that leads nowhere is an error, and so is a ring of references,
which can have no hashes.

Files of the publication before stay until the next but one, so that a page opened before a release still gets its
modules after it. generations.json in DESTINATION remembers who belongs to which. Publishing the same again changes
nothing.

The result depends on the sources alone. Even times do: nginx makes an ETag from a file's time and length, so a file's
time is taken from its hash, and the ETag is the same on each machine that serves the same file. No date is meant by it,
and nginx is told not to send it as one (page.conf.in).

Comments that have their lines to themselves are left out of CSS and modules: they are a fifth of the compressed bytes,
and who reads sources has these. The licence's line stays. More than that is not minified, so a browser's debugger still
shows what was written. A text of several lines (a template literal) must have no line that begins like a comment.

New files come before index.html, and old ones go after it; each is moved into place whole.
"""

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

ENTRY = "index.html"
FOLDER = "assets"
GENERATIONS = "generations.json"
HASH_LENGTH = 12  # hex digits: 48 bits tell a few dozen files apart
TIME_BASE_S = 946_684_800  # 2000-01-01; 28 bits of hash are added, so all times are in the past

# Where each kind of file names others. The reference is the first group that matched.
REFERENCES = {
    ".html": re.compile(r"""\b(?:href|src)="([^"]*)\""""),
    ".css": re.compile(r"""\burl\(\s*["']?([^"')\s]+)["']?\s*\)|@import\s+["']([^"']+)["']"""),
    ".js": re.compile(r"""\b(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"']+)["']"""),
    ".svg": re.compile(r"""\bhref="([^"]*)\""""),
    ".webmanifest": re.compile(r""""src"\s*:\s*"([^"]*)\""""),
}
# Comments with nothing else on their lines, by kind of file.
BLOCK_COMMENT = r"^[ \t]*/\*(?!.*SPDX)(?:[^*]|\*(?!/))*\*/[ \t]*\n"
LINE_COMMENT = r"^[ \t]*//(?!.*SPDX).*\n"
COMMENTS = {
    ".css": re.compile(BLOCK_COMMENT, re.M),
    ".js": re.compile(f"{BLOCK_COMMENT}|{LINE_COMMENT}", re.M),
}
# Formats that aren't compressed already.
COMPRESSED = {".html", ".css", ".js", ".svg", ".webmanifest", ".json", ".txt"}


class AssetError(Exception):
    """Something in the sources that a person has to mend; the text says where."""


class Site:
    """The sources, and what each is called and holds when it is published."""

    def __init__(self, source):
        self.source = Path(source)
        self.published = {}  # path in source -> (path in destination, content)
        self.under_way = []  # from the entry down to the file being looked at: a file met twice closes a ring

    def publish_all(self):
        """All files as {path: content}. index.html comes last, for dictionaries keep their order."""
        paths = sorted(
            path.relative_to(self.source).as_posix() for path in (self.source / FOLDER).rglob("*") if path.is_file()
        )
        return dict([self.publish(path) for path in paths] + [self.publish(ENTRY)])

    def publish(self, path):
        if path in self.under_way:
            raise AssetError(f"{' -> '.join([*self.under_way, path])}: a ring of references")
        if path not in self.published:
            self.under_way.append(path)
            content = self.rewrite(path, self.read(path))
            self.under_way.pop()
            self.published[path] = (hashed_name(path, content), content)
        return self.published[path]

    def read(self, path):
        try:
            return (self.source / path).read_bytes()
        except OSError as error:
            raise AssetError(f"{self.source / path}: {error.strerror}") from error

    def rewrite(self, path, content):
        suffix = Path(path).suffix
        pattern = REFERENCES.get(suffix)
        if pattern is None:
            return content
        text = content.decode("utf-8")

        def replace(match):
            group = match.lastindex
            reference = match[group]
            start, end = (place - match.start() for place in match.span(group))
            line = text.count("\n", 0, match.start()) + 1
            return match[0][:start] + self.new_reference(path, line, reference) + match[0][end:]

        text = pattern.sub(replace, text)
        if suffix in COMMENTS:
            text = COMMENTS[suffix].sub("", text)
        return text.encode("utf-8")

    def new_reference(self, path, line, reference):
        """The reference with its last part replaced; as it was, if it leads out of assets/ or stays in the file."""
        url = urlsplit(urljoin(f"http://site/{path}", reference))
        target = unquote(url.path).lstrip("/")
        if reference.startswith("#") or url.netloc != "site" or not target.startswith(FOLDER + "/"):
            return reference
        if not (self.source / target).is_file():
            raise AssetError(f"{self.source / path}:{line}: {reference} is not there")
        new_name = self.publish(target)[0]
        place, mark, rest = re.fullmatch(r"([^?#]*)([?#]?)(.*)", reference).groups()
        return place[: place.rfind("/") + 1] + new_name[new_name.rfind("/") + 1 :] + mark + rest


def digest(content):
    return hashlib.sha256(content).hexdigest()


def hashed_name(path, content):
    if path == ENTRY:
        return path
    stem, suffix = os.path.splitext(path)
    return f"{stem}.{digest(content)[:HASH_LENGTH]}{suffix}"


def compressed(path, content, brotli):
    """The encodings of a file that are shorter than itself, by the suffix that nginx looks for."""
    if Path(path).suffix not in COMPRESSED:
        return {}
    encodings = {".gz": gzip.compress(content, 9, mtime=0)}
    if brotli:
        command = [brotli, "--quality=11", "--stdout", "-"]
        encodings[".br"] = subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout
    return {suffix: data for suffix, data in encodings.items() if len(data) < len(content)}


def write_file(path, data, time_s):
    """Puts a file in place whole; leaves one alone that is as it should be."""
    if path.exists() and path.read_bytes() == data and path.stat().st_mtime == time_s:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_bytes(data)
    new.chmod(0o644)
    os.utime(new, (time_s, time_s))
    os.replace(new, path)


def write_site(files, destination, brotli):
    """Writes each file with its encodings, all of one time; returns the names."""
    names = []
    for path, content in files.items():
        time_s = TIME_BASE_S + int(digest(content)[:7], 16)
        for suffix, data in {**compressed(path, content, brotli), "": content}.items():
            write_file(destination / (path + suffix), data, time_s)
            names.append(path + suffix)
    return sorted(names)


def read_generations(destination):
    path = destination / GENERATIONS
    return json.loads(path.read_text()) if path.exists() else []


def remove_outdated(destination, generations):
    """Removes what only generations before the last two had. What none of them had isn't ours."""
    kept = {name for names in generations[:2] for name in names}
    for names in generations[2:]:
        for name in set(names) - kept:
            (destination / name).unlink(missing_ok=True)


def publish(source, destination, brotli):
    """Returns how many files the site has, encodings left out."""
    destination = Path(destination)
    files = Site(source).publish_all()
    generations = read_generations(destination)
    names = write_site(files, destination, brotli)
    if not generations or generations[0] != names:
        generations = [names, *generations]
    remove_outdated(destination, generations)
    text = json.dumps(generations[:2], indent=1) + "\n"
    write_file(destination / GENERATIONS, text.encode(), TIME_BASE_S)
    return len(files)


def main():
    parser = argparse.ArgumentParser(description="Publishes a site under names that hold its files' hashes.")
    parser.add_argument("source")
    parser.add_argument("destination")
    options = parser.parse_args()
    try:
        publish(options.source, options.destination, shutil.which("brotli"))
    except AssetError as error:
        sys.exit(f"assets: {error}")


if __name__ == "__main__":
    main()
