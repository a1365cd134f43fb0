// SPDX-License-Identifier: MIT
/*
 * Forms: the one that adds, and the one that a row turns into.
 *
 * The service alone knows the rules for a todo. If a value breaks one, its answer names the member by a JSON pointer,
 * and the form shows the message under that field. The visitor's text stays until it is saved.
 *
 * The form that adds keeps one idempotency key per draft: if no answer came, sending the draft again makes no second
 * todo.
 */
import { Problem, addTodo } from "./api.js";
import { NEW, draftOf, dropDraft, keepDraft } from "./drafts.js";
import { byId, fromTemplate, part, showText } from "./view.js";

const FIELDS = ["name", "description"];

function showFault(form, name, text) {
    const input = form.elements[name];
    const fault = part(form, `${name}-fault`);
    fault.id ||= `fault-${Math.random().toString(36).slice(2)}`;
    input.setAttribute("aria-describedby", fault.id);
    input.setAttribute("aria-invalid", String(Boolean(text)));
    showText(fault, text);
}

function clearFaults(form) {
    FIELDS.forEach((name) => showFault(form, name, ""));
    part(form, "fault").textContent = "";
}

function showProblem(form, problem) {
    const field = FIELDS.find((name) => problem.pointer === `/${name}`);
    if (!field) {
        part(form, "fault").textContent = problem.message;
        return;
    }
    showFault(form, field, problem.message);
    form.elements[field].closest("details")?.toggleAttribute("open", true);
    form.elements[field].focus();
}

// Runs save, and disables the form meanwhile; shows a problem in the form. Resolves to whether it was saved.
async function submit(form, save) {
    const button = form.querySelector("button.primary");
    clearFaults(form);
    button.disabled = true;
    try {
        return await save();
    } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        showProblem(form, problem);
        return false;
    } finally {
        button.disabled = false;
    }
}

const valuesOf = (form) => Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value]));

// Browsers have no randomUUID() on plain HTTP.
export function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(
        "",
    );
}

// added is called with each new entry.
export function startAdding(added) {
    const form = byId("add");
    let key = newKey();
    Object.entries(draftOf(NEW)?.values ?? {}).forEach(([name, value]) => (form.elements[name].value = value));
    form.addEventListener("input", () => {
        key = newKey();
        keepDraft(NEW, null, valuesOf(form));
    });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const isSaved = await submit(form, async () => {
            added(await addTodo(valuesOf(form), key));
            return true;
        });
        if (!isSaved) return;
        key = newKey();
        dropDraft(NEW);
        form.reset();
        form.elements.name.focus();
    });
}

/*
 * A form over an entry's todo, with the words of its draft if there is one. It calls save with the changed fields,
 * which resolves to whether they are saved; it calls close when the visitor cancels. Both end the draft.
 */
export function editorOf(entry, save, close) {
    const { todo } = entry;
    const form = fromTemplate("editor-template");
    FIELDS.forEach((name) => (form.elements[name].value = todo[name]));
    const before = valuesOf(form); // as fields hold it: they turn CR LF into LF
    const changed = () => Object.entries(valuesOf(form)).filter(([name, value]) => value !== before[name]);
    const end = () => {
        dropDraft(todo.id);
        close();
    };
    Object.entries(draftOf(todo.id)?.values ?? {}).forEach(([name, value]) => (form.elements[name].value = value));
    form.addEventListener("input", () => keepDraft(todo.id, entry, valuesOf(form)));
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        const patch = Object.fromEntries(changed());
        if (changed().length === 0) end();
        else submit(form, () => save(patch));
    });
    form.addEventListener("keydown", (event) => {
        if (event.key === "Escape") end();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    part(form, "cancel").addEventListener("click", end);
    return form;
}
