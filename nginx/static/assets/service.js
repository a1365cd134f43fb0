// SPDX-License-Identifier: MIT
/*
 * The whole service beside this page: GET /stats, the sums of all its clients, asked every few seconds while somebody
 * looks. What is shown is the difference between two answers: what has happened since the one before.
 *
 * These requests are not the visitor's, so the panel doesn't count them. A service that keeps its numbers to itself
 * answers 404, and is asked no more. The first answer also tells whether the service has a queue (queue.js).
 */
import { percent } from "./trace.js";
import { byId, showMs } from "./view.js";

const EVERY_MS = 5_000;

let last = null; // {numbers, atMs} of the answer before
let timer = 0;
let isKnown = false; // whether the service has a queue, for which the page has a switch

const hitsOf = ({ reads }) => reads.l1 + reads.redis;
const readsOf = ({ reads }) => reads.l1 + reads.redis + reads.database;

// The bound that so large a share of the reads between two answers kept.
function bound(now, before, share) {
    const counts = now.times.count.map((count, index) => count - before.times.count[index]);
    const wanted = counts.reduce((sum, count) => sum + count, 0) * share;
    let seen = 0;
    return now.times.up_to_ms[counts.findIndex((count) => (seen += count) >= wanted && seen > 0)];
}

function show(now, atMs) {
    const isNew = !last || readsOf(now) < readsOf(last.numbers); // the counters have begun again
    const before = isNew ? { reads: { l1: 0, redis: 0, database: 0 }, errors: now.errors } : last.numbers;
    const reads = readsOf(now) - readsOf(before);
    const errors = now.errors - before.errors;
    const shown = isNew ? `${reads} reads so far` : `${(reads / ((atMs - last.atMs) / 1000)).toFixed(1)} reads/s`;
    if (reads > 0) byId("service-rate").textContent = percent(hitsOf(now) - hitsOf(before), reads);
    byId("service-count").textContent = shown;
    byId("service-errors").textContent = errors > 0 ? `${errors} errors` : "";
    byId("service-redis").hidden = now.redis !== "away";
    if (!isNew && reads > 0) {
        const [p50, p95] = [0.5, 0.95].map((share) => bound(now, before, share));
        const text = (ms) => (ms ? `≤ ${showMs(ms)}` : "> 5 s");
        byId("service-times").textContent = `p50 ${text(p50)}, p95 ${text(p95)} ms inside`;
    }
    last = { numbers: now, atMs };
}

async function look() {
    timer = setTimeout(look, EVERY_MS);
    const isSeen = byId("meter-body").offsetParent !== null;
    if (document.hidden || !navigator.onLine || (isKnown && !isSeen)) return;
    try {
        const response = await fetch("/stats", { headers: { Accept: "application/json" } });
        if (response.status === 404) {
            clearTimeout(timer);
            byId("service").hidden = true;
        } else if (response.ok) {
            const numbers = await response.json();
            if (numbers.queue && !isKnown) (await import("./queue.js")).startQueue();
            isKnown = true;
            if (isSeen) show(numbers, performance.now());
        }
    } catch {
        // The page's own requests tell that the service can't be reached.
    }
}

export function startService() {
    requestIdleCallback?.(look) ?? look();
}
