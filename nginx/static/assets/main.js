// SPDX-License-Identifier: MIT
/*
 * The page: a list of todos, and where each answer came from.
 *
 * view (the document)   place (the URL)   trace (headers)   api, token (HTTP)
 * care, drafts          a pointer that clicks too often; words that are not saved yet
 * badge, chart          an answer's source; sources and times of many
 * notice, meter         the state of the page's requests; service: of the whole service
 * conflict, change      a change, until the service accepts it or the visitor drops it
 * editor, gone          what may stand in a todo's place
 * row, list             one todo, a page of them
 *
 * Each module uses only the modules above it. This one connects them.
 */
import { startBadges } from "./badge.js";
import { startCare } from "./care.js";
import { startAdding } from "./editor.js";
import { load, move, showAdded, startList } from "./list.js";
import { startMeter } from "./meter.js";
import { startNotice } from "./notice.js";
import { startPlace } from "./place.js";
import { startService } from "./service.js";

startCare();
startBadges();
startMeter();
startNotice(load);
startPlace(move);
startList();
startAdding(showAdded);
load().finally(startService);
