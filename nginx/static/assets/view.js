// SPDX-License-Identifier: MIT
/*
 * Small tools for the document: templates, parts, times, texts for screen readers.
 *
 * Markup is in index.html alone. The page clones a template and fills its parts, marked data-part, by textContent or a
 * property, never by HTML. So a todo's name can't become markup, and the page needs no Trusted Types policy.
 */

export const byId = (id) => document.getElementById(id);
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

// A fresh copy of the template's one element.
export function fromTemplate(id) {
    return byId(id).content.firstElementChild.cloneNode(true);
}

export function element(tag, text = "", className = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = className;
    return made;
}

// Shows text, or hides the element if there is none.
export function showText(target, text) {
    target.textContent = text;
    target.hidden = !text;
}

// Announces a change to screen readers. Emptied first, so that they say the same text twice.
export function say(text) {
    const spoken = byId("spoken");
    spoken.textContent = "";
    setTimeout(() => (spoken.textContent = text), 50);
}

const HINT_MS = 5_000;
let hintTimer = 0;

// A line over the page's lower edge, which moves nothing and goes by itself; announced as well.
export function hint(text) {
    clearTimeout(hintTimer);
    showText(byId("hint"), text);
    hintTimer = setTimeout(() => showText(byId("hint"), ""), HINT_MS);
    say(text);
}

const UNITS = [
    ["year", 31_557_600],
    ["month", 2_629_800],
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium" });

export function showAgo(atMs) {
    const seconds = (atMs - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
    return unit === "second" ? "just now" : relative.format(Math.round(seconds / length), unit);
}

export function showTime(target, iso) {
    target.dateTime = iso;
    target.title = absolute.format(new Date(iso));
    target.textContent = showAgo(Date.parse(iso));
}

// Milliseconds; the fewer there are, the more decimals.
export function showMs(ms) {
    return ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0);
}
