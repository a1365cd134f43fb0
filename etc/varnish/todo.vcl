# SPDX-License-Identifier: MIT
#
# todo.vcl: Varnish 7 in front of nginx and todo-fcgi. Debian: varnish, varnish-modules (for xkey). doc/cdn.md is the guide.
#
# What is kept: answers under /todos that name their keys (Surrogate-Key), for as long as CDN-Cache-Control (RFC 9213), else
# Cache-Control, allows. What names no key can't be purged, and isn't kept. Requests with Authorization or
# Todo-Version, and all but GET and HEAD, pass.
#
# What ends it: a PURGE from the workers (purge_url = varnish+http://127.0.0.1:6081). It is soft: the answer is stale from
# then on, but there should everything behind Varnish be away.
#
# How stale answers are served, by their state:
#
#   fresh ....... max-age ....... + stale-while-revalidate .......... + stale-if-error ..........
#   |-- deliver --|-- deliver, and fetch in the background --|-- fetch; deliver only if that fails --|
#                 purged at any time:   ---------------------|-- fetch; deliver only if that fails --|
#
# So after a purge no client gets the old answer, unless the backend can't answer at all. To Varnish ttl goes on up to the end
# of stale-while-revalidate, because a soft purge passes over what has no ttl left; the first request past max-age takes it
# away and marks the object (its keep is MARKED, 11 minutes instead of 10), which makes Varnish fetch in the background, and for two
# seconds all get the stale answer. A purge in just these moments ends with that fetch, or with the workers' second purge.
#
# From a stale answer to the right one it goes by restarts, and X-Todo-Step says why:
#
#   (none)      any answer that is there; vcl_hit decides
#   fetch       none that is stale: wait for the backend, there is one for errors
#   must        the same, and there is none
#   error       the backend failed: the stale one after all

vcl 4.1;

import purge;
import std;
import xkey;

# nginx, which knows the workers. The probe asks what any client may ask; it finds out within a few seconds when nginx or all
# workers hang, so that not every client has to.
backend default {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 1s;
    .first_byte_timeout = 16s;     # longer than nginx' fastcgi_read_timeout
    .between_bytes_timeout = 5s;
    .probe = {
        .url = "/todos?limit=1";
        .interval = 2s;
        .timeout = 1s;
        .window = 4;
        .threshold = 2;
        .initial = 2;
    }
}

# Who may purge: the workers. A machine's own address only; others go into this list one by one, never a whole network.
acl purgers {
    "localhost";
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.restarts == 0) {
        unset req.http.X-Todo-Step;
        unset req.http.X-Todo-Fwd;
    }
    if (req.method == "PURGE") {
        # Varnish has added the client to X-Forwarded-For. If there is more in it, a proxy on this machine brought
        # somebody else's request, who must not purge.
        if (client.ip !~ purgers || req.http.X-Forwarded-For != "" + client.ip) {
            return (synth(405, "Method Not Allowed"));
        }
        if (!req.http.xkey-softpurge) {
            return (synth(400, "Bad Request"));
        }
        set req.http.X-Todo-Count = xkey.softpurge(req.http.xkey-softpurge);
        return (synth(200, "Purged"));
    }

    unset req.http.Cookie;         # the service knows none, so they must not keep answers apart
    unset req.http.X-Todo-Count;
    if (req.method != "GET" && req.method != "HEAD") {
        set req.http.X-Todo-Fwd = "method";
        return (pass);
    }
    # Both are in Vary. With the first, answers are the client's alone; the second asks for a state that a kept answer
    # may not have.
    if (req.http.Authorization || req.http.Todo-Version) {
        set req.http.X-Todo-Fwd = "request";
        return (pass);
    }

    if (req.http.X-Todo-Step == "fetch" || req.http.X-Todo-Step == "must") {
        set req.grace = 0s;        # nothing stale
    } elsif (req.http.X-Todo-Step == "error") {
        set req.grace = 1y;        # as far as the object's own grace goes
    }
    return (hash);
}

sub vcl_hit {
    if (obj.ttl > std.duration(obj.http.X-Todo-Revalidate, 0s) || req.http.X-Todo-Step == "error") {
        return (deliver);
    }
    if (obj.keep > 10m && obj.ttl > -2s) {
        return (deliver);          # marked: a fetch is under way in the background, or begins now
    }
    if (obj.ttl > 0s) {
        # The first past max-age. Not 0s: to Varnish an object whose ttl ends in this very moment is neither fresh nor stale.
        purge.soft(-1ms, -1s, 11m);
    } elsif (obj.ttl + std.duration(obj.http.X-Todo-Error, 0s) <= 0s) {
        set req.http.X-Todo-Step = "must";
    } elsif (std.healthy(req.backend_hint)) {
        set req.http.X-Todo-Step = "fetch";
    } else {
        return (deliver);
    }
    return (restart);
}

sub vcl_miss {
    if (!req.http.X-Todo-Fwd) {
        set req.http.X-Todo-Fwd = "miss";
    }
    if (req.http.X-Todo-Step) {
        set req.http.X-Todo-Fwd = "stale";
    }
    return (fetch);
}

sub vcl_backend_fetch {
    unset bereq.http.X-Todo-Fwd;   # X-Todo-Step goes along: it is needed when the answer comes
}

