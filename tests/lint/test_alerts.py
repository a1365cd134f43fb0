# SPDX-License-Identifier: MIT
"""
Alerts and the dashboard: Prometheus takes them, each alert fires when it should and is silent just before, each leads to its
paragraph of the runbook, and what they ask for is counted.

An alert's row: the time at which it is asked, the series under which it fires, and those under each of which it does not. Series are
promtool's: a sample each minute, "0+60x30" is 30 more of them, each 60 higher.
"""

import json
import re
import subprocess

import pytest
import yaml
from source import ROOT, macro_rows, metric_families, text

RULES, DASHBOARD = "etc/prometheus/rules.yml", "etc/grafana/todo-fcgi.json"
PLACE = 'job="todo-fcgi",instance="a"'


def requests(good, bad):
    """Answers a minute for seven hours; readiness is no answer to a client."""
    return {
        f'todo_requests_total{{{PLACE},route="todo_get",status="200"}}': f"0+{good}x420",
        f'todo_requests_total{{{PLACE},route="todo_insert",status="503"}}': bad,
        f'todo_requests_total{{{PLACE},route="readyz",status="503"}}': "0+100x420",
    }


def reads(hits, misses):
    """A minute's hits and misses, at first for six hours and then for two."""
    (first_hits, then_hits), (first_misses, then_misses) = hits, misses
    return {
        f'todo_cache_reads_total{{{PLACE},result="hit"}}': f"0+{first_hits}x360 {first_hits * 360}+{then_hits}x120",
        f'todo_cache_reads_total{{{PLACE},result="miss"}}': f"0+{first_misses}x360 {first_misses * 360}+{then_misses}x120",
        f'todo_cache_reads_total{{{PLACE},result="request"}}': "0+9000x480",
    }


def one(family, values, labels=""):
    return {f"{family}{{{PLACE}{',' if labels else ''}{labels}}}": values}


def disk(free, size):
    return {**one("todo_store_disk_bytes", f"{free}x20", 'kind="free"'), **one("todo_store_disk_bytes", f"{size}x20", 'kind="size"')}


NO_DISK = {f'todo_store_disk_bytes{{job="todo-fcgi",instance="mongodb",kind="{kind}"}}': "0x20" for kind in ("free", "size")}


def descriptors(used):
    family = "todo_worker_descriptors"
    return {**one(family, f"{used}x20", 'kind="open",worker="0"'), **one(family, "1000x20", 'kind="max",worker="0"')}


def turns(second):
    family = "todo_worker_turn_time_seconds"
    return {**one(family, "1000+60x20", 'worker="0"'), **one(family, second, 'worker="1"')}


def looks(good):
    family = "todo_store_looks_total"
    return {**one(family, "0+60x20", 'result="failed"'), **one(family, good, 'result="ok"')}


def unseen(writes):
    return {**one("todo_store_unseen_seconds_total", "0+60x20"),
            f'todo_store_calls_total{{job="todo-fcgi",instance="b",call="write",outcome="ok"}}': writes}  # fmt: skip


CASES = {
    "TodoDown": ("5m", one("up", "1 1 0x20"), one("up", "1 1 0 1x20")),
    "TodoWorkerHangs": ("10m", turns("1000+60x4 1240x20"), turns("992+60x20")),
    "TodoWorkersEnd": ("10m", one("todo_worker_start_time_seconds", "1 2 3 4 4x20", 'worker="0"'),
                       one("todo_worker_start_time_seconds", "1 2 3 3 3x20", 'worker="0"')),
    "TodoInconsistent": ("10m", one("todo_audit_total", "0 0 1 1x20", 'kind="todo",result="inconsistent"'),
                         one("todo_audit_total", "5x20", 'kind="todo",result="inconsistent"')),
    "TodoFenceLost": ("10m", one("todo_fence_lost_total", "0 0 1 1x20"), one("todo_fence_lost_total", "7x20")),
    "TodoSlotsUntrusted": (
        "10m",
        one("todo_cluster_slots", "0 0 0 5461x20", 'kind="untrusted"'),
        one("todo_cluster_slots", "0x9 1 1", 'kind="untrusted"'),
        one("todo_cluster_slots", "9x20", 'kind="moving"'),
    ),
    "TodoPrimaryUntrusted": ("10m", one("todo_cluster_nodes_untrusted", "0 0 1x20"), one("todo_cluster_nodes_untrusted", "0x5 1x4 0")),
    "TodoRedisAway": ("10m", one("todo_workers_without_redis", "0 0 0 1x20"), one("todo_workers_without_redis", "0x9 1 1")),
    "TodoOutboxOld": ("5m", one("todo_outbox_waiting_seconds", "0+20x20"), one("todo_outbox_waiting_seconds", "60x20")),
    "TodoStoreAway": ("5m", looks("50x20"), looks("50+1x20")),
    "TodoStoreUnseen": ("5m", unseen("0+9x20"), unseen("9x20")),
    "TodoBreakerOpen": ("5m", one("todo_workers_without_store", "1x20", 'lane="write"'),
                        one("todo_workers_without_store", "1 1 0 1 0 1", 'lane="write"')),
    "TodoStoreBusy": ("12m", one("todo_store_busy_total", "0+1x20", 'lane="read"'), one("todo_store_busy_total", "0 5x20", 'lane="read"')),
    "TodoWritesUnknown": ("5m", one("todo_store_calls_total", "0 0 1x20", 'call="write",outcome="unknown"'),
                          one("todo_store_calls_total", "0+1x20", 'call="write",outcome="failed"')),
    "TodoStoreDiskFull": ("10m", disk(9, 100), {**disk(11, 100), **NO_DISK}),
    "TodoQueueDeep": ("5m", one("todo_queue_depth", "100001x20"), one("todo_queue_depth", "100000x20")),
    "TodoQueueOld": ("5m", one("todo_queue_oldest_seconds", "0 30 61 61 61 61"), one("todo_queue_oldest_seconds", "0 60 60 60 60 61")),
    "TodoQueueDead": ("5m", one("todo_queue_dead_letters", "0 1x20"), one("todo_queue_dead_letters", "2 0x20")),
    "TodoErrorsFast": ("6h", requests(984, "0+16x420"), requests(987, "0+13x420"), requests(984, "0+30x345 10350x75")),
    "TodoErrorsSlow": ("7h", requests(993, "0+7x420"), requests(995, "0+5x420"), requests(993, "0+30x380 11400x40")),
    "TodoHitRateLow": ("8h", reads((900, 600), (100, 400)), reads((900, 800), (100, 200))),
    "TodoPurgesWaiting": ("15m", one("todo_purges_waiting", "3x20"), one("todo_purges_waiting", "3x7 0 3x20")),
    "TodoDescriptorsShort": ("10m", descriptors(901), descriptors(900)),
}  # fmt: skip


