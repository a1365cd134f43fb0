#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Publishes the API as a page and as JSON: docs.py OPENAPI SOURCE DESTINATION

  docs.html     each operation of OPENAPI (YAML): what it takes and answers, examples, a curl line, a form to try it
  openapi.json  the same description for programs that read no YAML

SOURCE is the page's (assets.py), whose docs.css and docs.js the page uses under their published names. All text stands in
the HTML: the script fills in the forms' answers and nothing else, so the page is whole without it.
"""

import datetime
import html
import json
import re
import shutil
import sys
from pathlib import Path

import yaml
from assets import Site, write_site
from texts import marked_up as code_marked_up

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}: the API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="{summary}">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/assets/docs.css">
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<script type="module" src="/assets/docs.js"></script>
</head>
<body>
<a class="skip" href="#operations">Skip to the operations</a>
<header>
<h1>{title}: the API</h1>
<p>{summary}</p>
<p><a href="/">The page</a> <a href="/openapi.json">openapi.json</a> <a href="/openapi.yaml">openapi.yaml</a></p>
</header>
<nav aria-label="Operations">{toc}</nav>
<main id="operations">
<section>{description}</section>
{operations}
<h2 id="schemas">Schemas</h2>
{schemas}
<h2 id="headers">Header fields of answers</h2>
<dl>{headers}</dl>
</main>
</body>
</html>
"""


def escaped(text):
    return html.escape(str(text))


def marked_up(text):
    """A description in HTML: of Markdown it has code, bold words and paragraphs."""
    marked = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", code_marked_up(str(text).strip()))
    return "".join(f"<p>{paragraph}</p>" for paragraph in marked.split("\n\n"))


def pretty(value):
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def block(value):
    return f'<pre tabindex="0"><code>{escaped(pretty(value))}</code></pre>'


