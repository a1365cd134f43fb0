// SPDX-License-Identifier: MIT
/*
 * Changing and deleting a todo without losing another client's work.
 *
 * A change applies only to the version that the visitor saw: If-Match carries its ETag. Rows of a list have no ETag
 * yet, so the page reads the todo first. If it differs from the row, that is a conflict; so are a 412 and a 404. In a
 * conflict the visitor chooses (conflict.js), unless both sides made the same change. The page then tries the change
 * again on the newest version, until the service accepts it or the visitor drops it.
 *
 * These functions resolve to {outcome, entry}: "done", with the entry as it is now; "theirs", the visitor dropped the
 * change and kept the current version; "gone", there is no todo; "later", the visitor hasn't decided, and nothing was
 * sent.
 */
import { deleteTodo, patchTodo, readTodo, restoreTodo } from "./api.js";
import { byId } from "./view.js";

// The dialog comes when it is needed first.
const settle = async (...versions) => (await import("./conflict.js")).settle(...versions);

// null if there is no such todo.
async function readOrNull(id) {
    try {
        return await readTodo(id);
    } catch (problem) {
        if (problem.status === 404) return null;
        throw problem;
    }
}

// Sends a change; null if the service refused it because the todo has changed.
async function attempt(send) {
    try {
        return await send();
    } catch (problem) {
        if (problem.status === 412 || problem.status === 404) return null;
        throw problem;
    }
}

const isSame = (a, b) => a.created_at === b.created_at && a.updated_at === b.updated_at;

const clientFields = ({ name, description, done }) => ({ name, description, done });
// True also of this page's own change if only its answer was lost.
const isAlike = (a, b) => ["name", "description", "done"].every((field) => a[field] === b[field]);

export async function changeTodo(seen, patch) {
    const { id } = seen.todo;
    const mine = { ...seen.todo, ...patch };
    let now = seen.etag ? seen : await readOrNull(id);
    let wanted = patch;
    let isSettled = now !== null && isSame(now.todo, seen.todo);
    for (;;) {
        if (!isSettled) {
            if (now && isAlike(now.todo, mine)) return { outcome: "done", entry: now };
            const choice = await settle(seen.todo, mine, now && now.todo);
            if (choice.keep === "later") return { outcome: "later", entry: seen };
            if (choice.keep === "theirs") return { outcome: now ? "theirs" : "gone", entry: now };
            wanted = clientFields(choice.todo);
        }
        const target = now;
        const entry = await attempt(() => (target ? patchTodo(id, wanted, target.etag) : restoreTodo(mine)));
        if (entry) return { outcome: "done", entry };
        now = await readOrNull(id);
        isSettled = false;
    }
}

export async function removeTodo(seen) {
    const { id } = seen.todo;
    let now = seen.etag ? seen : await readOrNull(id);
    let isSettled = now !== null && isSame(now.todo, seen.todo);
    for (;;) {
        if (!now) return { outcome: "gone", entry: null };
        if (!isSettled) {
            const choice = await settle(seen.todo, null, now.todo);
            if (choice.keep !== "mine") return { outcome: choice.keep, entry: choice.keep === "later" ? seen : now };
        }
        const target = now;
        const removed = await attempt(() => deleteTodo(id, target.etag));
        if (removed) return { outcome: "done", entry: target };
        now = await readOrNull(id);
        isSettled = false;
    }
}

// The same as changeTodo(), but by the service's queue if the visitor wants it so ("queued", with the entry to come).
export async function editTodo(row, seen, patch) {
    if (byId("queue").ariaPressed !== "true") return changeTodo(seen, patch);
    return (await import("./queue.js")).queueEdit(row, seen, patch);
}
