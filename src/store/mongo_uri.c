/* SPDX-License-Identifier: MIT */
/*
 * Completes a MongoDB URI. By default libmongoc waits 30 s for a server that is gone, 5 minutes for an answer, and for
 * ever for a free client: a handful of requests would then hold all threads of the pool.
 *
 * Options in the URI stay as they are: the operator means them. The others are appended as text, and libmongoc reads
 * the whole as if the operator had written it. So the defaults can be seen, tested and overruled in the language of
 * URIs.
 *
 * The time of a call is divided: two fifths (at most 800 ms) to find a server, the rest for the answer. The server gets
 * a tenth less of that rest (maxTimeMS, wtimeoutMS). Its own answer, which says what was applied, then comes before the
 * time-out of the socket, which says nothing. A retry by the driver, after a failover, can double it all.
 *
 * Two options are refused: unacknowledged writes (w=0) and reads from secondaries. With them the service would report
 * writes that were never made, and cache values that are out of date or may roll back. Errors never print the URI: it
 * may have a password.
 */
#include "store/mongo_uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

enum {
    SELECTION_MAX_MS = 800,
    CONNECT_MAX_MS = 500,
    CHECKOUT_MAX_MS = 200, /* waiting for a client of the pool */
};

static int64_t at_most(int64_t value, int64_t limit)
{
    return value < limit ? value : limit;
}

/* The value of an option, absent if the URI doesn't name it. Names are compared without case, as in the URI's rules. */
static struct slice option_find(const char *uri, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = strchr(uri, '?');
    while (at && *at) {
        at++;
        size_t len = strcspn(at, "&;");
        if (len > name_len && at[name_len] == '=' && strncasecmp(at, name, name_len) == 0)
            return (struct slice){.data = at + name_len + 1, .len = len - name_len - 1};
        at += len;
    }
    return (struct slice){0};
}

static bool option_is(struct slice value, const char *word)
{
    return value.data && value.len == strlen(word) && strncasecmp(value.data, word, value.len) == 0;
}

static void option_add(struct buf *full, const char *uri, const char *name, const char *value)
{
    if (!option_find(uri, name).data)
        buf_printf(full, "%s%s=%s", strchr(full->data, '?') ? "&" : "?", name, value);
}

static void option_add_ms(struct buf *full, const char *uri, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    option_add(full, uri, name, text);
}

/* mongodb://user:password@host,host/DATABASE?options: whether DATABASE is there. */
static bool has_database(const char *uri)
{
    const char *hosts = strstr(uri, "://") + 3;
    const char *slash = hosts + strcspn(hosts, "/?");
    return *slash == '/' && slash[1] != '\0' && slash[1] != '?';
}

static enum status uri_check(const char *uri, struct error *error)
{
    if (!has_database(uri)) {
        return error_set(error, STATUS_INVALID,
                         "the store's URI names no database: write mongodb://HOST/DATABASE, for instance "
                         "mongodb://127.0.0.1:27017/todos");
    }
    if (option_is(option_find(uri, "w"), "0")) {
        return error_set(
            error, STATUS_INVALID,
            "the store's URI has w=0: without acknowledgements the service can't know what was written; leave it out "
            "(w=majority) or write w=1");
    }
    struct slice preference = option_find(uri, "readPreference");
    if (preference.data && !option_is(preference, "primary")) {
        return error_set(error, STATUS_INVALID,
                         "the store's URI has readPreference=%.*s: what a secondary answers may be out of date, and "
                         "must not be cached; leave it out or write readPreference=primary",
                         (int)at_most((int64_t)preference.len, 30), preference.data);
    }
    return STATUS_OK;
}

enum status mongo_uri_complete(const char *uri, uint32_t timeout_ms, uint32_t concurrency, char **full,
                               int64_t *max_time_ms, struct error *error)
{
    enum status status = uri_check(uri, error);
    if (status)
        return status;
    int64_t selection_ms = at_most((int64_t)timeout_ms * 2 / 5 + 1, SELECTION_MAX_MS);
    int64_t answer_ms = (int64_t)timeout_ms - selection_ms;
    *max_time_ms = answer_ms - answer_ms / 10;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, uri);
    option_add_ms(&text, uri, "serverSelectionTimeoutMS", selection_ms);
    option_add_ms(&text, uri, "connectTimeoutMS", at_most(selection_ms, CONNECT_MAX_MS));
    option_add_ms(&text, uri, "socketTimeoutMS", answer_ms);
    option_add_ms(&text, uri, "waitQueueTimeoutMS", at_most(selection_ms, CHECKOUT_MAX_MS));
    option_add_ms(&text, uri, "maxPoolSize", concurrency);
    option_add_ms(&text, uri, "wtimeoutMS", *max_time_ms);
    option_add(&text, uri, "w", "majority");
    option_add(&text, uri, "journal", "true");
    option_add(&text, uri, "retryWrites", "true");
    option_add(&text, uri, "retryReads", "true");
    option_add(&text, uri, "readPreference", "primary");
    option_add(&text, uri, "readConcernLevel", "majority");
    option_add(&text, uri, "appname", "todos");
    *full = text.data; /* the caller's from here on */
    return STATUS_OK;
}
