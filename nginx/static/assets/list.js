// SPDX-License-Identifier: MIT
/*
 * The list: the rows of the visitor's place, the links to other places, and the source of the last answer.
 *
 * A place is a page of todos or one todo by its id; both are shown as rows. Loading keeps the old rows until the new
 * ones are there, so nothing flickers. An answer that comes after the visitor has moved on is dropped. Paging uses the
 * service's cursors; place.js explains the way back.
 *
 * The list changes only when the visitor asks for it: a ticked todo stays in the list of open ones until the next load.
 * What others change in its rows is live.js's business.
 */
import { Problem, readPage, readTodo } from "./api.js";
import { badge, timeLeft } from "./badge.js";
import { showLimit } from "./choices.js";
import { clearNotice, showProblem } from "./notice.js";
import { go, here, limitOf, linkTo, queryOf, trailHere, urlOf } from "./place.js";
import { addRow, showRows } from "./rows.js";
import { sourceName, sourceSentence } from "./trace.js";
import { byId, say, showMs } from "./view.js";

const FILTERS = { all: undefined, open: "false", done: "true" };
const TITLES = { undefined: "All todos", false: "Open todos", true: "Done todos" };
const EMPTY = {
    undefined: "There are no todos yet. Add the first one above.",
    false: "Nothing is open. “All” shows the done ones.",
    true: "Nothing is done yet. “All” shows the open ones.",
};

let shown = ""; // the place that the rows are of, whichever its page
let loads = 0; // counts the loads begun: only the last one's answer is shown

function showTrace(trace) {
    const source = badge(trace.source, sourceName(trace));
    source.title = sourceSentence(trace);
    const inside = "route" in trace.serverMs ? `, ${showMs(trace.serverMs.route)} ms inside` : "";
    const age = trace.isHit && trace.ageSeconds !== null ? `, ${trace.ageSeconds} s old` : "";
    const text = ` in ${showMs(trace.tookMs)} ms${inside}${age}${trace.endsAt === null ? "" : ", "}`;
    byId("list-trace").replaceChildren(source, text, timeLeft(trace));
}

function showFilters(place) {
    for (const [name, done] of Object.entries(FILTERS)) {
        const { cursor, id, done: was, ...rest } = place;
        const link = byId(`filter-${name}`);
        const isHere = !id && was === done;
        linkTo(link, done ? { ...rest, done } : rest, []);
        if (isHere) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
}

function showOrder(place) {
    const { cursor, id, order, ...rest } = place;
    const isAscending = order === "asc";
    byId("order").textContent = isAscending ? "Oldest first ↑" : "Newest first ↓";
    byId("order").title = isAscending ? "Show the newest first" : "Show the oldest first";
    linkTo(byId("order"), isAscending ? rest : { ...rest, order: "asc" }, []);
    byId("order").hidden = id !== undefined;
}

// The way back follows the trail; from an unknown page it leads to the first page.
function showPager(place, next) {
    const { cursor, ...first } = place;
    const trail = cursor ? trailHere() : [];
    const [newer, older] = place.order === "asc" ? ["Older", "Newer"] : ["Newer", "Older"];
    const before = trail?.at(-1);
    byId("back").querySelector("span").textContent = trail ? newer : place.order === "asc" ? "Oldest" : "Newest";
    byId("forth").querySelector("span").textContent = older;
    linkTo(byId("back"), cursor ? (before ? { ...first, cursor: before } : first) : null, (trail ?? []).slice(0, -1));
    linkTo(byId("forth"), next ? { ...first, cursor: next } : null, trail && [...trail, cursor ?? null]);
    byId("page-number").textContent = trail ? `Page ${trail.length + 1}` : "";
}

// Which rows of the list these are, if the way here is known; and of how many, on its last page: no count is asked for.
function showCount(place, page) {
    const trail = place.cursor ? trailHere() : [];
    const before = (trail?.length ?? 0) * limitOf(place);
    const last = before + page.todos.length;
    const range = `${before + 1}–${last}${page.next ? "" : ` of ${last}`}`;
    byId("count").textContent = !trail || page.todos.length === 0 ? "" : range;
}

function showPage(place, page) {
    const title = TITLES[place.done];
    const isFirst = !place.cursor;
    const { cursor, ...list } = place;
    byId("list-title").textContent = title;
    showRows(
        page.todos.map((todo) => ({ todo, etag: null, trace: page.trace })),
        isFirst ? EMPTY[place.done] : "There are no more.",
        shown === urlOf(list),
    );
    shown = urlOf(list);
    showCount(place, page);
    showPager(place, page.next);
    byId("back").parentElement.hidden = isFirst && !page.next;
    return `${title}, ${byId("page-number").textContent}: ${page.todos.length}. ${sourceSentence(page.trace)}`;
}

function showOne(entry) {
    byId("list-title").textContent = `Todo ${entry.todo.id}`;
    showRows([entry], "", false);
    shown = "";
    byId("count").textContent = "";
    byId("rows").firstElementChild.classList.add("is-alone");
    byId("back").parentElement.hidden = true;
    return `Todo ${entry.todo.id}. ${sourceSentence(entry.trace)}`;
}

function showMissing(id, problem) {
    byId("list-title").textContent = `Todo ${id}`;
    showRows([], "There is no todo with this id.", false);
    shown = "";
    byId("count").textContent = "";
    byId("back").parentElement.hidden = true;
    return `There is no todo ${id}. ${sourceSentence(problem.trace)}`;
}

// Reads a place; resolves to [the answer's trace, a function that shows it and returns what to say].
async function readPlace(place) {
    if (!place.id) {
        const page = await readPage(queryOf(place));
        return [page.trace, () => showPage(place, page)];
    }
    try {
        const entry = await readTodo(place.id);
        return [entry.trace, () => showOne(entry)];
    } catch (problem) {
        if (problem.status !== 404) throw problem;
        return [problem.trace, () => showMissing(place.id, problem)];
    }
}

// Loads the place in the URL. Resolves to whether it is shown.
export async function load() {
    const place = here();
    const number = ++loads;
    const rows = byId("rows");
    rows.ariaBusy = "true";
    showFilters(place);
    showOrder(place);
    showLimit(place);
    byId("find-id").value = place.id ?? "";
    try {
        const [trace, show] = await readPlace(place);
        if (number !== loads) return false;
        clearNotice();
        say(show());
        showTrace(trace);
        document.title = `${byId("list-title").textContent} · Todos`;
        return true;
    } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (number === loads) showProblem(problem, load);
        return false;
    } finally {
        if (number === loads) rows.ariaBusy = "false";
    }
}

// A new place: scrolls to the top of the list. The focus stays on the link, unless the link no longer leads anywhere.
export async function move() {
    if (!(await load())) return;
    const isLost = document.activeElement === document.body || document.activeElement.ariaDisabled === "true";
    if (isLost) byId("list").focus({ preventScroll: true });
    if (byId("list").getBoundingClientRect().top < 0) byId("list").scrollIntoView();
}

export function showAdded(entry) {
    addRow(entry);
    say(`Added ${entry.todo.name}. ${sourceSentence(entry.trace)}`);
}

export function startList() {
    byId("refresh").addEventListener("click", load);
    byId("news").addEventListener("click", () => {
        const { cursor, id, ...list } = here();
        go(list, []);
    });
    byId("find").addEventListener("submit", (event) => {
        event.preventDefault();
        const id = byId("find-id").value.trim();
        go(id ? { id } : {}, []);
    });
}
