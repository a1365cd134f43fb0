// SPDX-License-Identifier: MIT
/*
 * Small tools over the document: templates, parts, times, words for screen readers.
 *
 * Markup lives in index.html alone. A template is cloned and its parts, marked data-part, are filled by textContent or
 * a property, never by HTML: what a todo is called can't become markup, and the page needs no Trusted Types policy.
 */

export const byId = (id) => document.getElementById(id);
export const part = (root, name) => root.querySelector(`[data-part="${name}"]`);

// The one element that the template holds, as a fresh copy.
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

// Says something to who can't see what has changed. Emptied first, so that the same words twice are said twice.
export function say(text) {
    const spoken = byId("spoken");
    spoken.textContent = "";
    setTimeout(() => (spoken.textContent = text), 50);
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

export function showTime(target, iso) {
    const seconds = (Date.parse(iso) - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
    target.dateTime = iso;
    target.title = absolute.format(new Date(iso));
    target.textContent = unit === "second" ? "just now" : relative.format(Math.round(seconds / length), unit);
}

// Milliseconds with as many digits as mean something.
export function showMs(ms) {
    return ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0);
}