def alerts():
    """The rules of alerts by name."""
    rules = [rule for group in yaml.safe_load(text(RULES))["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def promtool(*words):
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules_and_the_configuration():
    promtool("check", "rules", "--lint=all", "--lint-fatal", ROOT / RULES)
    promtool("check", "config", ROOT / "etc/prometheus/prometheus.yml")


def test_every_alert_has_its_cases():
    assert set(CASES) == set(alerts())


@pytest.mark.parametrize("unit, interval", [("m", "1m"), ("h", "5m")])
def test_each_alert_fires_and_is_silent_just_before(tmp_path, unit, interval):
    """Rules over hours are asked less often, to be done sooner."""
    chosen = {name: row for name, row in CASES.items() if row[0].endswith(unit)}
    tests = [case(name, at, series, number == 0) for name, (at, *all_series) in chosen.items() for number, series in enumerate(all_series)]
    content = {"rule_files": [str(ROOT / RULES)], "evaluation_interval": interval, "tests": tests}
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump(content))
    promtool("test", "rules", tmp_path / "rules_test.yml")


def case(name, at, series, fires):
    """ALERTS is what Prometheus itself says of alerts."""
    return {
        "interval": "1m",
        "name": f"{name} {'fires' if fires else 'is silent'}",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)',
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": 1 if fires else 0}],
            }
        ],
    }


def test_each_alert_leads_to_its_paragraph():
    found = {name: rule["annotations"] for name, rule in alerts().items()}
    assert {name: words["runbook"] for name, words in found.items()} == {name: f"doc/runbook.md#{name.lower()}" for name in found}
    assert all(words["summary"] for words in found.values())
    assert re.findall(r"^### (Todo\w+)$", text("doc/runbook.md"), re.M) == list(found)


def dashboard():
    """Each expression of the dashboard."""
    panels = json.loads(text(DASHBOARD))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_what_alerts_and_dashboard_ask_for_is_counted():
    recorded = set(re.findall(r"record: (\S+)", text(RULES)))
    for place in (RULES, DASHBOARD):
        words = text(place)
        asked = set(re.findall(r"[a-z]+:todo_\w+:\w+", words))
        assert asked <= recorded, (place, asked - recorded)
        asked = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"(?<![:\w])todo_\w+", words)}
        assert asked and asked <= metric_families(), (place, asked - metric_families())


def test_each_gauge_is_on_the_dashboard_or_has_an_alert():
    gauges = {family.strip('"') for _, family, *_ in macro_rows("src/base/stats_table.h", "STATS_GAUGES")}
    shown = set(re.findall(r"todo_\w+", text(RULES) + "".join(dashboard())))
    assert len(gauges) > 10 and gauges <= shown, gauges - shown


def test_prometheus_takes_the_dashboards_expressions(tmp_path):
    expressions = [expr.replace("$__rate_interval", "1m").replace("$job", "todo-fcgi").replace("$instance", ".*") for expr in dashboard()]
    assert len(expressions) > 10 and "$" not in "".join(expressions)
    rules = [{"record": f"panel:number{number}", "expr": expr} for number, expr in enumerate(expressions)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "panels.yml")
