# SPDX-License-Identifier: MIT
"""todoctl backup and restore: under load, killed, without room; and what is answered afterwards."""

import contextlib
import fcntl
import json
import re
import resource
import signal
import sqlite3
import subprocess
import time

import pytest
from documented import Documented, commands_of
from load import load
from stack import WORKER_BUILD, wait_until
from store_file import store_path
from test_store_back import ROWS, assert_as_before, audited, change_some, rename, warm
from tiny_bson import Mongo

JSON = {"Content-Type": "application/json"}
ON_SQLITE = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
ON_MONGODB = pytest.mark.parametrize("store", ["mongodb"], scope="session", indirect=True)
LONG = {"todo_ttl_s": 3600, "negative_ttl_s": 3600, "list_ttl_s": 3600}


@pytest.fixture
def filled_stack(new_stack):
    def new(rows=ROWS, **settings):
        stack = new_stack(settings={**LONG, **settings})
        assert stack.load("seed", "-n", str(rows)).returncode == 0
        return stack

    return new


def ctl(stack, *words, status=0):
    result = stack.ctl(*words)
    assert result.returncode == status, result.stdout + result.stderr
    return result


def rows(path, sql="SELECT id, name FROM todos"):
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(file.execute(sql).fetchall())


def ctl_process(stack, *words, **options):
    command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", *words]
    return subprocess.Popen(
        command, cwd=stack.folder, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def poster(acknowledged):
    def ask(client, number, turn):
        todo = f"w-{number}-{turn}"
        answer = client.post({"id": todo, "name": "x"})
        if answer.status == 201:
            acknowledged.append(todo)
        return None if answer.status == 201 else repr(answer)

    return ask


@ON_SQLITE
def test_a_backup_under_writes_is_whole_and_one_file(filled_stack):
    stack, acknowledged = filled_stack(), []
    with load(stack, poster(acknowledged), threads=3) as writes:
        writes.wait(30, 60)
        before = len(acknowledged)
        assert "copy.db is the backup" in ctl(stack, "backup", "copy.db").stdout
        writes.wait(30, 60)
    assert writes.failures == []
    copied = rows(stack.folder / "copy.db")
    assert len(copied) >= ROWS + before and set(acknowledged[:before]) <= set(copied)
    assert sorted(path.name for path in stack.folder.glob("copy.db*")) == ["copy.db"]
    assert (stack.folder / "copy.db").stat().st_mode & 0o007 == 0, "for others it is closed, as the database is"


@ON_SQLITE
def test_a_restore_under_reads_and_writes_fails_none_and_is_what_all_see(filled_stack):
    """Writes to other todos than those of the check go on; of these, those before the restore are gone, and later ones stay."""
    stack, acknowledged = filled_stack(l1_mbytes=16), []
    ctl(stack, "backup", "copy.db")
    change_some(stack)
    warm(stack)
    numbers = list(range(1, 16))
    state = {"restored": False}

    def reader(client, number, turn):
        is_over = state["restored"]
        answer = client.get(f"/todos/{numbers[(number * 7 + turn) % len(numbers)]}")
        is_later = answer.status == 404 or answer.json["name"] == "later"
        return repr(answer) if answer.status not in (200, 404) or (is_over and is_later) else None

    with load(stack, reader, threads=3) as reads, load(stack, poster(acknowledged), threads=2) as writes:
        reads.wait(100, 60), writes.wait(20, 60)
        ctl(stack, "restore", "copy.db")
        state["restored"] = True
        mark = len(acknowledged)
        reads.wait(200, 60), writes.wait(40, 60)
    assert reads.failures == [] and writes.failures == []
    assert all(stack.get(f"/todos/{todo}").status == 200 for todo in acknowledged[mark:])
    assert audited(stack).get("inconsistent", 0) == 0


@ON_SQLITE
def test_what_clients_and_caches_hold_of_the_lost_future_matches_nothing(filled_stack):
    """The restored todo reaches the lost version's number again. No cache listens, so the record for it stays (test_cdn.py)."""
    stack = filled_stack(purge_url="http://127.0.0.1:1/", surrogate_keys="on")

    def post(key, name):
        return stack.request("POST", "/todos", f'{{"name": "{name}"}}', {**JSON, "Idempotency-Key": f'"{key}"'})

    unchanged = stack.get("/todos/2").headers["ETag"]
    before = post("before", "a")
    ctl(stack, "backup", "copy.db")
    after = post("after", "b")
    lost = stack.request("PUT", "/todos/1", '{"name": "lost"}', JSON)
    begun_ms = time.time() * 1000
    ctl(stack, "restore", "copy.db")

    again = stack.request("PUT", "/todos/1", '{"name": "other"}', JSON)
    assert lost.status == again.status == 200 and lost.headers["ETag"].split("-")[0] == again.headers["ETag"].split("-")[0]
    stack.request("PUT", "/todos/1", '{"name": "x"}', {**JSON, "If-Match": lost.headers["ETag"]}).problem(412)
    answer = stack.get("/todos/1", Todo_Version=lost.headers["Todo-Version"])
    assert (answer.status, answer.json["name"]) == (200, "other")
    # Of an unchanged todo as well: which ones are unchanged, no cache in front can know.
    assert stack.get("/todos/2", If_None_Match=unchanged).status == 200

    assert post("before", "a").json["id"] == before.json["id"], "the kept answer of the backup"
    assert stack.get(f"/todos/{after.json['id']}").status == 404
    repeated = post("after", "b")
    assert repeated.status == 201 and stack.get(f"/todos/{repeated.json['id']}").status == 200
    assert rows(store_path(stack), "SELECT name, count(*) FROM todos WHERE name IN ('a', 'b') GROUP BY name") == {"a": 1, "b": 1}

    [due_at] = rows(store_path(stack), "SELECT due_at, keys FROM purges WHERE keys = 'all'")
    assert due_at > begun_ms + 2000, "when all workers have noticed"


@ON_SQLITE
def test_an_older_backup_is_restored_without_redis_and_workers(filled_stack):
    """As version 4 of the tables made it: without lives. It gets today's tables."""
    stack = filled_stack()
    ctl(stack, "backup", "copy.db")
    with contextlib.closing(sqlite3.connect(stack.folder / "copy.db", isolation_level=None)) as file:
        for trigger in [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            file.execute(f"DROP TRIGGER {trigger}")
        file.execute("DROP TABLE changes")
        file.execute("DROP TABLE bookmarks")
        for table, column in (("todos", "life"), ("answers", "life"), ("answers", "made"), ("meta", "slots")):
            file.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        file.execute("PRAGMA user_version = 4")
    change_some(stack)
    warm(stack)
    stack.stop("workers")
    hidden = stack.folder / "redis.hidden"
    (stack.folder / "redis.sock").rename(hidden)
    ctl(stack, "restore", "copy.db")
    hidden.rename(stack.folder / "redis.sock")
    stack.start("workers")
    stack.wait_answer()
    assert_as_before(stack)


@ON_SQLITE
def test_a_killed_backup_or_restore_leaves_what_was_there(filled_stack):
    stack = filled_stack(rows=4000)
    ctl(stack, "backup", "copy.db")
    with contextlib.closing(sqlite3.connect(store_path(stack), timeout=20)) as file, file:
        file.execute("UPDATE todos SET name = 'later'")
    kept = (stack.folder / "copy.db").read_bytes()
    killed_at("copy.db.part", stack, "backup", "copy.db")
    assert (stack.folder / "copy.db").read_bytes() == kept
    # The copy beside the database is made; it gets its tables; it is read into the transaction.
    for name in "todos.db-restore", "todos.db-restore-turn", "todos.db-restore-wal":
        killed_at(name, stack, "restore", "copy.db")
        names = set(rows(store_path(stack)).values())
        assert names == {"later"} or "later" not in names, "never a mixture"
    assert stack.get("/todos/1").status == 200
    ctl(stack, "backup", "copy.db")
    ctl(stack, "restore", "copy.db")
    assert not list(stack.folder.glob("*-restore*")) and not list(stack.folder.glob("copy.db?*"))
    assert audited(stack).get("inconsistent", 0) == 0


def killed_at(name, stack, *words):
    """As soon as the file is there; the machine may be too slow to see it, so it is tried again."""
    path = stack.folder / name
    for _ in range(20):
        for left in stack.folder.glob(f"{name}*"):
            left.unlink()
        process = ctl_process(stack, *words)
        while process.poll() is None and not path.exists():
            time.sleep(0.0005)
        was_cut = process.poll() is None
        process.kill()
        process.communicate()
        if was_cut:
            return
    raise AssertionError(f"{words} never had {name}")


def limited(stack, size_bytes, *words):
    """As on a disk that is full at this size of a file."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

    process = ctl_process(stack, *words, preexec_fn=limit)
    text, _ = process.communicate(timeout=60)
    return process.returncode, text


@ON_SQLITE
def test_without_room_nothing_is_changed(filled_stack):
    stack = filled_stack(rows=3000)
    ctl(stack, "backup", "copy.db")
    kept = (stack.folder / "copy.db").read_bytes()
    assert rename(stack, 1, "later") == 200
    before = rows(store_path(stack))
    for size_bytes, words in ((len(kept) // 2, ("backup", "copy.db")), (len(kept) // 2, ("restore", "copy.db")), (len(kept), ("restore", "copy.db"))):
        status, text = limited(stack, size_bytes, *words)
        assert status == 2 and "todoctl: " in text, (words, text)
    assert (stack.folder / "copy.db").read_bytes() == kept and rows(store_path(stack)) == before
    assert not list(stack.folder.glob("copy.db?*")) and not list(stack.folder.glob("*-restore*"))
    assert rename(stack, 1, "and on") == 200 and stack.get("/todos/1").json["name"] == "and on"
    assert audited(stack).get("inconsistent", 0) == 0


@ON_SQLITE
def test_what_is_no_backup_is_refused(filled_stack):
    stack = filled_stack()
    before = rows(store_path(stack))
    (stack.folder / "text.db").write_text("no database\n" * 100)
    (stack.folder / "empty.db").write_text("")
    with contextlib.closing(sqlite3.connect(stack.folder / "other.db")) as file, file:
        file.execute("CREATE TABLE other (x)")
    ctl(stack, "backup", "newer.db")
    with contextlib.closing(sqlite3.connect(stack.folder / "newer.db", isolation_level=None)) as file:
        file.execute("PRAGMA user_version = 99")
    torn = bytearray((stack.folder / "newer.db").read_bytes())
    torn[4096 : 3 * 4096] = b"\xff" * 2 * 4096
    (stack.folder / "torn.db").write_bytes(torn)
    for name, text in {
        "text.db": "not a database", "empty.db": "no todos", "other.db": "no todos", "none.db": "can't open", "newer.db": "newer program",
        "torn.db": "damaged",
    }.items():  # fmt: skip
        result = ctl(stack, "restore", name, status=2)
        assert text in result.stderr, (name, result.stderr)
    (stack.folder / "used.db-wal").write_text("")
    for name, text in {"none/copy.db": "can't make it", "todos.db": "the database itself", "used.db": "used.db-wal is there"}.items():
        assert text in ctl(stack, "backup", name, status=2).stderr
    with open(stack.folder / "copy.db.part", "w") as part:
        fcntl.flock(part, fcntl.LOCK_EX)
        assert "another process is making it" in ctl(stack, "backup", "copy.db", status=2).stderr
    for words in (["backup"], ["restore"], ["backup", "a", "b"], ["restore", "--all", "a"]):
        ctl(stack, *words, status=2)
    assert rows(store_path(stack)) == before and not list(stack.folder.glob("*-restore*"))


# --- MongoDB: its own tools ---


@ON_MONGODB
def test_mongodb_has_tools_of_its_own(stack):
    for verb in "backup", "restore":
        assert "doc/backup.md" in ctl(stack, verb, "copy", status=2).stderr


DOCUMENT = "doc/backup.md"
NEW_LIVES = "db.todos.updateMany("


def is_mongodbs(command):
    return command.startswith(("mongodump", "mongorestore", NEW_LIVES))


def assert_nothing_later(stack):
    """Each worker may answer any of them."""
    for number in range(1, 16):
        answer = stack.get(f"/todos/{number}")
        assert answer.status == 200 and answer.json["name"] != "later", answer
        stack.client.close()
    assert stack.get("/todos/later").status == 404


@ON_SQLITE
def test_the_commands_of_the_document_do_what_it_says(filled_stack):
    """In its order: restored beside workers that have the lost future in all layers; then a damaged file is moved away."""
    stack = filled_stack(l1_mbytes=16)
    documented = Documented(stack)
    for command in commands_of(DOCUMENT):
        if is_mongodbs(command):
            break
        documented.run(command)
        if "backup /var/backups/todo/todo.db" in command:
            change_some(stack)
            warm(stack)
            stack.get("/todos?limit=100")
            wait_until(lambda: stack.get("/todos/1").cache.get("detail") == "l1", what="a hit of the L1")
        elif " restore " in command and stack.supervisor.running("workers"):
            for _ in range(5):
                assert_nothing_later(stack)
            assert_as_before(stack)
    assert len(list(stack.folder.glob("todo-[1-7].db"))) == 1 and (stack.folder / "damaged/todos.db").exists()
    assert_as_before(stack)


@ON_MONGODB
def test_mongodbs_restore_as_the_document_has_it(new_stack):
    """The dump and its way back are played by a client; the other commands are the document's."""
    stack = new_stack(settings=LONG)
    mongo, dumped = Mongo(stack.environment["STACK_STORE"]), {}
    assert stack.load("seed", "-n", str(ROWS)).returncode == 0

    def dump(_):
        for collection in "todos", "meta", "answers", "outbox", "purges":
            dumped[collection] = mongo.find_all(collection)

    def restore(_):
        for collection, documents in dumped.items():
            mongo.run({"delete": collection, "deletes": [{"q": {}, "limit": 0}]})
            if documents:
                mongo.run({"insert": collection, "documents": documents})

    def new_lives(command):
        arguments = re.sub(r"([$a-zA-Z]+):", r'"\1":', command[len(NEW_LIVES) : -1])
        query, update = json.loads(f"[{arguments}]")
        mongo.run({"update": "todos", "updates": [{"q": query, "u": update, "multi": True}]})

    documented = Documented(stack, {"mongodump": dump, "mongorestore": restore, NEW_LIVES: new_lives})
    commands = commands_of(DOCUMENT)
    for command in commands[next(at for at, command in enumerate(commands) if is_mongodbs(command)) :]:
        if command.startswith("mongorestore"):
            change_some(stack)
            warm(stack)
            lost = stack.request("PUT", "/todos/1", '{"name": "later"}', JSON)
            stack.stop("workers")
        elif command.endswith("purge --all"):
            stack.start("workers")
            stack.wait_answer()
        documented.run(command)
    assert_as_before(stack)
    lives = [todo["life"] for todo in mongo.find_all("todos")]
    assert len(set(lives)) == ROWS and all(1 << 52 <= life < 1 << 53 for life in lives)
    stack.request("PUT", "/todos/1", '{"name": "x"}', {**JSON, "If-Match": lost.headers["ETag"]}).problem(412)
    assert "the store has gone back to an earlier state" in stack.log("workers")
    mongo.close()
