// SPDX-License-Identifier: MIT
/*
 * The badge of an answer: who gave it, by a dot of its colour and a word, and how long the cache will keep it.
 *
 * An entry's time runs down on the page as it does in Redis, second by second. When it is over, the badge says what
 * comes next: the next read asks the database, and fills the cache again.
 */
import { sourceName, sourceSentence } from "./trace.js";
import { element, showMs } from "./view.js";

const OVER = "over: the next read asks the database";

export function badge(source, text) {
    const made = element("span", text, "source");
    made.dataset.source = source;
    return made;
}

function tick() {
    for (const target of document.querySelectorAll("[data-ends]")) {
        const seconds = Math.ceil((Number(target.dataset.ends) - Date.now()) / 1000);
        target.textContent = seconds > 0 ? `${seconds} s left` : OVER;
    }
}

// The time that the cache has left for this answer; nothing if the answer doesn't say.
export function timeLeft(trace) {
    const made = element("span", "", "ttl");
    made.title = "How long the cache keeps it, unless a write replaces it. After that the next read asks the database.";
    if (trace.endsAt !== null) made.dataset.ends = trace.endsAt;
    queueMicrotask(tick);
    return made;
}

// isOwn: the answer was about this todo alone, so its time is told, too.
export function drawBadge(button, trace, isOwn) {
    button.dataset.source = trace.source;
    button.title = `${sourceSentence(trace)}. Press to read it again.`;
    button.replaceChildren(sourceName(trace) + (trace.tookMs === null ? "" : ` ${showMs(trace.tookMs)} ms`));
    if (isOwn) button.append(timeLeft(trace));
}

export function startBadges() {
    setInterval(tick, 1000);
}
