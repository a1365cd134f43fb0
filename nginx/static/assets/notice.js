// SPDX-License-Identifier: MIT
/*
 * Messages for the whole page: the network is gone, the service doesn't answer, or it is busy.
 *
 * One line above the list, announced to screen readers as well, which disappears with its reason. The browser's
 * "offline" is one reason; an unanswered request is another, because the machine may be on a network that doesn't
 * reach the service. While the line is there, the page may show old todos, and the line says so.
 */
import { requests } from "./api.js";
import { byId, element } from "./view.js";

let timer = 0;

export function clearNotice() {
    clearTimeout(timer);
    byId("notice").replaceChildren();
}

function showNotice(text, retry) {
    clearNotice();
    const line = element("p", text, "notice");
    if (retry) {
        const button = element("button", "Try again");
        button.addEventListener("click", retry);
        line.append(" ", button);
    }
    byId("notice").append(line);
}

// A read has failed; retry reads again. It runs by itself if the service has said how long it is busy.
export function showProblem(problem, retry) {
    if (!navigator.onLine) return showOffline();
    const wait = problem.retryAfterSeconds;
    const when = wait > 0 ? ` Trying again in ${wait} s.` : "";
    const title = problem.title && problem.title !== problem.message ? `${problem.title}. ` : "";
    showNotice(`${title}${problem.message}${when}`, retry);
    if (wait > 0) timer = setTimeout(retry, wait * 1000);
}

function showOffline() {
    showNotice("You are offline. This page may show old todos, and changes can’t be saved.");
}

export function startNotice(retry) {
    window.addEventListener("offline", showOffline);
    window.addEventListener("online", retry);
    requests.addEventListener("unanswered", () => {
        if (!navigator.onLine) showOffline();
    });
    if (!navigator.onLine) showOffline();
}
