// SPDX-License-Identifier: MIT
/*
 * Several todos at once: selected by their boxes or the key x, completed or deleted together, with one Undo for all.
 *
 * Each change carries the ETag of what the visitor saw. A todo that somebody else has changed or deleted meanwhile is
 * left as it is, stays selected, and is counted: for many todos at once there is no dialog. A few requests are under
 * way at a time.
 */
import { Problem, deleteTodo, patchTodo, readTodo } from "./api.js";
import { shownRows } from "./rows.js";
import { byId, part, say } from "./view.js";

const AT_ONCE = 4;

let undos = []; // of the last change of many, each takes one todo's back

export const isPicking = () => byId("rows").classList.contains("is-picking");
const boxOf = (row) => part(row.element, "pick");
const picked = () => shownRows().filter((row) => boxOf(row)?.checked);

function show(text = "") {
    const count = picked().length;
    byId("bulk-count").textContent = text || (count === 1 ? "1 selected" : `${count} selected`);
    for (const name of ["complete", "delete"]) byId(`bulk-${name}`).disabled = count === 0;
    byId("bulk-undo").hidden = undos.length === 0;
}

export function setPicking(isOn) {
    byId("rows").classList.toggle("is-picking", isOn);
    byId("pick").ariaPressed = String(isOn);
    byId("bulk").hidden = !isOn;
    if (!isOn) {
        undos = [];
        picked().forEach((row) => (boxOf(row).checked = false));
    }
    show();
}

export function togglePick(row) {
    setPicking(true);
    const box = boxOf(row);
    if (box) box.checked = !box.checked;
    show();
}

// Resolves to what takes it back; null if the todo is not as the visitor saw it.
async function change(row, kind) {
    const seen = row.entry.todo;
    const now = row.entry.etag ? row.entry : await readTodo(seen.id);
    if (now.todo.updated_at !== seen.updated_at) return null;
    if (kind === "delete") {
        await deleteTodo(seen.id, now.etag);
        row.showGone("Deleted ", ".", null);
        return () => row.restore(now.todo);
    }
    const entry = await patchTodo(seen.id, { done: true }, now.etag);
    row.take({ outcome: "done", entry });
    return async () => row.take({ outcome: "done", entry: await patchTodo(seen.id, { done: seen.done }, entry.etag) });
}

// Runs act for each item, a few at a time. Resolves to the items for which it failed because the todo has changed.
async function each(items, act) {
    const queue = [...items];
    const left = [];
    const worker = async () => {
        for (let item = queue.shift(); item; item = queue.shift()) {
            try {
                if ((await act(item)) === null) left.push(item);
            } catch (problem) {
                if (![404, 412].includes(problem.status)) throw problem;
                left.push(item);
            }
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return left;
}

async function run(kind) {
    byId("bulk").ariaBusy = "true";
    undos = [];
    let done = 0;
    const act = async (row) => {
        const undo = await change(row, kind);
        if (undo === null) return null;
        undos.push(undo);
        done += 1;
        if (boxOf(row)) boxOf(row).checked = false;
    };
    try {
        const left = await each(picked(), act);
        const rest = left.length > 0 ? ` ${left.length} had changed elsewhere and stay as they are.` : "";
        finish(`${done} ${kind === "delete" ? "deleted" : "completed"}.${rest}`);
    } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        finish(`${done} done, then: ${problem.message}`);
    }
}

async function undoAll() {
    const todo = undos;
    undos = [];
    byId("bulk").ariaBusy = "true";
    try {
        const left = await each(todo, (undo) => undo());
        const rest = left.length > 0 ? ` ${left.length} had changed elsewhere.` : "";
        finish(`${todo.length - left.length} as they were.${rest}`);
    } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        finish(problem.message);
    }
}

function finish(text) {
    byId("bulk").ariaBusy = "false";
    show(text);
    say(text);
    if (!byId("bulk-undo").hidden) byId("bulk-undo").focus();
}

// Once, when this module comes.
byId("rows").addEventListener("change", (event) => event.target.matches('[data-part="pick"]') && show());
byId("bulk-all").addEventListener("click", () => {
    const boxes = shownRows().map(boxOf).filter((box) => box?.isConnected);
    const isAll = boxes.every((box) => box.checked);
    boxes.forEach((box) => (box.checked = !isAll));
    show();
});
byId("bulk-complete").addEventListener("click", () => run("complete"));
byId("bulk-delete").addEventListener("click", () => run("delete"));
byId("bulk-undo").addEventListener("click", undoAll);
byId("bulk-end").addEventListener("click", () => setPicking(false));
