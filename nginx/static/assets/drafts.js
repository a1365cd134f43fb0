// SPDX-License-Identifier: MIT
/*
 * Words that are not saved yet. They stay until they are saved or given up, wherever the visitor goes in this tab: to
 * another page of the list, back, or through a reload.
 *
 * A draft belongs to a todo's id, or to NEW for the form that adds. It has the fields' values and, of an edit, the
 * entry that the visitor saw when it began: so a change by somebody else in between is a conflict as ever (change.js).
 * A row whose todo has a draft opens its editor. For drafts of todos that aren't in the list, the page shows a link.
 */
import { linkTo } from "./place.js";
import { byId, element } from "./view.js";

export const NEW = "";
const KEY = "drafts";

let drafts = JSON.parse(sessionStorage.getItem(KEY) ?? "{}"); // id -> {entry, values}

function store() {
    sessionStorage.setItem(KEY, JSON.stringify(drafts));
}

export const draftOf = (id) => drafts[id];

export function keepDraft(id, entry, values) {
    drafts[id] = { entry, values };
    store();
}

export function dropDraft(id) {
    if (!drafts[id]) return;
    delete drafts[id];
    store();
}

function lineOf([id, { entry }]) {
    const line = element("li", "Not saved yet: ");
    const link = element("a");
    link.append(element("bdi", entry.todo.name));
    linkTo(link, { id }, []);
    line.append(link);
    return line;
}

// Links to those drafts whose todos are not shown.
export function showDrafts(shownIds) {
    const hidden = Object.entries(drafts).filter(([id]) => id !== NEW && !shownIds.includes(id));
    byId("drafts").replaceChildren(...hidden.map(lineOf));
    byId("drafts").hidden = hidden.length === 0;
}
