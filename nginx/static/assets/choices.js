// SPDX-License-Identifier: MIT
/*
 * How the visitor wants the list: how many on a page, which is part of the place and so of the URL, and how dense the
 * rows are, which this browser remembers.
 */
import { go, here, limitOf } from "./place.js";
import { offerMore } from "./more.js";
import { shownRows } from "./rows.js";
import { byId } from "./view.js";

const KEY = "dense";

export function showLimit(place) {
    const select = byId("limit");
    const limit = String(limitOf(place));
    if (![...select.options].some((option) => option.value === limit)) select.add(new Option(limit));
    select.value = limit;
}

function showDensity() {
    const isDense = localStorage.getItem(KEY) !== null;
    byId("rows").classList.toggle("is-dense", isDense);
    byId("dense").ariaPressed = String(isDense);
    shownRows().forEach((row) => offerMore(row.element));
}

export function startChoices() {
    byId("limit").addEventListener("change", () => {
        const { cursor, ...place } = here();
        go({ ...place, limit: byId("limit").value }, []);
    });
    byId("dense").addEventListener("click", () => {
        if (localStorage.getItem(KEY) === null) localStorage.setItem(KEY, "on");
        else localStorage.removeItem(KEY);
        showDensity();
    });
    showDensity();
}
