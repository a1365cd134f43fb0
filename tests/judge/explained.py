# SPDX-License-Identifier: MIT
"""
Warnings of httplint and redbot that are meant to be. README.md explains each; what is not here is a failure, and so is a
row that fits nothing.
"""

# (name of the note, what the request's line must match, why)
EXPLAINED = [
    ("STATUS_BAD_REQUEST", r" 400$", "a warning to whoever sent it; it was sent to be refused"),
    ("STATUS_URI_TOO_LONG", r" 414$", "the same"),
    ("CC_CONFLICTING", r"^GET /todos/judged 200$", "private, no-store: old caches know only one of the two"),
    ("STORE_PUBLIC_UNNECESSARY", r"^(GET|HEAD) /assets/", "public adds nothing to max-age, but some CDNs wait for it"),
]