class Docs:
    """Pieces of the page, made from the description."""

    def __init__(self, spec):
        self.spec = spec

    def resolved(self, node):
        while "$ref" in node:
            target = self.spec
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def type_of(self, schema):
        """A schema in a few words; one that has a name is a link to it."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return f'<a href="#schema-{name}">{name}</a>'
        if "enum" in schema:
            return " or ".join(f"<code>{escaped(value)}</code>" for value in schema["enum"])
        kinds = schema.get("type", "anything")
        words = [escaped(kinds if isinstance(kinds, str) else " or ".join(kinds))]
        if "items" in schema:
            words.append("of " + self.type_of(schema["items"]))
        for key, mark in (("format", "{}"), ("pattern", "<code>{}</code>"), ("default", "default <code>{}</code>")):
            if key in schema:
                words.append(mark.format(escaped(schema[key])))
        for low, high, unit in (("minimum", "maximum", ""), ("minLength", "maxLength", " characters")):
            if low in schema or high in schema:
                words.append(f"{schema.get(low, '')} to {schema.get(high, '')}{unit}")
        return ", ".join(words)

    def rows_of(self, schema):
        required = schema.get("required", [])
        return "".join(
            f"<tr><th scope=\"row\"><code>{name}</code>{' (required)' if name in required else ''}</th>"
            f"<td>{self.type_of(part)}</td><td>{marked_up(self.resolved(part).get('description', ''))}</td></tr>"
            for name, part in schema.get("properties", {}).items()
        )

    def schema(self, name, schema):
        rows = self.rows_of(schema)
        body = f"<table>{rows}</table>" if rows else f"<p>{self.type_of(schema)}</p>"
        return f'<section><h3 id="schema-{name}">{name}</h3>{marked_up(schema.get("description", ""))}{body}</section>'

    def parameters(self, path, operation):
        """The path's own, and the operation's."""
        own = self.spec["paths"][path].get("parameters", [])
        return [self.resolved(parameter) for parameter in own + operation.get("parameters", [])]

    def example_of(self, parameter):
        examples = list(parameter.get("examples", {}).values())
        return self.resolved(examples[0]).get("value") if examples else parameter.get("example")

    def body_of(self, operation):
        """(media type, the first example) of what the operation takes, or None."""
        if "requestBody" not in operation:
            return None
        ((media, content),) = self.resolved(operation["requestBody"])["content"].items()
        return media, self.resolved(next(iter(content["examples"].values())))["value"]

    def parameter_table(self, path, operation):
        rows = "".join(
            f'<tr><th scope="row"><code>{parameter["name"]}</code> in {parameter["in"]}</th>'
            f'<td>{self.type_of(parameter["schema"])}</td><td>{marked_up(parameter["description"])}</td></tr>'
            for parameter in self.parameters(path, operation)
        )
        return f"<h4>Takes</h4><table>{rows}</table>" if rows else ""

    def curl(self, path, method, operation, origin):
        url = path
        for parameter in self.parameters(path, operation):
            if parameter["in"] == "path":
                url = url.replace("{%s}" % parameter["name"], str(self.example_of(parameter) or parameter["name"]))
        words = ["curl -i" if method != "head" else "curl -I"]
        if method not in ("get", "head"):
            words.append(f"-X {method.upper()}")
        body = self.body_of(operation)
        if body:
            words.append(f"-H 'Content-Type: {body[0]}' -d '{json.dumps(body[1])}'")
        line = escaped(" ".join(words))
        return f'<pre tabindex="0"><code>{line} \'<span class="origin">{origin}</span>{escaped(url)}\'</code></pre>'

    def examples(self, content):
        return "".join(
            f"<p>{escaped(self.resolved(example).get('summary', name))}</p>{block(self.resolved(example)['value'])}"
            for name, example in content.get("examples", {}).items()
        )

    def response(self, status, response):
        response = self.resolved(response)
        fields = " ".join(
            f'<a href="#header-{field["$ref"].rpartition("/")[2]}">{name}</a>' for name, field in response["headers"].items()
        )
        bodies = "".join(
            f"<p><code>{media}</code>: {self.type_of(content['schema'])}</p>"
            f"{marked_up(content['schema'].get('description', ''))}{self.examples(content)}"
            for media, content in response.get("content", {}).items()
        )
        bodies = re.sub(r"(&quot;)(/problems/[a-z-]+)(&quot;)", r'\1<a href="\2">\2</a>\3', bodies)
        return (
            f"<details><summary><code>{status}</code> {code_marked_up(response['description'])}</summary>{bodies}"
            f'<p class="fields">Header fields: {fields}</p></details>'
        )

    def header(self, name, header):
        return f'<dt id="header-{name}"><code>{name}</code></dt><dd>{marked_up(header.get("description", ""))}</dd>'

    def field(self, parameter):
        required = " required" if parameter.get("required") else ""
        example = escaped(self.example_of(parameter) or "") if parameter["in"] == "path" else ""
        return (
            f'<label>{parameter["name"]} <input name="{parameter["in"]} {parameter["name"]}" value="{example}"'
            f' autocomplete="off" spellcheck="false"{required}></label>'
        )

    def form(self, path, method, operation):
        fields = "".join(self.field(parameter) for parameter in self.parameters(path, operation))
        body = self.body_of(operation)
        if body:
            fields += (
                f'<label>Body, {body[0]} <textarea name="body" rows="6" data-type="{body[0]}" spellcheck="false">'
                f"{escaped(pretty(body[1]))}</textarea></label>"
            )
        return (
            f'<form class="try" data-method="{method.upper()}" data-path="{escaped(path)}" hidden>'
            f"<h4>Try it</h4>{fields}<button>Send</button>"
            '<output><pre tabindex="0" hidden></pre></output></form>'
        )

    def operation(self, path, method, operation):
        name = operation["operationId"]
        is_internal = "internal" in operation["tags"]
        origin = self.spec["paths"][path].get("servers", operation.get("servers", [{"url": "http://127.0.0.1:8080"}]))[0]["url"]
        responses = "".join(self.response(status, response) for status, response in operation["responses"].items())
        return (
            f'<section class="operation"><h3 id="{name}"><span class="method {method}">{method.upper()}</span> '
            f"<code>{escaped(path)}</code> {escaped(operation['summary'])}</h3>{marked_up(operation['description'])}"
            f"{self.parameter_table(path, operation)}{self.curl(path, method, operation, origin)}"
            f"{'' if is_internal else self.form(path, method, operation)}<h4>Answers</h4>{responses}</section>"
        )

    def operations(self):
        """(path, method, operation), by tag."""
        for tag in self.spec["tags"][::-1]:
            for path, item in self.spec["paths"].items():
                for method in METHODS:
                    if tag["name"] in item.get(method, {}).get("tags", []):
                        yield path, method, item[method]

    def page(self):
        toc = "".join(
            f'<li><a href="#{operation["operationId"]}"><span class="method {method}">{method.upper()}</span>'
            f" {escaped(path)}</a></li>"
            for path, method, operation in self.operations()
        )
        info = self.spec["info"]
        return PAGE.format(
            title=escaped(info["title"]),
            summary=escaped(info["summary"]),
            toc=f'<ul>{toc}<li><a href="#schemas">Schemas</a></li><li><a href="#headers">Header fields</a></li></ul>',
            description=marked_up(info["description"]),
            operations="\n".join(self.operation(*each) for each in self.operations()),
            headers="\n".join(self.header(*each) for each in self.spec["components"]["headers"].items()),
            schemas="\n".join(self.schema(*each) for each in self.spec["components"]["schemas"].items()),
        )


def as_json(value):
    """YAML knows dates, JSON doesn't."""
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    raise TypeError(f"{value!r} can't be JSON")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.split("\n")[1])
    openapi, source, destination = map(Path, sys.argv[1:])
    spec = yaml.safe_load(openapi.read_bytes())
    page = Docs(spec).page()
    site = Site(source)
    page = re.sub(r'((?:href|src)="/)(assets/[^"]+)', lambda match: match[1] + site.publish(match[2])[0], page)
    described = json.dumps(spec, ensure_ascii=False, indent=1, default=as_json) + "\n"
    write_site({"docs.html": page.encode(), "openapi.json": described.encode()}, destination, shutil.which("brotli"))


if __name__ == "__main__":
    main()
