// SPDX-License-Identifier: MIT
/*
 * The token that a service may want with each change (write_token_file). The page asks for it when a change was refused
 * for want of one, and keeps it for this tab alone, until that is closed.
 */
import { byId } from "./view.js";

const KEY = "token";

export const keptToken = () => sessionStorage.getItem(KEY) ?? "";

// Resolves to whether the visitor has given a token. Several changes that wait for one share the dialog.
let asking = null;

export function askToken(isRefused) {
    asking ??= ask(isRefused).finally(() => (asking = null));
    return asking;
}

async function ask(isRefused) {
    const dialog = byId("token");
    sessionStorage.removeItem(KEY);
    byId("token-text").value = "";
    byId("token-text-fault").textContent = isRefused ? "This token was not accepted." : "";
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    const text = byId("token-text").value.trim();
    byId("token-text").value = "";
    if (dialog.returnValue !== "given" || !text) return false;
    sessionStorage.setItem(KEY, text);
    return true;
}
