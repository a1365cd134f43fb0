// SPDX-License-Identifier: MIT
/*
 * A row's description: two lines of it (none in dense rows), and a button for all of them if there are more.
 */
import { part } from "./view.js";

const isWhole = (row) => row.classList.contains("is-whole");

function name(row) {
    const more = part(row, "more");
    more.textContent = isWhole(row) ? "Less" : "More";
    more.ariaLabel = `${more.textContent} of ${part(row, "name").textContent}`;
    more.ariaExpanded = String(isWhole(row));
}

// Offers the rest of a description if some of it is cut. Wants the row in the document, and reads the layout.
export function offerMore(row) {
    const text = part(row, "description");
    if (!text?.isConnected) return;
    const isCut = text.offsetParent === null || text.scrollHeight > text.clientHeight + 1;
    part(row, "more").hidden = text.textContent === "" || !(isWhole(row) || isCut);
    name(row);
}

export function toggleMore(row) {
    row.classList.toggle("is-whole");
    name(row);
}
