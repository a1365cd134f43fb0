# SPDX-License-Identifier: MIT
"""todo-load as a person uses it: formats, bad rows, exit statuses, interruption, and a service that runs beside it."""

import array
import csv
import fcntl
import gzip
import io
import json
import os
import pty
import signal
import sqlite3
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest
from stack import ROOT, WORKER_BUILD, wait_until
from tiny_bson import Mongo, archive, encode

SAMPLE = ROOT / "data/todos.jsonl"
TEN_THOUSAND = Path(__file__).parent / "data"
# All of a seeded row but its life, which is another one each time.
SEEDED = "SELECT id, name, description, done, v, created_at, updated_at FROM todos ORDER BY id"


@pytest.fixture(scope="module")
def rows():
    return [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    folder = tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: (folder / "redis.sock").exists(), what="Redis")
        yield f"unix:{folder}/redis.sock"
    finally:
        server.terminate()
        server.wait(10)


class Loader:
    """todo-load in a folder of its own, where its SQLite file is as well."""

    def __init__(self, folder, redis, store=None):
        self.file = folder / "todos.db"
        self.folder = folder
        store = store or f"sqlite:{self.file}"
        self.command = [WORKER_BUILD / "todo-load", "-o", f"store={store}", "-o", f"redis={redis}"]
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TODO_")}

    def run(self, *words, **options):
        command = [*self.command, *map(str, words)]
        return subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, timeout=120, **options)

    def start(self, *words, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([*self.command, *map(str, words)], env=self.environment, cwd=self.folder, **pipes)

    def select(self, sql):
        connection = sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def count(self):
        try:
            return self.select("SELECT count(*) FROM todos")[0][0]
        except sqlite3.OperationalError:
            return 0  # not made yet

    def todos(self):
        return {row[0]: row[1:] for row in self.select("SELECT id, name, description, done FROM todos")}


@pytest.fixture
def loader(tmp_path, redis):
    return Loader(tmp_path, redis)


def wanted(rows):
    return {row["id"]: (row["name"], row["description"], 0) for row in rows}


def summary(result):
    return result.stdout.decode().partition(" s, ")[0].rpartition(",")[0]


# --- formats ---


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, ["description", "name", "id"])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_bson(rows):
    return b"".join(encode({"_id": bytes(12), **row}) for row in rows)


def as_archive(rows):
    others = [{"_id": i, "name": "not ours"} for i in range(250)]
    return archive({"admin.system.version": [{"_id": "x"}], "app.other": others, "app.todos": rows})


def as_json_array(rows):
    return json.dumps(rows, indent=2).encode()


def as_json_lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("make", [as_json_lines, as_json_array, as_csv, as_bson, as_archive])
def test_each_format_gives_the_same_rows_from_file_and_stdin(loader, rows, make, packed):
    data = gzip.compress(make(rows)) if packed else make(rows)
    (loader.folder / "todos.txt").write_bytes(data)  # the name must play no part
    result = loader.run("import", "todos.txt")
    assert (result.returncode, summary(result)) == (0, "1,000 rows are in, 0 rejected"), result
    assert loader.todos() == wanted(rows)
    result = loader.run("import", "-", "--upsert", input=data)
    assert (result.returncode, summary(result)) == (0, "1,000 rows are in, 0 rejected"), result
    assert loader.select("SELECT DISTINCT v FROM todos") == [(2,)]
    assert loader.todos() == wanted(rows)


@pytest.mark.parametrize("name", ["todos-10k.jsonl.gz", "todos-10k.bson.gz"])
def test_ten_thousand_rows_come_in_unchanged(loader, name):
    lines = gzip.decompress((TEN_THOUSAND / "todos-10k.jsonl.gz").read_bytes()).decode().splitlines()
    result = loader.run("import", TEN_THOUSAND / name)
    assert result.returncode == 0, result
    assert loader.todos() == wanted(map(json.loads, lines))


