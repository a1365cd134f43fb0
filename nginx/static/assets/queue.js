// SPDX-License-Identifier: MIT
/*
 * Edits by the service's queue: it answers as soon as its journal has the edit (202, with a ticket), and makes it a
 * little later.
 *
 * The switch is shown if the service has a queue, and this browser remembers it. It is for ticks and texts. A queued
 * edit has no condition: it sets the fields that the visitor has changed, whatever others have made of the todo
 * meanwhile. Deletions and new todos are made at once as ever, for Undo needs to know what became of them.
 *
 * The row shows the edit at once, and "Queued" in a source's place. It follows the ticket until the edit is made or has
 * failed, and is read then. If it has failed, the row says why, and words are in its editor again.
 */
import { expectVersion, queuePatch, readTicket } from "./api.js";
import { keepDraft } from "./drafts.js";
import { QUEUED } from "./trace.js";
import { byId, part, say } from "./view.js";

const KEY = "queue";
const AGAIN_MS = 2_000; // after an answer that could not be had

// Whether the row's line is there, and not its editor or what is said of a deleted todo.
const isLine = (row) => part(row.element, "edit") !== null;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// As soon as it is known; null if the row is not shown any more.
async function outcomeOf(ticket, row) {
    while (row.element.isConnected) {
        try {
            const found = await readTicket(ticket);
            if (found.state !== "pending") return found;
        } catch (problem) {
            if (problem.status === 404) return { state: "settled" }; // it was tried again under another ticket
            await wait(AGAIN_MS);
        }
    }
    return null;
}

function showFailure(row, problem, patch) {
    const { todo } = row.entry;
    const text = `${problem.title}. ${problem.detail} Nothing was changed.`;
    const isWords = "name" in patch || "description" in patch;
    if (isWords) keepDraft(todo.id, row.entry, { name: todo.name, description: todo.description, ...patch });
    if (isWords && isLine(row)) row.openEditor(row.entry);
    row.fault(text);
    say(text);
}

async function follow(row, ticket, patch) {
    const { id, name } = row.entry.todo;
    const found = await outcomeOf(ticket, row);
    const isLatest = row.ticket === ticket;
    if (!found || (found.state !== "failed" && !isLatest)) return;
    if (found.version) expectVersion(id, found.version);
    const isThere = isLine(row) && (await row.read().catch(() => false));
    if (found.state === "failed") showFailure(row, found.problem, patch);
    else if (isThere) say(`${name}: saved.`);
}

// For editTodo() of change.js. "queued": the entry is what the todo will be.
export async function queueEdit(row, seen, patch) {
    const { ticket, ...entry } = await queuePatch(seen.todo.id, patch);
    if (!ticket) return { outcome: "done", entry }; // the service has made it at once
    row.ticket = ticket;
    setTimeout(follow, 0, row, ticket, patch); // when the row shows it
    return { outcome: "queued", entry: { todo: { ...seen.todo, ...patch }, etag: null, trace: QUEUED } };
}

function show() {
    byId("queue").ariaPressed = String(localStorage.getItem(KEY) !== null);
}

// The service has a queue (service.js).
export function startQueue() {
    byId("queue").hidden = false;
    byId("queue").addEventListener("click", () => {
        if (localStorage.getItem(KEY) === null) localStorage.setItem(KEY, "on");
        else localStorage.removeItem(KEY);
        show();
    });
    show();
}
