# SPDX-License-Identifier: MIT
"""
Load from a person's tool (Locust). "./dev load" runs it against a stack of its own; against any running service, with a page
to watch it on http://localhost:8089:

    locust -f tests/load/locustfile.py --host http://127.0.0.1:8080 --ids 1000 Zipf

    Uniform   reads, each id as likely as any other: what a cache gains least from
    Zipf      reads and 5 % writes, on ids as people ask for them (Zipf, s = 1.1)

The todos 1 to --ids must be there (todo-load seed -n N). Each user asks at most 25 times a second, so that it is the service's
time that is seen and not this program's queue. Hits and misses are told apart by each answer's Cache-Status, and are rows
of their own in Locust's tables. At the end a summary is printed, with times of three digits where Locust's own tables have
whole milliseconds; it is of this process alone, so with --processes or --worker only Locust's own is of any use.

The client is the one under Locust's FastHttpUser, taken without its cover (cookies, redirects, URLs of all kinds), which would
cost half of what one process can send.
"""

import json
import random
import sys
import time
from pathlib import Path

from geventhttpclient import HTTPClient
from locust import User, constant_throughput, events, task

sys.path.insert(0, str(Path(__file__).resolve().parent))

import tally  # noqa: E402
import zipf  # noqa: E402

EXPONENT = 1.1
TIMEOUT_S = 30
NAMES = {"hit": "/todos/{id}, hit", "miss": "/todos/{id}, miss", "write": "/todos/{id}"}
KINDS = {name: kind for kind, name in NAMES.items()}
PATCH_HEADERS = {"Content-Type": "application/merge-patch+json"}


class Load:
    """What the users of one run share."""

    def __init__(self, ids):
        self.tally, self.began_at = tally.Tally(), time.monotonic()
        self.ids, self.ranks = ids, zipf.Zipf(ids, EXPONENT)


load = None


# --- users ---


class Todos(User):
    abstract = True
    wait_time = constant_throughput(25)

    def __init__(self, environment):
        super().__init__(environment)
        self.client = HTTPClient.from_url(self.host, connection_timeout=TIMEOUT_S, network_timeout=TIMEOUT_S)

    def on_stop(self):
        self.client.close()

    def ask_for(self, method, number, body=b"", headers=None):
        """One request, told to Locust whatever comes of it."""
        told = {"request_type": method, "response_length": 0, "context": {}, "exception": None}
        kind = "write" if method != "GET" else "miss"
        begun = time.perf_counter()
        try:
            answer = self.client.request(method, f"/todos/{number}", body, headers or {})
            told["response_length"] = len(answer.read())
            kind = tally.kind_of_read(answer.get("cache-status")) if method == "GET" else kind
            if answer.status_code != 200:
                told["exception"] = ValueError(f"status {answer.status_code}")
        except (OSError, ValueError) as error:
            told["exception"] = error
        told["response_time"] = (time.perf_counter() - begun) * 1000
        self.environment.events.request.fire(name=NAMES[kind], **told)

    def read(self, number):
        self.ask_for("GET", number)

    def write(self, number):
        self.ask_for("PATCH", number, json.dumps({"done": random.random() < 0.5}), PATCH_HEADERS)


class Uniform(Todos):
    @task
    def get(self):
        self.read(random.randint(1, load.ids))


class Zipf(Todos):
    @task(95)
    def get(self):
        self.read(load.ranks.rank(random.random()))

    @task(5)
    def patch(self):
        self.write(load.ranks.rank(random.random()))


# --- the run ---


@events.init_command_line_parser.add_listener
def add_options(parser):
    parser.add_argument("--ids", type=int, default=200000, help="the todos 1 to this are asked for")
    more = {"include_in_web_ui": False}
    parser.add_argument("--least-hits", type=float, default=0, help="percent at the end; fewer fail. 0: no matter", **more)
    parser.add_argument("--plot", default="", help="file to draw hits and times over time into (SVG)", **more)


@events.test_start.add_listener
def on_start(environment, **_):
    global load
    load = Load(environment.parsed_options.ids)


@events.request.add_listener
def on_request(request_type, name, response_time, exception=None, **_):
    if exception:
        load.tally.fail(f"{request_type} {name}: {exception!r}")
    else:
        load.tally.note(KINDS[name], time.monotonic() - load.began_at, response_time)


@events.quitting.add_listener
def on_quitting(environment, **_):
    if not load:
        return
    options = environment.parsed_options
    title = ", ".join(user.__name__ for user in environment.user_classes)
    print(tally.text_of(load.tally, title), flush=True)
    if options.plot:
        Path(options.plot).write_text(tally.svg_of(load.tally, title), encoding="utf-8")
    faults = load.tally.faults(options.least_hits)
    for fault in faults:
        print(f"  {fault}", flush=True)
    if faults:
        environment.process_exit_code = 1
