// SPDX-License-Identifier: MIT
/*
 * A row's experiments with the cache: read past it, read from it alone, and a race of two writers and a reader.
 *
 * They stand in a line under the todo, which the button with the three dots opens and closes.
 */
import { fromTemplate, part, say } from "./view.js";
import { sourceSentence } from "./trace.js";

const NOT_CACHED = "No cache has this todo, and you asked for nothing else. The badge’s reading fills it.";

async function readWith(row, demand) {
    try {
        await row.read(demand);
    } catch (problem) {
        if (problem.status !== 504) throw problem;
        row.fault(NOT_CACHED);
        return;
    }
    say(`${row.entry.todo.name}. ${sourceSentence(row.entry.trace)}`);
}

export function toggleWatch(row) {
    const button = part(row.element, "watch");
    const open = row.element.querySelector(".watch");
    button.ariaExpanded = String(!open);
    if (open) {
        open.remove();
        return;
    }
    const line = fromTemplate("watch-template");
    part(line, "past").addEventListener("click", () => row.run(() => readWith(row, "no-cache")));
    part(line, "only").addEventListener("click", () => row.run(() => readWith(row, "only-if-cached")));
    part(line, "race").addEventListener("click", async () => (await import("./race.js")).showRace());
    row.element.querySelector(".text").append(line);
}
