// SPDX-License-Identifier: MIT
/*
 * What each header field means, in a sentence: those that the page sends, and those that the service and nginx answer
 * with. doc/headers.md has the fields of each kind of answer.
 */
export const ASKED = {
    "accept": "The kinds of text that may come back.",
    "authorization": "The token that lets the visitor make changes.",
    "cache-control": "What caches may do. no-cache: ask the database; only-if-cached: answer, or nobody does.",
    "content-type": "What kind of text the body is; a merge patch names only what is to change.",
    "idempotency-key": "This request’s own name: sent twice, it makes one todo.",
    "if-match": "Change it only if it still is this version.",
    "if-none-match": "Send no body if it still is this version; with *, make it only if there is none.",
    "todo-version": "Answer no state older than this write of mine.",
};

export const FIELDS = {
    "age": "How many seconds ago this was read from the database; only an answer from a cache has it.",
    "allow": "The methods that this resource has.",
    "cache-control": "What caches may do. no-cache: keep it, but ask before each use. no-store: don’t keep it.",
    "cache-status": "What each cache on the way did. hit: it answered; fwd: it asked on, and why; ttl: seconds left.",
    "connection": "Whether the connection stays open for the next request.",
    "content-encoding": "How the body is compressed on its way.",
    "content-length": "The body’s length in bytes, as it was sent.",
    "content-location": "Where the todo in this body can be read.",
    "content-security-policy": "What a browser may load or run on behalf of this answer.",
    "content-type": "What kind of text the body is.",
    "date": "When the answer was made.",
    "etag": "This version’s name. As If-None-Match it saves the body; as If-Match it saves others’ changes.",
    "last-modified": "When the todo was changed last, to the second. The ETag is more exact.",
    "link": "Where the first and the next page of the list are.",
    "location": "Where the new todo is.",
    "permissions-policy": "Which of the device’s abilities a page may not use.",
    "ratelimit": "How many requests are left to this client, and until when.",
    "ratelimit-policy": "How many requests a client may make in which time.",
    "referrer-policy": "Whether a browser tells other sites that the visitor comes from here.",
    "request-id": "This request’s name; the operators find it in their logs.",
    "retry-after": "How many seconds to wait before trying again.",
    "server": "The program that answered the browser.",
    "server-timing": "The service’s own clock, in ms: route is all of its work; redis and store are parts of that.",
    "strict-transport-security": "From now on the browser is to come over TLS only.",
    "todo-version": "The state that a write made. A read that sends it back gets no older one.",
    "transfer-encoding": "The body came in pieces, as its length was not known before.",
    "vary": "The request’s fields that this answer depends on; a cache looks at them, too.",
    "www-authenticate": "Which kind of token the service wants to see.",
    "x-content-type-options": "A browser must not guess another type than the one that is said.",
    "x-frame-options": "No other page may show this one in a frame.",
};
