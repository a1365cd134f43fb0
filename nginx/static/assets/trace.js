// SPDX-License-Identifier: MIT
/*
 * Where an answer came from, and how long it took, as the answer's own headers say.
 *
 *   Cache-Status  (RFC 9211) a list of the caches on the way, the one nearest to us last. One that says "hit" has
 *                 answered; if none does, it was the database. The service's own says detail=l1 for the worker's
 *                 memory; without that it is Redis.
 *   Age           how many seconds ago the cached copy was read from the database.
 *   Server-Timing the service's own measurements, if its settings want them.
 *
 * A 304 is a source of its own: the page had the bytes already, and the cache or database named by via has only
 * confirmed them. It is a hit if a cache confirmed them.
 *
 * This module only reads; it neither asks nor draws.
 */

export const SOURCES = {
    l1: "L1",
    redis: "Redis",
    front: "A cache in front",
    304: "304",
    database: "Database",
    write: "Write",
    news: "Another client",
    queued: "Queued",
    none: "Service",
};

// In a trace's place for a todo that no answer to this page's requests has brought.
export const NEWS = { source: "news", reason: "", isHit: false, endsAt: null, tookMs: null, serverMs: {} };

// The same for an edit that the service's queue has.
export const QUEUED = { ...NEWS, source: "queued" };

// "todo-fcgi; hit; ttl=9, nginx; fwd=miss" as [{name: "todo-fcgi", hit: "", ttl: "9"}, ...]
function parseCacheStatus(text) {
    const members = text.match(/(?:[^,"]|"[^"]*")+/g) ?? [];
    return members.map((member) => {
        const [name, ...parameters] = member.split(";").map((word) => word.trim());
        const pairs = parameters.map((parameter) => parameter.split("="));
        return { name, ...Object.fromEntries(pairs.map(([key, value = ""]) => [key.toLowerCase(), value])) };
    });
}

// "route;dur=0.3, redis;dur=0.1" as {route: 0.3, redis: 0.1}
function parseServerTiming(text) {
    const durations = {};
    for (const [, name, ms] of text.matchAll(/([\w-]+)\s*;[^,]*?dur=([\d.]+)/g)) {
        durations[name] = Number(ms);
    }
    return durations;
}

const HITS = {
    l1: "this machine’s memory had it",
    "stale-if-error": "its time was over, but the database is away",
    "store-unseen": "it was in Redis; the database has not been seen for two seconds, so newer writes may be missing",
};
const FORWARDS = {
    bypass: "the cache was passed by: a write is under way, or Redis is away",
    request: "the request asked for an answer past the cache",
    method: "writes go to the database, and the cache forgets what they change",
};

// Why this source has answered, as the service's own member of Cache-Status says; "" if it doesn't.
function reasonOf(own) {
    if (!own) return "";
    if ("hit" in own) return HITS[own.detail?.toLowerCase()] ?? "";
    if (own.fwd !== "miss") return FORWARDS[own.fwd] ?? "";
    if ("collapsed" in own) return "the cache had none, and another request was on its way already";
    return "stored" in own ? "the cache had none, and has it now" : "the cache had none; a write kept it out";
}

function sourceOf(caches) {
    const hit = caches.findLast((cache) => "hit" in cache);
    if (hit && hit.name !== "todo-fcgi") return "front";
    if (hit) return hit.detail?.toLowerCase() === "l1" ? "l1" : "redis";
    if (caches.some((cache) => cache.fwd === "method")) return "write";
    return caches.length > 0 ? "database" : "none";
}

export function traceOf(method, path, response, tookMs) {
    const { headers, status } = response;
    const isError = status === 0 || status >= 500;
    const caches = parseCacheStatus(headers.get("Cache-Status") ?? "");
    const via = sourceOf(caches);
    const own = caches.find((cache) => cache.name === "todo-fcgi");
    const age = headers.get("Age");
    return {
        method,
        path,
        status,
        tookMs,
        atMs: Date.now(),
        via,
        reason: reasonOf(own),
        endsAt: own?.ttl === undefined ? null : Date.now() + Number(own.ttl) * 1000,
        source: status === 304 ? "304" : via,
        isRead: method === "GET" && (isError || via !== "none"),
        isError,
        isHit: ["l1", "redis", "front"].includes(via),
        ageSeconds: age === null ? null : Number(age),
        // route is all of it; redis and store are parts of that.
        serverMs: parseServerTiming(headers.get("Server-Timing") ?? ""),
        requestId: headers.get("Request-Id") ?? "",
    };
}

export const percent = (part, all) => (all > 0 ? `${Math.round((part / all) * 100)} %` : "–");

// "304 · Redis", for a line.
export function sourceName(trace) {
    return trace.source === "304" ? `304 · ${SOURCES[trace.via]}` : SOURCES[trace.source];
}

const SAID = { write: "Written to the database", news: "Changed by another client", queued: "Queued" };

function beginOf({ status, source, via }) {
    if (status === 0) return "No answer came";
    if (source === "304") return `Kept here, confirmed by ${SOURCES[via]} (304)`;
    return SAID[source] ?? `Answered by ${SOURCES[source]}`;
}

// The same as a sentence, with all known details.
export function sourceSentence(trace) {
    const words = [beginOf(trace)];
    if (trace.reason) words[0] += ` (${trace.reason})`;
    if (trace.isHit && trace.ageSeconds !== null) words.push(`${trace.ageSeconds} s old`);
    if (trace.tookMs !== null) words.push(`${trace.tookMs.toFixed(1)} ms`);
    const parts = Object.entries(trace.serverMs).map(([name, ms]) => `${name} ${ms} ms`);
    if (parts.length > 0) words.push(`in the service: ${parts.join(", ")}`);
    return words.join(", ");
}
