# SPDX-License-Identifier: MIT
"""The ladder's table, in Markdown, and its plot, in SVG."""

import re
from html import escape

HEAD = "| step | requests/s | ratio | least, most | p50 ms | p99 ms | nginx µs | worker µs | Redis µs |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
TABLE = re.compile(re.escape(HEAD) + r"(?:\|.*\n)*")
ROW_PX, LEFT_PX, BAR_PX, WIDTH_PX = 26, 350, 400, 850


def row(words, figures):
    """CPU time that is too little to be seen in the table is none: another's process that answered a question about itself."""
    ratio, least, most = figures["ratio"]
    cpu = " | ".join(f"{figures[part]:.1f}" if figures[part] >= 0.05 else "" for part in ("nginx", "workers", "redis"))
    return (
        f"| {words} | {round(figures['rate'], -2):.0f} | {ratio:.2f} | {least:.2f}, {most:.2f} "
        f"| {figures['p50']:.2f} | {figures['p99']:.2f} | {cpu} |\n"
    )


def plot(results):
    """A bar for each step's ratio, a line over it from the least to the most of the rounds. It is readable on light and on dark."""
    scale = BAR_PX / max(figures["ratio"][2] for _, figures in results)
    height = ROW_PX * len(results) + 10
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_PX}" height="{height}" viewBox="0 0 {WIDTH_PX} {height}" role="img">',
        "<title>Requests per second of each step, beside the bare responder</title>",
        '<style>text{font:13px sans-serif;fill:#777}rect{fill:#4c8dae}.yardstick{fill:#999}line{stroke:#d08030;stroke-width:2}</style>',
    ]
    for at, (words, figures) in enumerate(results):
        ratio, least, most = (value * scale for value in figures["ratio"])
        middle = ROW_PX * at + ROW_PX / 2 + 5
        kind = ' class="yardstick"' if words.startswith("**") else ""
        lines += [
            f'<text x="{LEFT_PX - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(words.strip("*"))}</text>',
            f'<rect{kind} x="{LEFT_PX}" y="{middle - 8:.0f}" width="{ratio:.1f}" height="16"/>',
            f'<line x1="{LEFT_PX + least:.1f}" x2="{LEFT_PX + most:.1f}" y1="{middle:.0f}" y2="{middle:.0f}"/>',
            f'<text x="{LEFT_PX + max(ratio, most) + 8:.0f}" y="{middle + 4:.0f}">{figures["ratio"][0]:.2f}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def write(results, folder):
    """Returns the table and where the plot is. In the documents' own folder the table takes the place of the one in performance.md."""
    folder.mkdir(parents=True, exist_ok=True)
    table = HEAD + "".join(row(words, figures) for words, figures in results)
    document = folder / "performance.md"
    if document.exists():
        document.write_text(TABLE.sub(lambda _: table, document.read_text(), count=1))
        picture = folder / "performance.svg"
    else:
        (folder / "ladder.md").write_text(table)
        picture = folder / "ladder.svg"
    picture.write_text(plot(results))
    return table, picture