def test_of_a_dump_without_a_clear_choice_the_collection_must_be_named(loader):
    todos = {"app.jobs": [{"_id": "1", "name": "job"}], "app.todos": [{"_id": "2", "name": "todo"}]}
    dump = archive({**todos, "old.todos": [{"_id": "3", "name": "old"}]})
    result = loader.run("import", "-", input=dump)
    assert result.returncode == 2 and b"more than one called todos: app.jobs, app.todos, old.todos" in result.stderr, result
    for name in ("app.todos", "jobs", "old.todos"):
        assert loader.run("import", "-", "--collection", name, input=dump).returncode == 0
    assert {todo: row[0] for todo, row in loader.todos().items()} == {"1": "job", "2": "todo", "3": "old"}
    assert loader.run("seed", "-n", 1, "--collection", "todos").returncode == 2


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_folder_of_mongodump_is_read(loader, rows, packed):
    def put(path, documents):
        file = loader.folder / "dump" / (path + ".bson" + ".gz" * packed)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(as_bson(documents)) if packed else as_bson(documents))
        (loader.folder / "dump" / (path + ".metadata.json")).write_text("{}")

    put("admin/system.version", [{"_id": "x"}])
    put("app/other", [{"_id": "x", "name": "not ours"}])
    put("app/todos", rows)
    result = loader.run("import", "dump")
    assert (result.returncode, summary(result)) == (0, "1,000 rows are in, 0 rejected"), result
    assert loader.todos() == wanted(rows)
    put("old/todos", [{"_id": "old", "name": "old"}])
    result = loader.run("import", "dump", "--upsert")
    assert result.returncode == 2 and b"app.other, app.todos, old.todos" in result.stderr, result
    assert loader.run("import", "dump", "--collection", "old.todos").returncode == 0
    assert loader.run("import", "dump/app", "--upsert", "--reject", "dump/app/todos.bson" + ".gz" * packed).returncode == 2
    assert loader.run("import", "dump/app", "--upsert").returncode == 0
    assert loader.todos() == {**wanted(rows), "old": ("old", "", 0)}


def test_what_mongoexport_writes_as_csv_is_understood(loader):
    lines = "_id,title,created_at", "ObjectId(65f000000000000000000001),a,2024-01-31T23:59:59", "b,b,1706745599"
    result = loader.run("import", "-", input="\n".join(lines).encode())
    assert result.returncode == 0 and b"without a zone" in result.stderr and b"Unix time" in result.stderr, result
    assert loader.select("SELECT id, created_at FROM todos ORDER BY id") == [
        ("65f000000000000000000001", 1706745599000),
        ("b", 1706745599000),
    ]


@pytest.mark.parametrize("empty", [b"", b"\n \n", b"\xef\xbb\xbf", gzip.compress(b""), b"[]", b"id,name\n"])
def test_an_input_without_rows_is_an_error(loader, empty):
    result = loader.run("import", "-", input=empty)
    assert result.returncode == 2 and b"todo-load: the input holds no rows" in result.stderr, result


def test_the_first_byte_of_gzip_may_come_alone(loader):
    """And as many bytes behind it as one read takes."""
    data = gzip.compress(as_json_lines([{"id": str(i), "name": os.urandom(60).hex()} for i in range(4000)]))
    assert len(data) > 200000
    load = loader.start("import", "-", stdin=subprocess.PIPE)
    fcntl.fcntl(load.stdin, fcntl.F_SETPIPE_SZ, 1 << 20)
    os.write(load.stdin.fileno(), data[:1])
    time.sleep(0.5)
    os.kill(load.pid, signal.SIGSTOP)
    os.write(load.stdin.fileno(), data[1:])
    os.kill(load.pid, signal.SIGCONT)
    out, told = load.communicate(timeout=60)
    assert load.returncode == 0 and out.startswith(b"4,000 rows are in"), told


def test_damaged_archive_keeps_what_came_before_and_says_so(loader, rows):
    data = bytearray(as_archive(rows))
    data[-40] ^= 1  # in the check sum's header
    (loader.folder / "dump").write_bytes(data[:-200])
    result = loader.run("import", "dump")
    assert result.returncode == 1 and b"import it again with --upsert once the input is whole" in result.stderr, result


# --- export ---


def as_service_has_them(loader):
    return loader.select("SELECT id, name, description, done, v, created_at, updated_at FROM todos ORDER BY id")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_export_comes_in_again_equal(loader, tmp_path, redis, packed):
    options = ["--gzip"] * packed
    odd = [
        {"id": "odd", "name": "Zażółć \U0001f600", "description": 'two\nlines,\t"quoted" \\ \u2028', "done": True, "created_at": "1970-01-01"},
        *({"id": f"same-{i}", "name": "at one time", "created_at": "2024-02-29T23:59:59.999Z"} for i in range(1500)),
    ]
    assert loader.run("import", "-", input=as_json_lines(odd)).returncode == 0
    assert loader.run("seed", "-n", 3000).returncode == 0
    result = loader.run("export", "all", *options)
    assert result.returncode == 0 and result.stdout.startswith(b"4,501 rows are out, "), result
    (tmp_path / "other").mkdir()
    other = Loader(tmp_path / "other", redis)
    assert other.run("import", loader.folder / "all").returncode == 0
    assert as_service_has_them(other) == as_service_has_them(loader)
    again = other.run("export", "-", *options)
    assert again.returncode == 0 and again.stdout == (loader.folder / "all").read_bytes()
    assert [name for name in os.listdir(loader.folder) if name.endswith(".part")] == []


