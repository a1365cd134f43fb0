# SPDX-License-Identifier: MIT
"""
What a load has shown: answers by where they came from, their times, and how both went; as text and as a plot.

Pure: locustfile.py feeds it, tests too. It stays small however long a load runs: times are counted in classes of three
digits, and steps of the plot become longer in place of more.
"""

import re
from collections import Counter

STEPS_MAX = 120
QUANTILES = (0.50, 0.95, 0.99)
READS = ("hit", "miss")
KINDS = (*READS, "write")

HIT = re.compile(r";\s*hit\b")


def kind_of_read(cache_status):
    """Cache-Status (RFC 9211): a hit if any of the caches on the way had it."""
    return "hit" if HIT.search(cache_status or "") else "miss"


class Times(Counter):
    """Milliseconds, rounded to three digits, and how often each came."""

    def note(self, ms):
        self[float(f"{ms:.3g}")] += 1

    def quantile(self, part):
        """The time that so large a part of all answers didn't exceed; None if there are none."""
        left = part * self.total()
        for ms in sorted(self):
            left -= self[ms]
            if left <= 0:
                return ms
        return None


class Tally:
    def __init__(self):
        self.all = {kind: Times() for kind in KINDS}
        self.steps = []  # as self.all, by time
        self.step_s = 1
        self.failures = Counter()

    def note(self, kind, at_s, ms):
        """An answer that came at_s seconds after the load's begin and took ms."""
        self.all[kind].note(ms)
        self.step_at(at_s)[kind].note(ms)

    def fail(self, why):
        self.failures[str(why)] += 1

    def step_at(self, at_s):
        while at_s // self.step_s >= STEPS_MAX:
            self.widen()
        while at_s // self.step_s >= len(self.steps):
            self.steps.append({kind: Times() for kind in KINDS})
        return self.steps[int(at_s // self.step_s)]

    def widen(self):
        pairs = [self.steps[at : at + 2] for at in range(0, len(self.steps), 2)]
        self.steps = [{kind: sum((step[kind] for step in pair), Times()) for kind in KINDS} for pair in pairs]
        self.steps = [{kind: Times(times) for kind, times in step.items()} for step in self.steps]
        self.step_s *= 2

    @property
    def answers(self):
        return sum(times.total() for times in self.all.values())

    def hit_rate(self, steps=None):
        """Hits among the reads, in percent; None if there were none."""
        steps = [self.all] if steps is None else steps
        hits, misses = (sum(step[kind].total() for step in steps) for kind in READS)
        return 100 * hits / (hits + misses) if hits + misses else None

    def last_hit_rate(self):
        """Of the last sixth: of a minute, ten seconds."""
        return self.hit_rate(self.steps[-max(len(self.steps) // 6, 1) :])

    def faults(self, least_hits):
        """What this load should not have shown, as texts; least_hits: percent that the cache must have come to."""
        found = [f"{count} failures: {why}" for why, count in self.failures.items()]
        rate = self.last_hit_rate()
        if least_hits and (rate is None or rate < least_hits):
            found.append(f"{number(rate)} % hits in the last sixth, {least_hits:g} % are wanted")
        return found


def number(value):
    return "-" if value is None else f"{value:.1f}"


def text_of(tally, title):
    seconds = max(len(tally.steps) * tally.step_s, 1)
    lines = [
        f"{title}: {tally.answers} answers in {seconds} s, {tally.answers / seconds:.0f}/s",
        f"  hits {number(tally.hit_rate())} % from the first read on, {number(tally.last_hit_rate())} % in the last sixth",
        f"  {'ms':<6}{'answers':>10}" + "".join(f"{'p%g' % (100 * part):>10}" for part in QUANTILES),
    ]
    for kind, times in tally.all.items():
        lines.append(f"  {kind:<6}{times.total():>10}" + "".join(f"{number(times.quantile(part)):>10}" for part in QUANTILES))
    lines.append(f"  failures {tally.failures.total()}")
    return "\n".join(lines)


# --- the plot ---

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 170, 60, 40, 60
COLOURS = {"hits": "#1b7f4b", "hit": "#1b7f4b", "miss": "#b3541e", "write": "#3b5bb5"}
STYLE = "text{font:12px sans-serif;fill:#333}.frame{fill:none;stroke:#bbb}polyline{fill:none;stroke-width:1.5}"


def polyline(values, most, top, colour, dashes=""):
    """values: one per step, None where there is none; most is the upper edge."""
    width = WIDTH / max(len(values) - 1, 1)
    points = [
        f"{LEFT + at * width:.1f},{top + HEIGHT * (1 - min(value / most, 1)):.1f}"
        for at, value in enumerate(values)
        if value is not None
    ]
    return f'<polyline points="{" ".join(points)}" stroke="{colour}" stroke-dasharray="{dashes}"/>'


def panel(top, title, most, seconds):
    return [
        f'<text x="{LEFT}" y="{top - 8}">{title}</text>',
        f'<rect class="frame" x="{LEFT}" y="{top}" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text x="{LEFT - 8}" y="{top + 10}" text-anchor="end">{most:g}</text>',
        f'<text x="{LEFT - 8}" y="{top + HEIGHT}" text-anchor="end">0</text>',
        f'<text x="{LEFT + WIDTH}" y="{top + HEIGHT + 16}" text-anchor="end">{seconds} s</text>',
    ]


def svg_of(tally, title):
    """Two panels over time: hits in percent; p50 (drawn) and p99 (dashed) of hits, misses and writes in milliseconds."""
    seconds = len(tally.steps) * tally.step_s
    second = TOP + HEIGHT + GAP
    lines = {
        (kind, part): [step[kind].quantile(part) for step in tally.steps] for kind in KINDS for part in (0.50, 0.99)
    }
    most = max((value for values in lines.values() for value in values if value is not None), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{second + HEIGHT + 40}">',
        f"<style>{STYLE}</style>",
        *panel(TOP, f"{title}: hits, % of the reads", 100, seconds),
        polyline([tally.hit_rate([step]) for step in tally.steps], 100, TOP, COLOURS["hits"]),
        *panel(second, "p50 and, dashed, p99 in ms: ", most, seconds),
    ]
    for at, kind in enumerate(KINDS):
        parts.append(f'<text x="{LEFT + 200 + 60 * at}" y="{second - 8}" style="fill:{COLOURS[kind]}">{kind}</text>')
    for (kind, part), values in lines.items():
        parts.append(polyline(values, most, second, COLOURS[kind], "" if part == 0.50 else "4 3"))
    return "\n".join([*parts, "</svg>", ""])
