// SPDX-License-Identifier: MIT
/*
 * Nothing dangerous is pressed by a pointer that meant something else.
 *
 * The second of two clicks may meet another control than the first: the page has changed in between, and a Delete
 * button lies where "Older" was. So a control marked data-care takes no click at a place where the pointer has just
 * pressed another control. It does as soon as the pointer has moved away and come back, or after a second click there:
 * that one is meant. A wheel moves the page as the visitor wants it, and so counts as a move. Keys are not watched: the
 * focus follows them.
 */
import { hint } from "./view.js";

const NEAR_PX = 24;

let last = null; // where the pointer pressed last, and what; null once it has gone from there

const isNear = (event) => last !== null && Math.hypot(event.clientX - last.x, event.clientY - last.y) < NEAR_PX;

function forget(event) {
    if (!isNear(event)) last = null;
}

function onClick(event) {
    if (event.detail === 0) return; // by a key, or by a script
    const pressed = event.target.closest("a, button, input, label, summary");
    const control = pressed?.control ?? pressed;
    const isChanged = isNear(event) && last.control !== control;
    last = { x: event.clientX, y: event.clientY, control };
    if (!isChanged || !control?.matches("[data-care]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    hint("The page has moved under the pointer. Click again if you mean it.");
}

export function startCare() {
    document.addEventListener("pointermove", forget);
    document.addEventListener("wheel", () => (last = null), { passive: true });
    document.addEventListener("click", onClick, { capture: true });
}
