// SPDX-License-Identifier: MIT
/*
 * The page: a list of todos, and where each answer came from.
 *
 * view (the document)   place (the URL)   trace (headers)   api (HTTP)     stand alone
 * notice, meter         what the whole page says of its requests
 * conflict, change      a change until it is settled
 * editor, row, list     forms, one todo, a page of them
 *
 * Each module uses only such as stand above it. Here they are put together.
 */
import { startAdding } from "./editor.js";
import { load, move, showAdded, startList } from "./list.js";
import { startMeter } from "./meter.js";
import { startNotice } from "./notice.js";
import { startPlace } from "./place.js";

startMeter();
startNotice(load);
startPlace(move);
startList();
startAdding(showAdded);
load();