sub todo_backend_response {
    if (beresp.http.CDN-Cache-Control) {
        set beresp.http.X-Todo-Control = beresp.http.CDN-Cache-Control;
    } else {
        set beresp.http.X-Todo-Control = beresp.http.Cache-Control;
    }
    if (bereq.uncacheable || !beresp.http.Surrogate-Key || beresp.http.Vary ~ "\*" ||
        beresp.http.X-Todo-Control ~ "(?i)\b(no-store|no-cache|private)\b" ||
        beresp.http.X-Todo-Control !~ "(?i)\b(s-maxage|max-age)=[1-9]") {
        # For two minutes no client waits for another's answer to this.
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
        return (deliver);
    }

    # The worker's Age is counted to clients, but not against the lifetime here: what Redis holds is true however old it is.
    if (beresp.http.X-Todo-Control ~ "(?i)\bs-maxage=") {
        set beresp.http.X-Todo-Fresh = regsub(beresp.http.X-Todo-Control, "(?i)^.*\bs-maxage=(\d+).*$", "\1s");
    } else {
        set beresp.http.X-Todo-Fresh = regsub(beresp.http.X-Todo-Control, "(?i)^.*\bmax-age=(\d+).*$", "\1s");
    }
    set beresp.http.X-Todo-Revalidate = "0s";
    if (beresp.http.X-Todo-Control ~ "(?i)\bstale-while-revalidate=\d") {
        set beresp.http.X-Todo-Revalidate =
            regsub(beresp.http.X-Todo-Control, "(?i)^.*\bstale-while-revalidate=(\d+).*$", "\1s");
    }
    set beresp.ttl = std.duration(beresp.http.X-Todo-Fresh, 0s) + std.duration(beresp.http.X-Todo-Revalidate, 0s);
    set beresp.http.X-Todo-Error = "0s";
    if (beresp.http.X-Todo-Control ~ "(?i)\bstale-if-error=\d") {
        set beresp.http.X-Todo-Error =
            regsub(beresp.http.X-Todo-Control, "(?i)^.*\bstale-if-error=(\d+).*$", "\1s");
    }
    # Ten seconds more, so that vcl_hit sees what has just been marked; it looks at X-Todo-Error itself.
    set beresp.grace = std.duration(beresp.http.X-Todo-Error, 0s) + 10s;
    set beresp.keep = 10m;         # a body for longer than it may be served, to ask with its ETag
    # What the vmod indexes by. "all" is what the workers purge after a load that fenced nothing.
    set beresp.http.xkey = beresp.http.Surrogate-Key + " all";
    unset beresp.http.X-Todo-Control;
    unset beresp.http.X-Todo-Fresh;
    return (deliver);
}

sub vcl_backend_response {
    # A failure takes no stale answer's place: not even as an object that is not kept, which would be found before it.
    if (beresp.status >= 500) {
        if (bereq.is_bgfetch || bereq.http.X-Todo-Step == "fetch") {
            return (abandon);
        }
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        set beresp.keep = 0s;
        return (deliver);
    }
    if (bereq.url ~ "^/todos(/|\?|$)") {
        call todo_backend_response;
    }
    # Assets and pages: as Varnish does it by itself, by Cache-Control.
}

sub vcl_backend_error {
    if (bereq.is_bgfetch || bereq.http.X-Todo-Step == "fetch") {
        return (abandon);
    }
    set beresp.http.Content-Type = "application/problem+json";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "5";
    set beresp.body = {"{"type":"/problems/unavailable","title":"The service can't do this now","status":503}"};
    return (deliver);
}

sub vcl_deliver {
    # Cache-Status (RFC 9211). On a hit the worker's own member is about another request, so it goes.
    if (obj.hits > 0 && obj.ttl > 0s) {
        set resp.http.Cache-Status = "Varnish; hit; ttl=" +
            std.integer(duration=obj.ttl - std.duration(resp.http.X-Todo-Revalidate, 0s), fallback=0);
    } elsif (obj.hits > 0) {
        set resp.http.Cache-Status = "Varnish; hit; ttl=" + std.integer(duration=obj.ttl - 1s, fallback=0);
    } else {
        if (!req.http.X-Todo-Fwd) {
            set req.http.X-Todo-Fwd = "bypass";
        }
        if (resp.http.Cache-Status) {
            set resp.http.Cache-Status = resp.http.Cache-Status + ", Varnish; fwd=" + req.http.X-Todo-Fwd;
        } else {
            set resp.http.Cache-Status = "Varnish; fwd=" + req.http.X-Todo-Fwd;
        }
    }

    # These were for this cache.
    unset resp.http.Surrogate-Key;
    unset resp.http.Cache-Tag;
    unset resp.http.CDN-Cache-Control;
    unset resp.http.xkey;
    unset resp.http.X-Todo-Revalidate;
    unset resp.http.X-Todo-Error;
    unset resp.http.X-Varnish;
}

sub vcl_synth {
    # The fetch was abandoned, and vcl_hit saw an answer before it: better a stale one.
    if (resp.status >= 500 && req.http.X-Todo-Step == "fetch") {
        set req.http.X-Todo-Step = "error";
        return (restart);
    }
    if (req.method == "PURGE" && resp.status == 200) {
        set resp.http.Content-Type = "application/json";
        synthetic({"{"purged":"} + req.http.X-Todo-Count + "}");
        return (deliver);
    }
    if (resp.status == 405) {
        set resp.http.Allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    }
    set resp.http.Content-Type = "application/problem+json";
    set resp.http.Cache-Control = "no-store";
    synthetic({"{"type":"about:blank","title":""} + resp.reason + {"","status":"} + resp.status + "}");
    return (deliver);
}
