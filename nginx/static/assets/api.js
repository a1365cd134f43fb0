// SPDX-License-Identifier: MIT
/*
 * The service's HTTP, and nothing else: each function here is one request.
 *
 * The page keeps the ETags of its last answers and sends them with its reads as If-None-Match. So the page sees a
 * 304, which the browser's cache would hide. After a write, a read of the same todo carries the write's Todo-Version,
 * so that no cache on the way answers with an older state. A queued write's is its ticket: such a read waits for it.
 *
 * Changes carry If-Match, so that no edit is lost; change.js handles a refusal. They carry a token if the service wants
 * one (token.js).
 *
 * Every answer but a success is thrown as a Problem: the service's problem+json (RFC 9457), or status 0 if no answer
 * came. Each answer also fires the event "answered" on the exported target, with its trace; one that was lost, too,
 * with a trace of status 0.
 */
import { askToken, keptToken } from "./token.js";
import { traceOf } from "./trace.js";

const TIMEOUT_MS = 20_000;
const KEPT_ANSWERS = 200;
const OFFLINE = "You are offline. Nothing was sent.";
const UNREACHED = "The service can’t be reached.";
const UNKNOWN = "No answer came. The change may have been saved, or not.";
const UNTOLD = "Changes need the service’s token. Nothing was saved.";

export const requests = new EventTarget();
// What was sent and came back, by the trace; kept as long as somebody has the trace.
export const exchanges = new WeakMap();

export class Problem extends Error {
    constructor(status, body, trace = null, retryAfterSeconds = 0) {
        super(body.detail || body.title);
        Object.assign(this, { status, type: body.type, title: body.title, pointer: body.pointer ?? "" });
        Object.assign(this, { trace, retryAfterSeconds });
    }
}

// A map that forgets its oldest entries.
class Memory extends Map {
    set(key, value) {
        this.delete(key);
        super.set(key, value);
        if (this.size > KEPT_ANSWERS) this.delete(this.keys().next().value);
        return this;
    }
}

const answers = new Memory(); // path -> {etag, data}
const versions = new Memory(); // path of a todo -> Todo-Version of this page's last write to it

const pathOf = (id) => `/todos/${encodeURIComponent(id)}`;

function unanswered(detail) {
    requests.dispatchEvent(new Event("unanswered"));
    return new Problem(0, { title: "No answer", detail });
}

async function send(method, path, headers, body) {
    // By default, browsers add "no-cache" to such a request, and the service would then bypass its caches.
    const all = { "Cache-Control": "no-transform", ...headers };
    if (!navigator.onLine) throw unanswered(OFFLINE);
    const options = { method, headers: all, body, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) };
    const began = performance.now();
    let response, text;
    try {
        response = await fetch(path, options);
        text = await response.text();
    } catch {
        const lost = traceOf(method, path, Response.error(), performance.now() - began);
        requests.dispatchEvent(new CustomEvent("answered", { detail: lost }));
        throw unanswered(method === "GET" ? UNREACHED : UNKNOWN);
    }
    const trace = traceOf(method, path, response, performance.now() - began);
    exchanges.set(trace, { sent: all, body, fields: [...response.headers], text });
    requests.dispatchEvent(new CustomEvent("answered", { detail: trace }));
    if (response.status >= 400) throw problemOf(response, text, trace);
    return { response, text, trace };
}

function problemOf(response, text, trace) {
    const retryAfterSeconds = Number(response.headers.get("Retry-After")) || 0;
    let body;
    try {
        body = JSON.parse(text);
    } catch {
        body = { title: `The answer was ${response.status}`, detail: "The answer gives no details." };
    }
    return new Problem(response.status, body, trace, retryAfterSeconds);
}

// demand is a Cache-Control of the request: what caches may answer. Such a read says nothing of what the page knows.
async function read(path, demand) {
    const kept = demand ? undefined : answers.get(path);
    const headers = { Accept: "application/json", ...(demand && { "Cache-Control": demand }) };
    if (kept) headers["If-None-Match"] = kept.etag;
    if (!demand && versions.has(path)) headers["Todo-Version"] = versions.get(path);
    const { response, text, trace } = await send("GET", path, headers);
    const known = response.status === 304 ? kept : { etag: response.headers.get("ETag"), data: JSON.parse(text) };
    answers.set(path, known);
    return { ...known, trace };
}

// With the token, if there is one; the visitor is asked until the service accepts it.
async function sendChange(method, path, headers, body) {
    for (;;) {
        const token = keptToken();
        try {
            return await send(method, path, token ? { ...headers, Authorization: `Bearer ${token}` } : headers, body);
        } catch (problem) {
            if (problem.status !== 401) throw problem;
            if (!(await askToken(token !== ""))) throw new Problem(401, { title: "No token", detail: UNTOLD });
        }
    }
}

async function write(method, path, headers, body) {
    const { response, text, trace } = await sendChange(method, path, headers, body && JSON.stringify(body));
    const data = text ? JSON.parse(text) : null;
    const todo = response.status === 202 ? null : data; // else it is of the queue
    const etag = response.headers.get("ETag");
    const own = todo ? pathOf(todo.id) : path;
    versions.set(own, response.headers.get("Todo-Version") ?? "");
    if (!versions.get(own)) versions.delete(own);
    if (todo && etag) answers.set(own, { etag, data: todo });
    else answers.delete(own);
    return { todo, etag, trace, ...(response.status === 202 && { ticket: data.ticket }) };
}

// Whether this page's last write to the todo made this version.
export function knowsVersion(id, version) {
    return versions.get(pathOf(id)) === version;
}

// From now on reads of the todo show this version or a later one.
export function expectVersion(id, version) {
    versions.set(pathOf(id), version);
}

// {todos, next} with its trace.
export async function readPage(query) {
    const { data, trace } = await read(`/todos?${query}`);
    return { ...data, trace };
}

// An entry is {todo, etag, trace}: a todo as it was read or written, with the ETag that a change to it needs.
export async function readTodo(id, demand) {
    const { data, etag, trace } = await read(pathOf(id), demand);
    return { todo: data, etag, trace };
}

// With the key, the request may be sent twice: the second one gets the first one's answer.
export function addTodo(draft, key) {
    return write("POST", "/todos", { "Content-Type": "application/json", "Idempotency-Key": `"${key}"` }, draft);
}

export function patchTodo(id, patch, etag) {
    return write("PATCH", pathOf(id), { "Content-Type": "application/merge-patch+json", "If-Match": etag }, patch);
}

// By the service's queue, without a condition; with the ticket, unless the service has made the change at once.
export function queuePatch(id, patch) {
    const headers = { "Content-Type": "application/merge-patch+json", Prefer: "respond-async" };
    return write("PATCH", pathOf(id), headers, patch);
}

// Where the write with this ticket stands; "pending" if that is not known within some seconds.
export async function readTicket(ticket) {
    const { text } = await send("GET", `/queue/${ticket}`, { Accept: "application/json", Prefer: "wait=10" });
    return JSON.parse(text);
}

export function deleteTodo(id, etag) {
    return write("DELETE", pathOf(id), { "If-Match": etag });
}

// Makes a todo as it was, with its id and created_at, unless there is one of that id.
export function restoreTodo(todo) {
    return write("PUT", pathOf(todo.id), { "Content-Type": "application/json", "If-None-Match": "*" }, todo);
}