def test_an_export_replaces_a_file_only_by_a_whole_one(loader):
    file = loader.folder / "all"
    file.write_text("older")
    result = loader.run("export", "all")
    assert result.returncode == 2 and b"todos.db has no todos" in result.stderr, result
    assert file.read_text() == "older" and not (loader.folder / "all.part").exists()
    assert loader.run("seed", "-n", 10).returncode == 0
    connection = sqlite3.connect(loader.file)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE todos SET name = '' WHERE id = '7'")
    connection.commit()
    connection.close()
    result = loader.run("export", "all")
    assert result.returncode == 1 and b"todos that can't be read are not in the export" in result.stderr, result
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [str(i) for i in range(1, 11) if i != 7]
    for target in ("/dev/null", "/dev/full", "missing/all"):
        assert loader.run("export", target).returncode == 2
    with open("/dev/full", "wb") as full:
        load = loader.start("export", "-", stdout=full)
        _, told = load.communicate(timeout=60)
    assert load.returncode == 2 and b"stdout can't be written" in told


def in_pipe(file):
    """How many bytes wait there."""
    count = array.array("i", [0])
    fcntl.ioctl(file, termios.FIONREAD, count)
    return count[0]


def test_an_interrupted_export_is_no_whole_one(loader):
    assert loader.run("seed", "-n", 20000).returncode == 0
    load = loader.start("export", "-", "--gzip")
    wait_until(lambda: in_pipe(load.stdout) > 32768, 30, "a pipe that is filled, and holds less than all")
    load.send_signal(signal.SIGINT)
    time.sleep(0.5)
    out, told = load.communicate(timeout=60)
    assert load.returncode == 2 and told.startswith(b"todo-load: "), told
    with pytest.raises(EOFError):
        gzip.decompress(out)


# --- bad rows ---


def test_bad_rows_are_told_kept_and_can_be_mended(loader):
    lines = [
        '{"id":"1","name":"good","priority":1}',
        '{"id":"2","name":',
        '{"id":"no spaces","name":"n"}',
        '{"_id":{"$oid":"65f000000000000000000001"},"title":"old","completed":true}',
        '{"id":"3","name":"' + "x" * 201 + '"}',
    ]
    (loader.folder / "in.jsonl").write_text("\n".join(lines))
    result = loader.run("import", "in.jsonl", "--reject", "bad.jsonl")
    assert (result.returncode, summary(result)) == (1, "2 rows are in, 3 rejected")
    told = result.stderr.decode()
    assert told.count("priority") == 1
    for number, word in ((2, "JSON"), (3, "no spaces"), (5, "name")):
        assert any(line.startswith(f"row {number}: ") and word in line for line in told.splitlines()), told
    bad = (loader.folder / "bad.jsonl").read_text().splitlines()
    assert bad == [lines[1], lines[2], lines[4]]
    (loader.folder / "mended.jsonl").write_text(
        bad[0] + '"two"}\n' + bad[1].replace("no spaces", "4") + "\n" + bad[2].replace("x" * 201, "three")
    )
    assert loader.run("import", "mended.jsonl").returncode == 0
    names = {todo: row[0] for todo, row in loader.todos().items()}
    assert names == {"1": "good", "65f000000000000000000001": "old", "2": "two", "4": "n", "3": "three"}


def test_rejected_csv_and_bson_can_be_imported_again(loader, rows):
    for make in (as_csv, as_bson):
        assert loader.run("import", "-", "--upsert", input=make(rows[:5])).returncode == 0
        result = loader.run("import", "-", "--reject", "bad", input=make(rows[:7]))
        assert (result.returncode, summary(result)) == (1, "2 rows are in, 5 rejected")
        result = loader.run("import", "bad", "--upsert")
        assert (result.returncode, summary(result)) == (0, "5 rows are in, 0 rejected")
        loader.file.unlink()


def test_only_the_first_ten_bad_rows_are_shown(loader):
    result = loader.run("import", "-", input=b'{"name":""}\n' * 50)
    assert (result.returncode, summary(result)) == (2, "0 rows are in, 50 rejected")
    assert result.stderr.count(b"row ") == 10


