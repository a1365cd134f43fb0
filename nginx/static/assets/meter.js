// SPDX-License-Identifier: MIT
/*
 * The panel: this page's own requests, counted live from their answers' headers.
 *
 * The hit rate is the share of reads that a cache answered (or confirmed, for a 304); a
 * read that failed was answered by none. A time is the visitor's: from
 * the request to the last byte. Beside it is the time that the service reports. Percentiles are over the last KEPT
 * requests, by nearest rank. The panel sends no requests of its own, and screen readers don't announce it: it changes
 * with each request.
 */
import { requests } from "./api.js";
import { SOURCES, sourceName, sourceSentence } from "./trace.js";
import { byId, element, showMs } from "./view.js";

const KEPT = 500;
const BARS = 40;
const LINES = 8;
const SVG = "http://www.w3.org/2000/svg";

const traces = [];

const sorted = (numbers) => numbers.sort((a, b) => a - b);

function percentile(inOrder, share) {
    return inOrder[Math.max(0, Math.ceil(inOrder.length * share) - 1)];
}

function showRate() {
    const reads = traces.filter((trace) => trace.isRead);
    const errors = traces.filter((trace) => trace.isError).length;
    const hits = reads.filter((trace) => trace.isHit).length;
    const rate = reads.length > 0 ? `${Math.round((hits / reads.length) * 100)} %` : "–";
    const times = sorted(traces.map((trace) => trace.tookMs));
    byId("meter-rate").textContent = rate;
    byId("meter-count").textContent = `hits: ${hits} of ${reads.length} reads`;
    byId("meter-errors").textContent = errors === 0 ? "" : errors === 1 ? "1 error" : `${errors} errors`;
    byId("meter-brief").textContent = `${rate} hits, p50 ${showMs(percentile(times, 0.5))} ms`;
}

function sourceLine(source) {
    const answered = traces.filter((trace) => trace.source === source);
    const times = sorted(answered.map((trace) => trace.tookMs));
    const inside = sorted(answered.map((trace) => trace.serverMs.route).filter((ms) => ms !== undefined));
    const line = element("tr");
    const name = element("th");
    name.scope = "row";
    const badge = element("span", SOURCES[source], "source");
    badge.dataset.source = source;
    name.append(badge);
    line.append(name, element("td", times.length));
    line.append(...[0.5, 0.95].map((share) => element("td", showMs(percentile(times, share)))));
    line.append(element("td", inside.length > 0 ? showMs(percentile(inside, 0.5)) : "–"));
    return line;
}

function showSources() {
    const seen = Object.keys(SOURCES).filter((source) => traces.some((trace) => trace.source === source));
    byId("meter-sources").replaceChildren(...seen.map(sourceLine));
}

// One bar per request. Heights are logarithmic, so that a tenth of a millisecond and a second are both visible.
function bar(trace, index) {
    const height = Math.min(48, Math.max(3, 12 * (Math.log10(trace.tookMs + 0.1) + 1)));
    const made = document.createElementNS(SVG, "rect");
    const attributes = { x: index * 6, y: 48 - height, width: 4, height, rx: 1.5 };
    Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
    made.dataset.source = trace.source;
    return made;
}

function logLine(trace) {
    const line = element("li");
    const badge = element("span", sourceName(trace), "source");
    badge.dataset.source = trace.source;
    const request = trace.requestId ? `, request ${trace.requestId}` : "";
    line.title = `${trace.method} ${trace.path}: ${trace.status}. ${sourceSentence(trace)}${request}`;
    line.append(element("code", `${trace.method} ${trace.path}`), badge, element("span", `${trace.status}`));
    line.append(element("span", showMs(trace.tookMs), "ms"));
    return line;
}

function take(trace) {
    traces.push(trace);
    if (traces.length > KEPT) traces.shift();
    showRate();
    showSources();
    byId("meter-bars").replaceChildren(...traces.slice(-BARS).map(bar));
    byId("meter-log").replaceChildren(...traces.slice(-LINES).reverse().map(logLine));
}

// Where there is no room beside the list, the panel is a line that the visitor can open.
export function startMeter() {
    const button = byId("meter-open");
    button.addEventListener("click", () => (button.ariaExpanded = String(button.ariaExpanded === "false")));
    requests.addEventListener("answered", (event) => take(event.detail));
}
