// SPDX-License-Identifier: MIT
/*
 * The protocol at work, on a todo that the page makes for it and deletes in the end: two writers change it under one
 * ETag while a reader reads it again and again. Each step is told as it comes, with what the cache did: what was
 * filled, passed by for a fence, refused, and filled anew.
 *
 * The reader is a client of its own: it sends neither an ETag nor a Todo-Version.
 *
 * At the end the page checks the promise that the whole protocol is for: no read that began after the winner's answer
 * saw the state before it.
 */
import { Problem, addTodo, deleteTodo, patchTodo, readTodo } from "./api.js";
import { badge } from "./badge.js";
import { newKey } from "./editor.js";
import { sourceName } from "./trace.js";
import { byId, element, showMs } from "./view.js";

const READS_MOST = 40;
const WHOLE = "no-transform"; // nothing special

let isRunning = false;

function tell(who, what, trace) {
    const line = element("li");
    line.append(element("strong", who), ` ${what} `);
    if (trace) line.append(badge(trace.source, `${sourceName(trace)} ${showMs(trace.tookMs)} ms`));
    if (trace?.reason) line.append(element("span", ` ${trace.reason}`, "hint"));
    byId("race-steps").append(line);
    line.scrollIntoView({ block: "nearest" });
}

async function write(who, { todo, etag }) {
    try {
        const entry = await patchTodo(todo.id, { name: who }, etag);
        const atMs = performance.now();
        tell(who, "fenced the todo, was the first in the database, and unfenced it.", entry.trace);
        return { who, atMs };
    } catch (problem) {
        if (problem.status !== 412) throw problem;
        tell(who, "was refused (412): the other was faster, and its ETag names a state that is gone.", problem.trace);
        return null;
    }
}

// Reads until the writers have ended, and once more.
async function readOn(id, writers) {
    const reads = [];
    let isOver = false;
    let reason;
    writers.finally(() => (isOver = true)).catch(() => {});
    while (reads.length < READS_MOST) {
        const isLast = isOver;
        const beganMs = performance.now();
        const { todo, trace } = await readTodo(id, WHOLE);
        reads.push({ beganMs, name: todo.name });
        const isNews = reads.length === 1 || isLast || trace.reason !== reason;
        reason = trace.reason;
        if (isNews) tell("Reader", `saw “${todo.name}”.`, trace);
        if (isLast) break;
    }
    return reads;
}

async function run() {
    const made = await addTodo({ name: "A race", description: "Made by the page; it goes by itself." }, newKey());
    tell("Page", `made the todo ${made.todo.id}.`, made.trace);
    try {
        return await compete(made);
    } finally {
        const last = await readTodo(made.todo.id);
        await deleteTodo(made.todo.id, last.etag);
        tell("Page", "deleted the todo.");
    }
}

// Resolves to whether the promise was kept.
async function compete(made) {
    const { id } = made.todo;
    tell("Reader", "came first.", (await readTodo(id, WHOLE)).trace);
    tell("Reader", "came again.", (await readTodo(id, WHOLE)).trace);
    const writers = Promise.all(["Writer 1", "Writer 2"].map((who) => write(who, made)));
    const [won, reads] = await Promise.all([writers, readOn(id, writers)]);
    const winner = won.find((one) => one !== null);
    const later = reads.filter((read) => read.beganMs > winner.atMs);
    const old = later.filter((read) => read.name !== winner.who);
    const told = `${later.length} began after ${winner.who} was answered, and ${old.length} of them saw the old state.`;
    tell("Page", `looked at ${reads.length} reads. ${told}`);
    return old.length === 0;
}

export async function showRace() {
    byId("race").showModal();
    if (isRunning) return;
    isRunning = true;
    byId("race-steps").replaceChildren();
    byId("race-end").textContent = "Running …";
    try {
        const isKept = await run();
        byId("race-end").textContent = isKept ? "The promise was kept." : "The promise was broken: please report it.";
    } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        byId("race-end").textContent = problem.message;
    } finally {
        isRunning = false;
    }
}