def test_reject_file_must_not_be_the_input(loader):
    file = loader.folder / "in.jsonl"
    file.write_text('{"id":"1","name":"n"}\n')
    assert loader.run("import", "in.jsonl", "--reject", "in.jsonl").returncode == 2
    assert file.read_text() == '{"id":"1","name":"n"}\n'


# --- seed ---


def test_seed_makes_the_same_rows_whole_or_in_parts(loader):
    assert loader.run("seed", "-n", 3000).returncode == 0
    whole = loader.select(SEEDED)
    assert {int(row[0]) for row in whole} == set(range(1, 3001))
    loader.file.unlink()
    assert loader.run("seed", "-n", 1500, "--start", 1501, "--seed", 1).returncode == 0
    assert loader.run("seed", "-n", 1500).returncode == 0
    assert loader.select(SEEDED) == whole
    loader.file.unlink()
    assert loader.run("seed", "-n", 3000, "--seed", 2).returncode == 0
    assert loader.select(SEEDED) != whole


def test_what_is_there_is_refused_and_upsert_replaces_it(loader):
    assert loader.run("seed", "-n", 100).returncode == 0
    result = loader.run("seed", "-n", 150)
    assert (result.returncode, summary(result)) == (1, "50 rows are in, 100 rejected")
    result = loader.run("seed", "-n", 150)
    assert (result.returncode, summary(result)) == (2, "0 rows are in, 150 rejected")
    assert loader.run("seed", "-n", 150, "--upsert", "--seed", 9).returncode == 0
    assert loader.select("SELECT DISTINCT v FROM todos") == [(2,)]


# --- command line ---


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["plant"],
        ["seed"],
        ["seed", "-n", "0"],
        ["seed", "-n", "1e6"],
        ["seed", "-n", "5", "file"],
        ["seed", "-n", "5", "--reject", "x"],
        ["import"],
        ["import", "a", "b"],
        ["import", "a", "-n", "5"],
        ["import", "missing.jsonl"],
        ["import", "."],
        ["import", "a", "--collection"],
        ["import", "a", "--gzip"],
        ["export"],
        ["export", "a", "--upsert"],
        ["-o", "colour=red", "seed", "-n", "1"],
        ["--what"],
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_reason(loader, words):
    result = loader.run(*words)
    assert result.returncode == 2
    assert result.stderr.startswith(b"todo-load: ") or b"todo-load: " in result.stderr
    assert loader.count() == 0


def test_store_that_cannot_be_opened_ends_with_2(tmp_path, redis):
    for store in (f"sqlite:{tmp_path}/missing/todos.db", "mongodb://127.0.0.1:1/todo", "postgres://somewhere"):
        result = Loader(tmp_path, redis, store).run("seed", "-n", 5)
        assert result.returncode == 2 and b"\ntodo-load: " in b"\n" + result.stderr, result


def test_dry_run_checks_and_leaves_no_trace(loader, rows):
    result = loader.run("import", SAMPLE, "--dry-run")
    assert result.returncode == 0 and result.stdout.startswith(b"1,000 rows are good"), result
    assert loader.run("import", "-", "--dry-run", input=b'{"id":"1"}\n').returncode == 2
    assert loader.run("seed", "-n", 10, "--dry-run").returncode == 0
    assert not loader.file.exists()


def test_help_and_version_go_to_stdout(loader):
    for word, want in (("--help", b"Usage: todo-load"), ("--version", b"todo-load ")):
        result = loader.run(word)
        assert result.returncode == 0 and result.stdout.startswith(want) and result.stderr == b""


# --- interruption and progress ---


def test_interrupted_it_says_how_far_it_got_and_upsert_completes_it(loader):
    count = 40000
    load = loader.start("seed", "-n", count)
    wait_until(lambda: loader.count() >= 2000, seconds=60, what="the first rows")
    load.send_signal(signal.SIGINT)
    out, told = load.communicate(timeout=60)
    rows_in = loader.count()
    assert load.returncode == 1, (out, told)
    assert 2000 <= rows_in < count and out.startswith(f"{rows_in:,} rows are in, 0 rejected".encode())
    assert f"all rows up to row {rows_in:,} are written or rejected".encode() in told
    assert loader.select("SELECT max(CAST(id AS INTEGER)) FROM todos") == [(rows_in,)]
    assert loader.run("seed", "-n", count, "--upsert").returncode == 0
    assert loader.count() == count


