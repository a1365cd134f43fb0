// SPDX-License-Identifier: MIT
/*
 * The rows that are shown: put there whole for a place, one by one for what this page adds, and redrawn in their places
 * for what changes elsewhere.
 *
 * changeElsewhere() is for whoever learns of other clients' changes. It moves nothing under a person who reads: a shown
 * row is redrawn where it is, a row that is being edited stays as it is (saving will ask, change.js), a new todo is
 * only counted, on a button that shows it.
 */
import { showDrafts } from "./drafts.js";
import { offerMore } from "./more.js";
import { Row } from "./row.js";
import { NEWS } from "./trace.js";
import { byId, element, showText } from "./view.js";

let shown = []; // Rows, from top to bottom
const news = new Set(); // ids of todos made elsewhere since the list was read

export const shownRows = () => shown;
export const rowOf = (target) => shown.find((row) => row.element.contains(target));

function showNews() {
    showText(byId("news"), news.size === 0 ? "" : `${news.size} new: show`);
}

// keepsHeight: the links below stay where they are, though the rows may be fewer.
export function showRows(entries, emptyText, keepsHeight) {
    const list = byId("rows");
    shown = entries.map((entry) => new Row(entry));
    list.style.minHeight = keepsHeight ? `${list.getBoundingClientRect().height}px` : "";
    document.body.classList.remove("is-new");
    list.replaceChildren(
        ...(shown.length > 0 ? shown.map((row) => row.element) : [element("li", emptyText, "empty")]),
    );
    shown.forEach((row) => offerMore(row.element));
    showDrafts(entries.map((entry) => entry.todo.id));
    news.clear();
    showNews();
}

// A todo that this page has just made is shown on top, whatever the list shows.
export function addRow(entry) {
    const row = new Row(entry);
    shown.unshift(row);
    news.delete(entry.todo.id);
    byId("rows").querySelector(".empty")?.remove();
    byId("rows").prepend(row.element);
    offerMore(row.element);
}

export function newElsewhere(id) {
    news.add(id);
    showNews();
}

// todo is as it is now, or null if it was deleted. What this page knows already changes nothing.
export function changeElsewhere(id, todo) {
    const row = shown.find((one) => one.entry.todo.id === id);
    if (row) row.changeElsewhere(todo && { todo, etag: null, trace: NEWS });
    else if (todo && todo.created_at === todo.updated_at) newElsewhere(id);
    else news.delete(id);
    showNews();
}
