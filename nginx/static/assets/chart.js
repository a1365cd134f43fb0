// SPDX-License-Identifier: MIT
/*
 * The panel's chart: above, the hit rate of the last reads; below, how long each request took. Both over the same
 * requests, the oldest on the left, each with a tooltip. An error is red, and as high as any.
 *
 * Times are logarithmic, so that a tenth of a millisecond and a second are both visible.
 */
import { sourceSentence } from "./trace.js";
import { showAgo } from "./view.js";

const SVG = "http://www.w3.org/2000/svg";
const SHOWN = 40;
const WINDOW = 20; // reads that a point of the rate is of
const [LEFT, RIGHT] = [44, 320];
const [RATE_TOP, RATE_BASE] = [8, 56];
const [TIME_TOP, TIME_BASE] = [76, 130];
const DECADES = 5; // from 0.1 ms to 10 s

function shape(name, attributes, text = "") {
    const made = document.createElementNS(SVG, name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.textContent = text;
    return made;
}

const rateY = (rate) => RATE_BASE - rate * (RATE_BASE - RATE_TOP);

function timeY(ms) {
    const share = Math.log10(Math.max(ms, 0.1) * 10) / DECADES;
    return TIME_BASE - Math.min(1, Math.max(0.05, share)) * (TIME_BASE - TIME_TOP);
}

function axes(traces) {
    const lines = [
        ...[0, 0.5, 1].map((rate) => [rateY(rate), `${rate * 100} %`]),
        ...[1, 100, 10_000].map((ms) => [timeY(ms), ms < 1000 ? `${ms} ms` : `${ms / 1000} s`]),
    ];
    const since = traces.length > 0 ? showAgo(traces[0].atMs) : "";
    return [
        ...lines.flatMap(([y, text]) => [
            shape("line", { x1: LEFT, x2: RIGHT, y1: y, y2: y, class: "grid" }),
            shape("text", { x: LEFT - 4, y: y + 3, "text-anchor": "end" }, text),
        ]),
        shape("text", { x: LEFT, y: 143 }, since),
        shape("text", { x: RIGHT, y: 143, "text-anchor": "end" }, since && "now"),
    ];
}

const xOf = (index, width) => LEFT + index * ((RIGHT - LEFT) / SHOWN) + width / 2;

function bar(trace, index) {
    const y = trace.isError ? TIME_TOP : timeY(trace.tookMs);
    const made = shape("rect", { x: xOf(index, 0), y, width: 5, height: TIME_BASE - y, rx: 1.5 });
    made.dataset.source = trace.isError ? "error" : trace.source;
    made.append(shape("title", {}, `${trace.method} ${trace.path}: ${trace.status}. ${sourceSentence(trace)}`));
    return made;
}

// The rate over the last reads up to each request; none as long as there was no read.
function ratePoints(traces) {
    return traces.flatMap((_, index) => {
        const reads = traces.slice(0, index + 1).filter((trace) => trace.isRead).slice(-WINDOW);
        const hits = reads.filter((trace) => trace.isHit).length;
        return reads.length > 0 ? [[index, hits / reads.length]] : [];
    });
}

function rateLine(points) {
    const path = points.map(([index, rate]) => `${xOf(index, 5)},${rateY(rate)}`).join(" ");
    const dots = points.map(([index, rate]) => {
        const dot = shape("circle", { cx: xOf(index, 5), cy: rateY(rate), r: 3 });
        dot.append(shape("title", {}, `${Math.round(rate * 100)} % hits of the last reads`));
        return dot;
    });
    return [shape("polyline", { points: path, class: "rate-line" }), ...dots];
}

export function drawChart(target, all) {
    const traces = all.slice(-SHOWN);
    target.replaceChildren(...axes(traces), ...rateLine(ratePoints(traces)), ...traces.map(bar));
}
