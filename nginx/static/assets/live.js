// SPDX-License-Identifier: MIT
/*
 * What other clients change, as the service tells it (GET /changes, by EventSource): the rows on this page follow.
 *
 * A todo that is shown is read again, and rows.js shows it without moving what a person reads; a row that waits for an
 * answer is told when it has it. New todos are only counted, not read: a program may make a thousand a second. What
 * this page has written itself is known already.
 *
 * The browser connects again by itself, and names the last event, so that nothing is missed. If the service does not
 * know that event any more, or has not been asked before, it says "reset": then the page compares what it shows.
 * While nobody looks at the page, it listens to nothing.
 */
import { expectVersion, knowsVersion, readPage, readTodo } from "./api.js";
import { here, queryOf } from "./place.js";
import { changeElsewhere, newElsewhere, shownRows } from "./rows.js";

const BUSY_MS = 300;
const AGAIN_MS = 30_000; // after an answer that ends an EventSource for good, or a read that failed

let source = null;
let place = ""; // in the feed

const rowWith = (id) => shownRows().find((row) => row.entry.todo.id === id);

async function todoNow(id) {
    try {
        return (await readTodo(id)).todo;
    } catch (problem) {
        if (problem.status !== 404) throw problem;
        return null;
    }
}

async function show(id) {
    const row = rowWith(id);
    if (row?.element.ariaBusy === "true") setTimeout(show, BUSY_MS, id);
    else if (row) await todoNow(id).then((todo) => changeElsewhere(id, todo)).catch(() => setTimeout(show, AGAIN_MS, id));
}

function onChange(event) {
    const { id, change, version } = JSON.parse(event.data);
    place = event.lastEventId;
    if (version && knowsVersion(id, version)) return;
    if (version) expectVersion(id, version);
    if (change === "created" && !rowWith(id)) newElsewhere(id);
    else show(id);
}

async function onReset(event) {
    place = event.lastEventId;
    const at = here();
    const todos = at.id ? [(await readTodo(at.id)).todo] : (await readPage(queryOf(at))).todos;
    for (const todo of todos) changeElsewhere(todo.id, todo);
}

function close() {
    source?.close();
    source = null;
}

function open() {
    if (source || document.hidden) return;
    source = new EventSource(place ? `/changes?after=${place}` : "/changes");
    source.addEventListener("change", onChange);
    source.addEventListener("reset", (event) => onReset(event).catch(close));
    source.addEventListener("error", () => {
        if (source?.readyState === EventSource.CLOSED) close();
    });
}

export function startLive() {
    if (!("EventSource" in window)) return;
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    setInterval(open, AGAIN_MS);
    open();
}