def test_interrupted_while_it_waits_for_a_pipe_it_ends(loader):
    load = loader.start("import", "-", stdin=subprocess.PIPE)
    load.stdin.write(as_json_lines([{"id": "1", "name": "n"}, {"id": "2", "name": "n"}]))
    load.stdin.flush()
    wait_until(lambda: in_pipe(load.stdin) == 0, 30, "a loader that waits for more")
    load.send_signal(signal.SIGTERM)
    started = time.monotonic()
    out = load.stdout.read(), load.stderr.read()  # not communicate(): it would close the pipe that is waited for
    assert load.wait(20) == 2, out
    assert time.monotonic() - started < 10
    load.stdin.close()


def test_lines_tell_progress_where_there_is_no_terminal(loader):
    load = loader.start("import", "-", stdin=subprocess.PIPE)
    load.stdin.write(as_json_lines([{"id": str(i), "name": "n" * 200} for i in range(6000)]))
    load.stdin.flush()
    patience = threading.Timer(60, load.kill)
    patience.start()
    lines = (line.decode() for line in load.stderr)  # one comes every three seconds
    assert any(line.endswith("/s\n") and " rows, " in line for line in lines)
    patience.cancel()
    load.communicate(timeout=60)
    assert load.returncode == 0


def test_a_bar_is_drawn_on_a_terminal(loader):
    ours, theirs = pty.openpty()
    load = loader.start("seed", "-n", 20000, stderr=theirs)
    os.close(theirs)
    seen = []

    def read():
        try:
            while piece := os.read(ours, 4096):
                seen.append(piece)
        except OSError:
            pass  # the other side is closed

    reader = threading.Thread(target=read)
    reader.start()
    assert load.wait(60) == 0
    load.communicate()
    reader.join(10)
    os.close(ours)
    drawn = b"".join(seen).decode()
    assert "\r\033[K[#" in drawn and "/s" in drawn and "left" in drawn
    assert drawn.endswith("\r\033[K")


# --- beside a service ---


def test_without_redis_workers_leave_what_they_had(stack, tmp_path, new_id):
    todo = new_id()
    stack.post({"id": todo, "name": "before"})
    stack.get(f"/todos/{todo}")
    assert "hit" in stack.get(f"/todos/{todo}").cache
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"id": todo, "name": "after"}) + "\n")
    result = stack.load("-o", "redis=unix:/nowhere/redis.sock", "import", "--upsert", str(file))
    assert result.returncode == 0, result.stderr
    # A second, and what a busy machine needs.
    wait_until(lambda: all(stack.get(f"/todos/{todo}").json["name"] == "after" for _ in range(20)), 10, "the new name at all workers")


def test_without_redis_nothing_is_written_if_that_is_refused(tmp_path):
    loader = Loader(tmp_path, "unix:/nowhere/redis.sock")
    result = loader.run("-o", "on_cache_down=refuse", "seed", "-n", 5)
    assert result.returncode == 2 and b"on_cache_down" in result.stderr
    assert loader.count() == 0


# --- MongoDB ---


def test_mongodb_gets_the_same_rows(tmp_path, redis, rows, mongodb):
    uri = mongodb()
    loader = Loader(tmp_path, redis, uri)
    result = loader.run("import", "-", input=as_archive(rows))
    assert (result.returncode, summary(result)) == (0, "1,000 rows are in, 0 rejected"), result
    mongo = Mongo(uri)
    found = {row["_id"]: (row["name"], row["description"], int(row["done"])) for row in mongo.find_all("todos")}
    assert found == wanted(rows)
    result = loader.run("import", "-", input=as_json_lines(rows + [{"id": "new", "name": "n"}]))
    assert (result.returncode, summary(result)) == (1, "1 rows are in, 1,000 rejected"), result
    exported = loader.run("export", "-")
    assert exported.returncode == 0 and len(exported.stdout.splitlines()) == 1001, exported
    (tmp_path / "other").mkdir()
    other = Loader(tmp_path / "other", redis)
    assert other.run("import", "-", input=exported.stdout).returncode == 0
    assert other.run("export", "-").stdout == exported.stdout
    assert loader.run("import", "-", "--upsert", input=as_csv(rows)).returncode == 0
    # A batch that got no answer in time, on a busy machine, is sent again; its rows then have one version more.
    assert {row["v"] for row in mongo.find_all("todos") if row["_id"] != "new"} <= {2, 3}
    mongo.close()
