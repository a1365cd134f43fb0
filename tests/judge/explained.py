# SPDX-License-Identifier: MIT
"""
Warnings of httplint and redbot that are meant to be, and cases of h2spec that nginx 1.22 sees otherwise. doc/judges.md explains
them. A warning that is not here is a failure, and so is a row that fits nothing.
"""

# (name of the note, what the request's line must match, why)
EXPLAINED = [
    ("STATUS_BAD_REQUEST", r" 400$", "a warning to whoever sent it; it was sent to be refused"),
    ("STATUS_URI_TOO_LONG", r" 414$", "the same"),
    ("CC_CONFLICTING", r"^GET /todos/judged 200$", "private, no-store: old caches know only one of the two"),
    ("STORE_PUBLIC_UNNECESSARY", r"^(GET|HEAD) /assets/", "public adds nothing to max-age, but some CDNs wait for it"),
    ("h2spec", r"^http2/8\.1\.2\.[136]", "a malformed request gets a 400 instead of a reset, as RFC 9113 8.1.1 allows; a late pseudo-field is taken"),
    ("h2spec", r"^http2/8\.1\.2\.2", "Connection and TE are ignored; no connection of the workers hears of them"),
    ("h2spec", r"^http2/(5\.1|6\.1|6\.4|6\.9\.1)", "frames for streams that are over, or not begun, are ignored"),
    ("h2spec", r"^http2/4\.2", "nginx announces frames of 16 MB, and takes them"),
    ("h2spec", r"^hpack/", "a lax end of a header block's coding, read to no other meaning"),
    ("h2spec", r"^generic/4", "nginx knows no trailers of requests, and ends the connection; test_tls.py"),
]
