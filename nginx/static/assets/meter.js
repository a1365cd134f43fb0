// SPDX-License-Identifier: MIT
/*
 * The panel: this page's own requests, counted live from their answers' headers, beside the whole service (service.js).
 *
 * The hit rate is the share of reads that a cache answered (or confirmed, for a 304); a read that failed was answered
 * by none. A time is the visitor's: from the request to the last byte. Beside it is the time that the service reports.
 * Percentiles are over the last KEPT requests, by nearest rank. The last of them stay through a reload. A press on a
 * line of the log opens the exchange (exchange.js). Screen readers don't announce the panel: it changes with each
 * request.
 */
import { requests } from "./api.js";
import { badge } from "./badge.js";
import { SOURCES, percent, sourceName, sourceSentence } from "./trace.js";
import { byId, element, showMs } from "./view.js";

const KEPT = 500;
const STORED = 100;
const LINES = 8;
const KEY = "traces";

const traces = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

const sorted = (numbers) => numbers.sort((a, b) => a - b);

function percentile(inOrder, share) {
    return inOrder[Math.max(0, Math.ceil(inOrder.length * share) - 1)];
}

function showRate() {
    const reads = traces.filter((trace) => trace.isRead);
    const errors = traces.filter((trace) => trace.isError).length;
    const hits = reads.filter((trace) => trace.isHit).length;
    const rate = percent(hits, reads.length);
    const times = sorted(traces.map((trace) => trace.tookMs));
    const told = errors === 0 ? "" : errors === 1 ? "1 error" : `${errors} errors`;
    byId("meter-rate").textContent = rate;
    byId("meter-count").textContent = `hits: ${hits} of ${reads.length} reads`;
    byId("meter-errors").textContent = told;
    byId("meter-brief").textContent = `${rate} hits, p50 ${showMs(percentile(times, 0.5))} ms${told && `, ${told}`}`;
}

function sourceLine(source) {
    const answered = traces.filter((trace) => trace.source === source);
    const times = sorted(answered.map((trace) => trace.tookMs));
    const inside = sorted(answered.map((trace) => trace.serverMs.route).filter((ms) => ms !== undefined));
    const line = element("tr");
    const name = element("th");
    name.scope = "row";
    name.append(badge(source, SOURCES[source]));
    line.append(name, element("td", times.length));
    line.append(...[0.5, 0.95].map((share) => element("td", showMs(percentile(times, share)))));
    line.append(element("td", inside.length > 0 ? showMs(percentile(inside, 0.5)) : "–"));
    return line;
}

function showSources() {
    const seen = Object.keys(SOURCES).filter((source) => traces.some((trace) => trace.source === source));
    byId("meter-sources").replaceChildren(...seen.map(sourceLine));
}

function logLine(trace) {
    const line = element("li");
    const button = element("button", "", "line");
    const name = trace.isError ? badge("error", "Error") : badge(trace.source, sourceName(trace));
    const request = trace.requestId ? `, request ${trace.requestId}` : "";
    line.title = `${trace.method} ${trace.path}: ${trace.status}. ${sourceSentence(trace)}${request}`;
    button.append(element("code", `${trace.method} ${trace.path}`), name, element("span", trace.status || "–"));
    button.append(element("span", showMs(trace.tookMs), "ms"));
    button.addEventListener("click", async () => (await import("./exchange.js")).showExchange(trace));
    line.append(button);
    return line;
}

function show() {
    showRate();
    showSources();
    import("./chart.js").then(({ drawChart }) => drawChart(byId("meter-bars"), traces));
    byId("meter-log").replaceChildren(...traces.slice(-LINES).reverse().map(logLine));
}

function take(trace) {
    traces.push(trace);
    if (traces.length > KEPT) traces.shift();
    sessionStorage.setItem(KEY, JSON.stringify(traces.slice(-STORED)));
    show();
}

// Where there is no room beside the list, the panel is a line that the visitor can open.
export function startMeter() {
    const button = byId("meter-open");
    button.addEventListener("click", () => (button.ariaExpanded = String(button.ariaExpanded === "false")));
    requests.addEventListener("answered", (event) => take(event.detail));
    if (traces.length > 0) show();
}
