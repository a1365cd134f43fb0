// SPDX-License-Identifier: MIT
/*
 * The list by keyboard: j and k (in the list the arrows, too) walk the rows, x selects, e edits, Enter shows one alone,
 * Escape ends selecting, ? tells all this. Keys typed into a field are text.
 *
 * Who speaks to the computer, or types blindly, can switch the single letters off (WCAG 2.1.4); this browser remembers
 * it.
 */
import { rowOf, shownRows } from "./rows.js";
import { byId, part } from "./view.js";

const KEY = "keys";
const bulk = () => import("./bulk.js");

const areOff = () => localStorage.getItem(KEY) === "off";

function walk(step) {
    const rows = shownRows();
    const at = rows.indexOf(rowOf(document.activeElement));
    const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + step))];
    next?.element.focus();
    next?.element.scrollIntoView({ block: "nearest" });
}

function showHelp() {
    byId("keys-on").checked = !areOff();
    byId("help").showModal();
}

const LETTERS = {
    j: () => walk(1),
    k: () => walk(-1),
    x: async (row) => row && (await bulk()).togglePick(row),
    e: (row) => row && part(row.element, "edit")?.click(),
    "?": showHelp,
};

const NAMED = {
    ArrowDown: (row) => row && walk(1),
    ArrowUp: (row) => row && walk(-1),
    Enter: (row, target) => target === row?.element && part(row.element, "id")?.click(),
    Escape: async () => byId("rows").classList.contains("is-picking") && (await bulk()).setPicking(false),
};

function onKey(event) {
    const { key, target } = event;
    const isText = target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (event.ctrlKey || event.altKey || event.metaKey || isText || document.querySelector("dialog[open]")) return;
    const act = areOff() ? NAMED[key] : (LETTERS[key] ?? NAMED[key]);
    const row = rowOf(target);
    if (!act || (key.startsWith("Arrow") && !row)) return;
    if (key !== "Enter" || target === row?.element) event.preventDefault();
    act(row, target);
}

export function startKeys() {
    document.addEventListener("keydown", onKey);
    byId("keys").disabled = byId("pick").disabled = false;
    byId("keys").addEventListener("click", showHelp);
    byId("keys-on").addEventListener("change", (event) => {
        if (event.target.checked) localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, "off");
    });
    byId("pick").addEventListener("click", async () => {
        const { isPicking, setPicking } = await bulk();
        setPicking(!isPicking());
    });
}
