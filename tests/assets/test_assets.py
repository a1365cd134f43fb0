# SPDX-License-Identifier: MIT
"""The asset pipeline (nginx/assets.py): names, references, encodings, times, generations."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "nginx/assets.py"
SITE = ROOT / "nginx/static"

SMALL_SITE = {
    "index.html": '<link href="/assets/a.css"><script src="/assets/main.js"></script>'
    '<a href="/todos">x</a><a href="#top">y</a>',
    "assets/main.js": 'import { b } from "./b.js";\nimport "./c.js";\nb(); // from "nowhere" it is not\n',
    "assets/b.js": 'export * from "./deep/d.js";\nexport const b = () => fetch("/todos");\n',
    "assets/c.js": "export const c = 1;\n",
    "assets/deep/d.js": 'const later = () => import("../c.js");\nexport const d = later;\n',
    "assets/a.css": "p { background: url(i.svg) }\nq { background: url('i.svg#part') }\nr { fill: url(#here) }\n"
    + "s {} " * 50,
    "assets/i.svg": '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>',
    "assets/m.webmanifest": '{"start_url": "/", "icons": [{"src": "i.svg"}]}',
}


def write_site(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def run(source, destination, **environment):
    command = [sys.executable, SCRIPT, source, destination]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def publish(source, destination, **environment):
    result = run(source, destination, **environment)
    assert result.returncode == 0, result.stderr
    return destination


def published(destination):
    """{path in the source: path in the destination}, encodings left out."""
    paths = [path.relative_to(destination).as_posix() for path in destination.rglob("*") if path.is_file()]
    kept = [path for path in paths if not path.endswith((".gz", ".br")) and path != "generations.json"]
    return {re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", path): path for path in kept}


def contents(destination):
    return {path.relative_to(destination): path.read_bytes() for path in destination.rglob("*") if path.is_file()}


@pytest.fixture
def source(tmp_path):
    return write_site(tmp_path / "source", SMALL_SITE)


@pytest.fixture
def site(source, tmp_path):
    return publish(source, tmp_path / "site")


def test_each_asset_gets_a_name_with_its_hash_and_the_entry_keeps_its_own(site):
    names = published(site)
    assert set(names) == set(SMALL_SITE)
    assert names.pop("index.html") == "index.html"
    for name, hashed in names.items():
        assert re.fullmatch(re.escape(name).replace(r"\.", r"\.[0-9a-f]{12}\.", 1), hashed)


def test_references_lead_to_the_new_names(site):
    names = published(site)
    entry = (site / "index.html").read_text()
    assert f'href="/{names["assets/a.css"]}"' in entry
    assert f'src="/{names["assets/main.js"]}"' in entry
    main = (site / names["assets/main.js"]).read_text()
    assert f'from "./{Path(names["assets/b.js"]).name}"' in main
    assert f'import "./{Path(names["assets/c.js"]).name}"' in main
    deep = (site / names["assets/deep/d.js"]).read_text()
    assert f'import("../{Path(names["assets/c.js"]).name}")' in deep
    icon = Path(names["assets/i.svg"]).name
    style = (site / names["assets/a.css"]).read_text()
    assert f"url({icon})" in style and f"url('{icon}#part')" in style
    assert json.loads((site / names["assets/m.webmanifest"]).read_text())["icons"][0]["src"] == icon


def test_references_out_of_assets_stay(site):
    names = published(site)
    entry = (site / "index.html").read_text()
    assert 'href="/todos"' in entry and 'href="#top"' in entry
    assert 'fetch("/todos")' in (site / names["assets/b.js"]).read_text()
    assert "url(#here)" in (site / names["assets/a.css"]).read_text()


def test_a_change_renames_the_file_and_those_that_refer_to_it_and_no_others(source, site, tmp_path):
    before = published(site)
    (source / "assets/c.js").write_text("export const c = 2;\n")
    after = published(publish(source, tmp_path / "site2"))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"assets/c.js", "assets/main.js", "assets/b.js", "assets/deep/d.js"}


def test_comments_stay_at_home_and_change_no_name(source, site, tmp_path):
    before = published(site)
    code = 'const url = "https://x//y"; // why\nconst glob = "/* no comment */";\n'
    (source / "assets/c.js").write_text(
        f"// SPDX-License-Identifier: MIT\n/*\n * An essay. *\n */\n{code}    // alone\n"
    )
    style = (source / "assets/a.css").read_text()
    (source / "assets/a.css").write_text(f"/* one */\n{style}/* two */ t {{}}\n/* three */\n")
    after = publish(source, tmp_path / "site2")
    assert (after / published(after)["assets/c.js"]).read_text() == f"// SPDX-License-Identifier: MIT\n{code}"
    assert (after / published(after)["assets/a.css"]).read_text().endswith("s {} /* two */ t {}\n")
    (source / "assets/c.js").write_text(f"// SPDX-License-Identifier: MIT\n// Another essay.\n{code}")
    assert published(publish(source, tmp_path / "site3")) == published(after) != before


def test_two_runs_give_the_same_files_of_the_same_times(source, site, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(source, copy)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    other = publish(copy, tmp_path / "other")
    assert contents(other) == contents(site)
    for path in contents(site):
        assert (other / path).stat().st_mtime == (site / path).stat().st_mtime, path


def test_a_time_belongs_to_a_content(source, site):
    before = (site / "index.html").stat()
    (source / "index.html").write_text(SMALL_SITE["index.html"].replace(">x<", ">z<"))
    publish(source, site)
    after = (site / "index.html").stat()
    assert before.st_size == after.st_size
    assert before.st_mtime != after.st_mtime, "nginx would give both the same ETag"


def test_encodings_unpack_to_the_file_and_share_its_time(site):
    encoded = list(site.rglob("*.gz"))
    assert {path.name.split(".")[0] for path in encoded} >= {"a", "index"}
    for path in encoded:
        plain = path.with_suffix("")
        assert gzip.decompress(path.read_bytes()) == plain.read_bytes()
        assert path.stat().st_mtime == plain.stat().st_mtime
        assert path.stat().st_size < plain.stat().st_size


def test_brotli_is_written_where_there_is_the_tool(source, tmp_path):
    if not shutil.which("brotli"):
        pytest.skip("brotli is not installed")
    site = publish(source, tmp_path / "with")
    encoded = list(site.rglob("*.br"))
    assert encoded
    for path in encoded:
        plain = subprocess.run(["brotli", "-dc", path], capture_output=True, check=True).stdout
        assert plain == path.with_suffix("").read_bytes()
    assert not list(publish(source, tmp_path / "without", PATH="/nonexistent").rglob("*.br"))


def test_what_grows_by_compression_is_not_kept(source, tmp_path):
    (source / "assets/tiny.js").write_text("1;")
    site = publish(source, tmp_path / "site")
    assert not list(site.rglob("tiny.*.gz"))


def test_files_stay_for_one_release_and_go_with_the_next(source, site):
    first = site / published(site)["assets/c.js"]
    (source / "assets/c.js").write_text("export const c = 2;\n" + "export default c;\n" * 9)
    publish(source, site)
    second = next(path for path in site.glob("assets/c.*.js") if path != first)
    assert first.exists()
    (source / "assets/c.js").write_text("export const c = 3;\n")
    publish(source, site)
    assert not first.exists()
    assert second.exists() and second.with_name(second.name + ".gz").exists()


def test_publishing_the_same_again_keeps_the_release_before(source, site):
    first = site / published(site)["assets/c.js"]
    (source / "assets/c.js").write_text("export const c = 2;\n")
    publish(source, site)
    before = contents(site)
    publish(source, site)
    assert contents(site) == before
    assert first.exists()


def test_foreign_files_are_left_alone(source, site):
    (site / "robots.txt").write_text("User-agent: *\n")
    for number in range(4):
        (source / "assets/c.js").write_text(f"export const c = {number};\n")
        publish(source, site)
    assert (site / "robots.txt").exists()


def test_a_reference_to_nothing_is_refused_with_its_place(source, tmp_path):
    (source / "assets/c.js").write_text('// one\nimport "./missing.js";\n')
    result = run(source, tmp_path / "site")
    assert result.returncode == 1
    assert re.fullmatch(r"assets: .*/assets/c\.js:2: \./missing\.js is not there\n", result.stderr)
    assert not (tmp_path / "site").exists()


def test_a_ring_of_references_is_refused(source, tmp_path):
    (source / "assets/c.js").write_text('import "./b.js";\n')
    result = run(source, tmp_path / "site")
    assert result.returncode == 1
    assert "assets/b.js -> assets/deep/d.js -> assets/c.js -> assets/b.js" in result.stderr


# --- the page itself ---


def modules_of(name="main.js", found=()):
    """The module and those that it imports, near and far, but for those that come when they are needed (import())."""
    if name in found:
        return set(found)
    found = {*found, name}
    for other in re.findall(r'^(?:import|export) [^"]*from "./([\w.]+)"', (SITE / "assets" / name).read_text(), re.M):
        found = modules_of(other, found)
    return found


def test_the_first_view_weighs_little(tmp_path):
    site = publish(SITE, tmp_path / "site")
    later = {path.stem for path in (SITE / "assets").glob("*.js")} - {Path(name).stem for name in modules_of()}
    assert later, "some modules come when they are needed"
    encoded = {
        path: min(path.with_name(path.name + ".gz").stat().st_size, path.stat().st_size)
        for path in site.rglob("*.*")
        if path.suffix in (".html", ".css", ".js", ".svg", ".webmanifest") and path.name.split(".")[0] not in later
    }
    assert 10_000 < sum(encoded.values()) < 30_000, (sum(encoded.values()), encoded)


def test_every_module_of_the_first_view_is_preloaded():
    preloaded = re.findall(r'rel="modulepreload" href="/assets/([\w.]+)"', (SITE / "index.html").read_text())
    assert set(preloaded) == modules_of() - {"main.js"}


def test_modules_are_short():
    lines = {path.name: len(path.read_text().splitlines()) for path in (SITE / "assets").glob("*.js")}
    assert max(lines.values()) <= 200, lines


def test_makefile_names_every_source():
    listed = set(re.findall(r"\tnginx/static/(\S+)", (ROOT / "nginx/local.mk").read_text()))
    assert listed == {path.relative_to(SITE).as_posix() for path in SITE.rglob("*") if path.is_file()}


def test_no_markup_is_made_of_text():
    for path in SITE.rglob("*.js"):
        words = re.sub(r"/\*.*?\*/|//.*", "", path.read_text(), flags=re.S)
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", words
        ), path
    entry = (SITE / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", entry)
