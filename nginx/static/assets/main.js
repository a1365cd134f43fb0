// SPDX-License-Identifier: MIT
/*
 * The page: a list of todos, and where each answer came from.
 *
 * view (the document)   place (the URL)   trace (headers)   api, token (HTTP)
 * care, drafts          a pointer that clicks too often; words that are not saved yet
 * badge, chart          an answer's source; sources and times of many
 * notice, meter         the state of the page's requests; service: of the whole service
 * change                a change, until the service accepts it or the visitor drops it
 * editor, gone          what may stand in a todo's place
 * row, rows, list       one todo, those that are shown, a page of them
 * queue                 edits that the service makes a little later
 * live                  what others change
 * choices, keys         how the visitor wants the list; the list by keyboard
 *
 * conflict, exchange, watch, race, bulk       come when they are needed first
 *
 * Each module uses only the modules above it. This one connects them.
 */
import { startBadges } from "./badge.js";
import { startCare } from "./care.js";
import { startChoices } from "./choices.js";
import { startAdding } from "./editor.js";
import { load, move, showAdded, startList } from "./list.js";
import { startMeter } from "./meter.js";
import { startNotice } from "./notice.js";
import { startPlace } from "./place.js";

startCare();
startBadges();
startMeter();
startNotice(load);
startPlace(move);
startList();
startAdding(showAdded);
startChoices();

// What the first view does without, once that is there.
async function startRest() {
    const modules = [import("./keys.js"), import("./service.js"), import("./live.js")];
    const [{ startKeys }, { startService }, { startLive }] = await Promise.all(modules);
    startKeys();
    startService();
    startLive();
    import("./change.js");
}

load().finally(startRest);
