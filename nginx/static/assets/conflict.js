// SPDX-License-Identifier: MIT
/*
 * Two people changed one todo, and the service has refused the second change. The dialog shows both versions side by
 * side.
 *
 * In each field, the value that a merge would take is marked: mine if I changed the field, else theirs. If one side
 * deleted the todo, there is nothing to merge, and the visitor chooses one of the two.
 *
 * The dialog sends nothing; it returns the visitor's choice.
 */
import { byId, element, fromTemplate, part } from "./view.js";

const FIELDS = { name: "Name", description: "Description", done: "Done" };

function shown(field, todo) {
    if (field === "done") return todo.done ? "yes" : "no";
    return todo[field] || "(empty)";
}

function compareField(field, base, mine, theirs) {
    const row = fromTemplate("version-template");
    part(row, "field").textContent = FIELDS[field];
    part(row, "mine").textContent = shown(field, mine);
    part(row, "theirs").textContent = shown(field, theirs);
    const [left, right] = row.querySelectorAll("input");
    left.name = right.name = field;
    const isMine = mine[field] !== base[field];
    left.checked = isMine;
    right.checked = !isMine;
    if (mine[field] === theirs[field]) {
        row.classList.add("same");
        row.disabled = true;
    }
    return row;
}

function showOne(todo) {
    const list = element("dl");
    for (const field of Object.keys(FIELDS)) {
        list.append(element("dt", FIELDS[field]), element("dd", shown(field, todo)));
    }
    return list;
}

function fill(base, mine, theirs) {
    const versions = byId("conflict-versions");
    if (mine && theirs) {
        versions.replaceChildren(...Object.keys(FIELDS).map((field) => compareField(field, base, mine, theirs)));
        return [
            "This todo was changed elsewhere",
            "Choose which value to keep, field by field.",
            "Save the chosen values",
            "Keep the current version",
        ];
    }
    versions.replaceChildren(showOne(mine ?? theirs));
    return mine
        ? ["This todo was deleted elsewhere", "Your version:", "Create it again", "Leave it deleted"]
        : ["This todo was changed elsewhere", "You haven’t seen this version:", "Delete it", "Keep it"];
}

function chosen(mine, theirs) {
    if (!mine || !theirs) return mine;
    const marked = new FormData(byId("conflict").querySelector("form"));
    const wanted = Object.keys(FIELDS).filter((field) => marked.get(field) === "mine");
    return { ...theirs, ...Object.fromEntries(wanted.map((field) => [field, mine[field]])) };
}

/*
 * base is the todo when the change began, mine the wanted todo, theirs the current one; mine or theirs is null for
 * "deleted". Resolves to {keep: "mine", todo} or {keep: "theirs"}; or to {keep: "later"} if the dialog was closed in
 * another way.
 */
export function settle(base, mine, theirs) {
    const dialog = byId("conflict");
    const [title, text, takeMine, takeTheirs] = fill(base, mine, theirs);
    byId("conflict-title").textContent = title;
    byId("conflict-text").textContent = text;
    byId("conflict-mine").textContent = takeMine;
    byId("conflict-theirs").textContent = takeTheirs;
    dialog.returnValue = "";
    dialog.showModal();
    const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    return closed.then(() => ({ keep: dialog.returnValue || "later", todo: chosen(mine, theirs) }));
}
