// SPDX-License-Identifier: MIT
/*
 * One line of the list: a todo, and the actions on it.
 *
 * A row holds an entry (the todo, its ETag if it was read alone, the trace of its answer) and draws it after each
 * answer. Its badge names the source of that answer. A press on the badge reads this todo again, so that the visitor
 * sees it come from the database first and from the cache next.
 *
 * After a deletion, a line with Undo takes the todo's place. It has no time limit, there may be several, and the
 * focus stays where it was. Undo makes a todo with the same id and the same texts; to the service it is new, with a
 * new created_at.
 *
 * A row knows nothing of the list it is in.
 */
import { Problem, readTodo, restoreTodo } from "./api.js";
import { changeTodo, removeTodo } from "./change.js";
import { editorOf } from "./editor.js";
import { linkTo } from "./place.js";
import { sourceName, sourceSentence } from "./trace.js";
import { fromTemplate, part, say, showMs, showTime } from "./view.js";

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
        this.draw();
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
        set("source", `${sourceName(trace)} ${showMs(trace.tookMs)} ms`);
        part(this.element, "source").dataset.source = trace.source;
        part(this.element, "source").title = `${sourceSentence(trace)}. Press to read it again.`;
        part(this.element, "done").ariaLabel = `Done: ${todo.name}`;
        part(this.element, "edit").ariaLabel = `Edit ${todo.name}`;
        part(this.element, "delete").ariaLabel = `Delete ${todo.name}`;
    }

    // Takes the outcome of a change; false if the visitor has yet to decide.
    take({ outcome, entry }) {
        if (outcome === "gone") {
            this.showGone(`“${this.entry.todo.name}” is no longer there.`, null);
            return true;
        }
        this.entry = entry;
        this.draw();
        this.fault(OUTCOMES[outcome] ?? "");
        return outcome !== "later";
    }

    async tick() {
        const done = part(this.element, "done").checked;
        this.take(await changeTodo(this.entry, { done }));
        say(`${this.entry.todo.name}: ${this.entry.todo.done ? "done" : "open"}. ${sourceSentence(this.entry.trace)}`);
    }

    async reread() {
        try {
            this.entry = await readTodo(this.entry.todo.id);
        } catch (problem) {
            if (problem.status !== 404) throw problem;
            this.showGone(`“${this.entry.todo.name}” is no longer there.`, null);
            return;
        }
        this.draw();
        say(`${this.entry.todo.name}. ${sourceSentence(this.entry.trace)}`);
    }

    // Reads the todo before the form shows it, because saving needs its ETag.
    async edit() {
        await this.reread();
        if (!this.element.contains(part(this.element, "edit"))) return;
        const close = () => {
            this.restoreLine();
            part(this.element, "edit").focus();
        };
        const save = async (patch) => {
            const result = await changeTodo(this.entry, patch);
            if (result.outcome === "later") return false;
            this.restoreLine();
            this.take(result);
            part(this.element, "edit")?.focus();
            say(result.outcome === "done" ? `Saved. ${sourceSentence(this.entry.trace)}` : OUTCOMES.theirs);
            return true;
        };
        const form = editorOf(this.entry.todo, save, close);
        this.element.replaceChildren(form);
        form.elements.name.focus();
    }

    restoreLine() {
        this.element.classList.remove("is-gone");
        this.element.replaceChildren(...this.line);
    }

    async remove() {
        const result = await removeTodo(this.entry);
        if (result.outcome !== "done") {
            this.take(result);
            return;
        }
        const { todo } = result.entry;
        this.showGone(`Deleted “${todo.name}”.`, todo);
        say(`Deleted ${todo.name}. You can undo this.`);
    }

    // In the row's place: what happened to the todo, and Undo if it can be restored.
    showGone(text, todo) {
        const gone = fromTemplate("gone-template");
        const undo = part(gone, "undo");
        part(gone, "text").textContent = text;
        undo.hidden = !todo;
        undo.addEventListener("click", () => this.undo(gone, todo));
        this.element.classList.add("is-gone");
        this.element.replaceChildren(gone);
        if (todo) undo.focus();
    }

    async undo(gone, todo) {
        const undo = part(gone, "undo");
        undo.disabled = true;
        try {
            this.entry = await restoreTodo(todo);
        } catch (problem) {
            if (!(problem instanceof Problem)) throw problem;
            const isTaken = problem.status === 412;
            part(gone, "text").textContent = isTaken
                ? `Another client has made “${todo.id}” again meanwhile.`
                : problem.message;
            undo.hidden = isTaken;
            undo.disabled = false;
            return;
        }
        this.restoreLine();
        this.draw();
        part(this.element, "delete").focus();
        say(`${todo.name} is back. ${sourceSentence(this.entry.trace)}`);
    }
}
