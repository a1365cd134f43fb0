// SPDX-License-Identifier: MIT
/*
 * The line in a deleted todo's place: what happened, and Undo if the todo can be restored.
 *
 * Undo has no time limit. If somebody else has made a todo of that id meanwhile, it overwrites nothing, and says so.
 */
import { Problem } from "./api.js";
import { fromTemplate, part } from "./view.js";

async function undo(gone, restore) {
    const button = part(gone, "undo");
    button.disabled = true;
    try {
        await restore();
    } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        const isTaken = problem.status === 412;
        part(gone, "text").textContent = isTaken ? "Another client has made it again meanwhile." : problem.message;
        button.hidden = isTaken;
        button.disabled = false;
    }
}

// before and after stand around the name; restore is null if there is nothing to restore.
export function goneLine(before, name, after, restore) {
    const gone = fromTemplate("gone-template");
    part(gone, "before").textContent = `${before}“`;
    part(gone, "what").textContent = name;
    part(gone, "after").textContent = `”${after}`;
    part(gone, "undo").hidden = !restore;
    part(gone, "undo").addEventListener("click", () => undo(gone, restore));
    return gone;
}
