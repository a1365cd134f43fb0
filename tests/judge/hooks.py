# SPDX-License-Identifier: MIT
"""
What schemathesis can't know from the schema.

A cursor is only valid if a page handed it out for the same order and filter; an Idempotency-Key only for the request that
it came with first; and OPTIONS asks about a path, not about the todo behind it.
"""

import os

import schemathesis

FRESH_KEYS = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Each pair of a key and a body gets a key of its own, so that bodies are judged; a pair that comes again is replayed."""
    key = case.headers.get("Idempotency-Key") if case.headers else None
    if key and case.meta is not None and case.meta.generation.mode.is_positive:
        fresh = f"{os.getpid()}-{len(FRESH_KEYS)}"
        case.headers["Idempotency-Key"] = FRESH_KEYS.setdefault((key, repr(case.body)), fresh)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Which failures count: all but these two."""
    kind = type(failure).__name__
    if kind == "RejectedPositiveData" and response.status_code == 400 and "cursor" in (case.query or {}):
        return response.request.method != "HEAD" and "This cursor can't be read" not in response.text
    return not (kind == "UseAfterFree" and response.request.method == "OPTIONS")
