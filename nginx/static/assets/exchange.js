// SPDX-License-Identifier: MIT
/*
 * One exchange of the log, opened: what was asked, what came back, each field of the answer with a sentence on it,
 * where the time went, and the same request as a line for curl.
 *
 * Of exchanges before a reload only their trace is known. The visitor's token is never shown: the line for curl names a
 * variable in its place.
 */
import { exchanges } from "./api.js";
import { ASKED, FIELDS } from "./fields.js";
import { sourceSentence } from "./trace.js";
import { byId, element, hint, showMs, showText } from "./view.js";

const BODY_SHOWN = 20_000;

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function curlLine({ method, path }, { sent, body }) {
    const fields = Object.entries(sent).map(([name, value]) =>
        name === "Authorization" ? `-H "Authorization: Bearer $TOKEN"` : `-H ${quoted(`${name}: ${value}`)}`,
    );
    const data = body ? [`--data-raw ${quoted(body)}`] : [];
    return ["curl -i", `-X ${method}`, quoted(location.origin + path), ...fields, ...data].join(" ");
}

function fieldLines(pairs, meanings) {
    return pairs.flatMap(([name, value]) => {
        const term = element("dt");
        term.append(element("code", `${name}: ${name === "Authorization" ? "Bearer …" : value}`));
        return [term, element("dd", meanings[name.toLowerCase()] ?? "")];
    });
}

// Bars of one scale: all of the time, what of it was inside the service, and there in Redis and in the database.
function timeLines({ tookMs, serverMs }) {
    const { route, redis, store } = serverMs;
    const parts = [
        ["As this page measured it", tookMs],
        ["On the way, and in nginx", route === undefined ? undefined : tookMs - route],
        ["Inside the service", route],
        ["of that, in Redis", redis],
        ["of that, in the database", store],
    ];
    return parts.flatMap(([name, ms]) => {
        if (ms === undefined) return [];
        const bar = element("meter");
        Object.assign(bar, { max: tookMs, value: Math.max(0, ms), ariaLabel: name });
        const value = element("dd", `${showMs(Math.max(0, ms))} ms `);
        value.append(bar);
        return [element("dt", name), value];
    });
}

function pretty(text) {
    try {
        return JSON.stringify(JSON.parse(text), null, 2).slice(0, BODY_SHOWN);
    } catch {
        return text.slice(0, BODY_SHOWN);
    }
}

async function copy() {
    const line = byId("exchange-curl");
    try {
        await navigator.clipboard.writeText(line.textContent);
        hint("Copied.");
    } catch {
        getSelection().selectAllChildren(line); // on plain HTTP there is no clipboard
        hint("The line is selected; copy it.");
    }
}

export function showExchange(trace) {
    const { sent = {}, body = "", fields = [], text = "" } = exchanges.get(trace) ?? {};
    const isKnown = exchanges.has(trace);
    byId("exchange-title").textContent = `${trace.method} ${trace.path}`;
    byId("exchange-source").textContent = `${trace.status}. ${sourceSentence(trace)}.`;
    byId("exchange-sent").replaceChildren(...fieldLines(Object.entries(sent), ASKED));
    showText(byId("exchange-body"), body ? pretty(body) : "");
    byId("exchange-fields").replaceChildren(...fieldLines(fields, FIELDS));
    byId("exchange-times").replaceChildren(...timeLines(trace));
    showText(byId("exchange-text"), pretty(text));
    byId("exchange-curl").textContent = isKnown ? curlLine(trace, { sent, body }) : "";
    byId("exchange-rest").hidden = !isKnown;
    byId("exchange-lost").hidden = isKnown;
    byId("exchange-copy").onclick = copy;
    byId("exchange").showModal();
}
