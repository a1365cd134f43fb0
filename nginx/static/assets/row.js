// SPDX-License-Identifier: MIT
/*
 * One line of the list: a todo, and the actions on it.
 *
 * A row holds an entry (the todo, its ETag if it was read alone, the trace of its answer) and draws it after each
 * answer. Its badge names the source of that answer. A press on the badge reads this todo again, so that the visitor
 * sees it come from the database first and from the cache next.
 *
 * After a deletion, a line with Undo takes the todo's place. It has no time limit, there may be several, and the
 * focus stays where it was. Undo makes the todo again as it was, with its id, its texts and its created_at.
 *
 * A description of more than two lines is cut, and a button shows all of it. A todo with a draft shows its editor.
 *
 * A row knows nothing of the list it is in.
 */
import { Problem, readTodo, restoreTodo } from "./api.js";
import { drawBadge } from "./badge.js";
import { draftOf, dropDraft } from "./drafts.js";
import { editorOf } from "./editor.js";
import { offerMore, toggleMore } from "./more.js";
import { linkTo } from "./place.js";
import { sourceSentence } from "./trace.js";
import { fromTemplate, part, say, showTime } from "./view.js";

const change = () => import("./change.js"); // main.js has it brought after the first view
const OUTCOMES = {
    theirs: "Your change was dropped. This is the current version.",
    later: "Nothing was saved.",
};

export class Row {
    constructor(entry) {
        this.entry = entry;
        this.element = fromTemplate("row-template");
        this.line = [...this.element.children];
        this.on("done", "change", () => this.tick());
        this.on("edit", "click", () => this.edit());
        this.on("delete", "click", () => this.remove());
        this.on("source", "click", () => this.reread());
        part(this.element, "more").addEventListener("click", () => toggleMore(this.element));
        const watch = async () => (await import("./watch.js")).toggleWatch(this);
        part(this.element, "watch").addEventListener("click", watch);
        this.draw();
        const draft = draftOf(entry.todo.id);
        if (draft) this.openEditor(draft.entry);
    }

    // While one action runs, the row starts no other.
    on(name, kind, act) {
        part(this.element, name).addEventListener(kind, () => this.run(act));
    }

    async run(act) {
        if (this.element.ariaBusy === "true") return;
        this.element.ariaBusy = "true";
        this.fault("");
        try {
            await act();
        } catch (problem) {
            if (!(problem instanceof Problem)) throw problem;
            this.draw();
            this.fault(problem.message);
        } finally {
            this.element.ariaBusy = "false";
        }
    }

    fault(text) {
        const target = part(this.element, "fault");
        if (target) target.textContent = text;
    }

    draw() {
        const { todo, trace } = this.entry;
        const set = (name, text) => (part(this.element, name).textContent = text);
        this.element.classList.toggle("is-done", todo.done);
        part(this.element, "done").checked = todo.done;
        set("name", todo.name);
        set("description", todo.description);
        set("id", todo.id);
        linkTo(part(this.element, "id"), { id: todo.id });
        showTime(part(this.element, "created"), todo.created_at);
        drawBadge(part(this.element, "source"), trace, this.entry.etag !== null);
        part(this.element, "done").ariaLabel = `Done: ${todo.name}`;
        part(this.element, "watch").ariaLabel = `Watch the cache with ${todo.name}`;
        part(this.element, "edit").ariaLabel = `Edit ${todo.name}`;
        part(this.element, "pick").ariaLabel = `Select ${todo.name}`;
        part(this.element, "delete").ariaLabel = `Delete ${todo.name}`;
    }

    // Takes the outcome of a change; false if the visitor has yet to decide.
    take({ outcome, entry }) {
        if (outcome === "gone") {
            this.showGone("", " is no longer there.", null);
            return true;
        }
        this.entry = entry;
        this.draw();
        offerMore(this.element);
        this.fault(OUTCOMES[outcome] ?? "");
        return outcome !== "later";
    }

    async tick() {
        const done = part(this.element, "done").checked;
        this.take(await (await change()).editTodo(this, this.entry, { done }));
        say(`${this.entry.todo.name}: ${this.entry.todo.done ? "done" : "open"}. ${sourceSentence(this.entry.trace)}`);
    }

    // What another client did; entry is null if it deleted the todo. Words that are being edited are not touched.
    changeElsewhere(entry) {
        const { todo } = this.entry;
        const isShown = part(this.element, "edit") !== null && this.element.ariaBusy !== "true";
        if (!isShown || (entry && entry.todo.updated_at <= todo.updated_at)) return;
        if (!entry) this.showGone("", " was deleted by another client.", null);
        else this.take({ outcome: "done", entry });
    }

    // demand: what caches may answer, as for readTodo(). Resolves to whether the todo is still there.
    async read(demand) {
        try {
            this.entry = await readTodo(this.entry.todo.id, demand);
        } catch (problem) {
            if (problem.status !== 404) throw problem;
            this.showGone("", " is no longer there.", null);
            return false;
        }
        this.draw();
        offerMore(this.element);
        return true;
    }

    async reread() {
        if (!(await this.read())) return;
        say(`${this.entry.todo.name}. ${sourceSentence(this.entry.trace)}`);
    }

    // Reads the todo before the form shows it, because saving needs its ETag.
    async edit() {
        if (!(await this.read())) return;
        this.openEditor(this.entry);
        this.element.querySelector("form").elements.name.focus();
    }

    // seen is the entry that the visitor's words began with.
    openEditor(seen) {
        const close = () => {
            this.restoreLine();
            part(this.element, "edit").focus();
        };
        const save = async (patch) => {
            const result = await (await change()).editTodo(this, seen, patch);
            if (result.outcome === "later") return false;
            dropDraft(seen.todo.id);
            this.restoreLine();
            this.take(result);
            part(this.element, "edit")?.focus();
            const isSaved = result.outcome === "done" ? "Saved. " : "";
            say(OUTCOMES[result.outcome] ?? isSaved + sourceSentence(this.entry.trace));
            return true;
        };
        this.element.replaceChildren(editorOf(seen, save, close));
    }

    restoreLine() {
        this.element.classList.remove("is-gone");
        this.element.replaceChildren(...this.line);
        offerMore(this.element);
    }

    async remove() {
        const result = await (await change()).removeTodo(this.entry);
        if (result.outcome !== "done") {
            this.take(result);
            return;
        }
        const { todo } = (this.entry = result.entry);
        this.showGone("Deleted ", ".", () => this.restore(todo));
        say(`Deleted ${todo.name}. You can undo this.`);
    }

    async showGone(before, after, restore) {
        this.element.classList.add("is-gone");
        const { goneLine } = await import("./gone.js");
        if (!this.element.classList.contains("is-gone")) return; // it came back meanwhile
        const gone = goneLine(before, this.entry.todo.name, after, restore);
        this.element.replaceChildren(gone);
        if (restore) part(gone, "undo").focus();
    }

    async restore(todo) {
        this.entry = await restoreTodo(todo);
        this.restoreLine();
        this.draw();
        part(this.element, "delete").focus();
        say(`${todo.name} is back. ${sourceSentence(this.entry.trace)}`);
    }
}
