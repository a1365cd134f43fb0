// SPDX-License-Identifier: MIT
/*
 * Where the visitor is: one todo, or a page of the list, written in the URL, so that it can be bookmarked, sent and
 * reloaded.
 *
 *   /                        the first page            /?cursor=C           a later one
 *   /?done=false             only open ones            /?order=asc          oldest first
 *   /?id=42                  one todo                  /?limit=50           longer pages
 *
 * The service's lists go forward only: a page knows the cursor of the next one, not of the one before. So each step
 * forward stores the previous cursors in history.state, the trail. It survives a reload and comes back with the
 * browser's back button. A visitor who arrives by a link has no trail, and gets a link to the first page instead.
 *
 * Places are real links. This module handles a plain click on one; the browser handles the rest (new tab, copy).
 */
const LIMIT = 20;
const PARAMETERS = ["done", "order", "limit", "cursor"];

const trails = new WeakMap(); // link -> trail that the place behind it has
let onMove = () => {};

export function placeOf(url) {
    const query = new URL(url).searchParams;
    const place = {};
    for (const name of ["id", ...PARAMETERS]) {
        if (query.get(name)) place[name] = query.get(name);
    }
    return place;
}

export function urlOf(place) {
    const query = new URLSearchParams(place).toString();
    return query ? `/?${query}` : "/";
}

export const limitOf = (place) => Number(place.limit ?? LIMIT);

// The query that asks the service for a page.
export function queryOf({ id, ...list }) {
    return new URLSearchParams({ limit: LIMIT, ...list }).toString();
}

export const here = () => placeOf(location.href);
// Cursors of the pages before this one, null for the first; undefined if they aren't known.
export const trailHere = () => history.state?.trail;

export function go(place, trail) {
    history.pushState({ trail }, "", urlOf(place));
    onMove();
}

// Makes the link lead to a place; nowhere if place is null.
export function linkTo(link, place, trail) {
    link.toggleAttribute("aria-disabled", false);
    if (place) {
        link.href = urlOf(place);
    } else {
        link.removeAttribute("href");
        link.setAttribute("aria-disabled", "true");
    }
    trails.set(link, trail);
}

function onClick(event) {
    const link = event.target.closest("a[href]");
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !isPlain || link.origin !== location.origin || link.pathname !== "/" || link.hash) return;
    event.preventDefault();
    go(placeOf(link.href), trails.get(link));
}

// Calls move for each new place, whether a link or the browser's buttons led there.
export function startPlace(move) {
    onMove = move;
    document.addEventListener("click", onClick);
    window.addEventListener("popstate", move);
}
