/* SPDX-License-Identifier: MIT */
/*
 * Completes a MongoDB URI. By default libmongoc waits 30 s for a server that is gone, 5 minutes for an answer, and for
 * ever for a free client: a handful of requests would then hold all threads of the pool.
 *
 * Options in the URI stay as they are: the operator means them. The others are appended as text, and libmongoc reads
 * the whole as if the operator had written it. So the defaults can be seen, tested and overruled in the language of
 * URIs.
 *
 * The time of a call is divided: one half (at most 1.5 s) to find a server, the rest for the answer. So calls wait for
 * the next primary while a replica set hands over, and are not refused. The server gets a tenth less of the rest
 * (maxTimeMS, wtimeoutMS). Its own answer, which says what was applied, then comes before the time-out of the socket,
 * which says nothing. A retry by the driver, after a failover, can double it all.
 *
 * The members are asked for their state each 500 ms, the shortest pause that the driver allows. Servers from 4.4 on
 * report a change at once; of older ones, and of a frozen one, this pause decides how late the driver sees it.
 *
 * directConnection=false: libmongoc 1.23 takes a URI with one host and no replicaSet for a direct connection, and that
 * host answers reads even when it has become a secondary. With the option the driver finds the set of that host, and
 * reads from the primary. mongo_driver.c has what happens if the operator asks for a direct connection.
 *
 * Options that break what store.h promises are refused: reads from secondaries or below majority, writes that fewer
 * than a majority acknowledge or that are not journaled. The service would report writes that an election rolls back,
 * and caches would keep what it read. A standalone server needs none of them, so they are refused there too. A w that
 * is a name is the operator's own, and must include a majority. Errors never print the URI: it may have a password. For
 * the same reason a password with a character that should have been escaped is refused here, not by the driver.
 */
#include "store/mongo_uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

enum {
    SELECTION_MAX_MS = 1500,
    CONNECT_MAX_MS = 500,
    CHECKOUT_MAX_MS = 200, /* waiting for a client of the pool */
    HEARTBEAT_MS = 500,
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

/*
 * Whether the user's name or the password has a character with a meaning of its own in a URI. The driver would take the
 * wrong part for the host, and print it.
 */
static bool is_unescaped(const char *uri)
{
    const char *user = strstr(uri, "://") + 3;
    size_t hosts_end = strcspn(user, "/?"), path_end = strcspn(user, "?");
    const char *at = memchr(user, '@', path_end), *colon = memchr(user, ':', path_end);
    if (!at)
        return false;
    bool has_second_at = memchr(at + 1, '@', (size_t)(user + path_end - at - 1)) != NULL;
    bool has_second_colon = colon && colon < at && memchr(colon + 1, ':', (size_t)(at - colon - 1));
    return has_second_at || has_second_colon || at > user + hosts_end;
}

static const struct rule {
    const char *option, *value, *other_value;
    const char *danger; /* of all other values */
} RULES[] = {
    {"readPreference", "primary", NULL, "a secondary's answer may be out of date, and would be cached"},
    {"readConcernLevel", "majority", "linearizable", "an election may roll back what was read, and it would be cached"},
    {"journal", "true", NULL, "a write that was acknowledged could be lost"},
};

enum { RULE_COUNT = sizeof(RULES) / sizeof(RULES[0]) };

static enum status rule_check(const struct rule *rule, const char *uri, struct error *error)
{
    struct slice value = option_find(uri, rule->option);
    if (!value.data || option_is(value, rule->value) || (rule->other_value && option_is(value, rule->other_value)))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "the store's URI has %s=%.*s: %s; leave it out or write %s=%s",
                     rule->option, (int)at_most((int64_t)value.len, 30), value.data, rule->danger, rule->option,
                     rule->value);
}

/* A number of members: even if it is a majority of today's, nothing keeps it one. */
static enum status w_check(const char *uri, struct error *error)
{
    struct slice value = option_find(uri, "w");
    if (!value.data || value.len == 0 || strchr("-+0123456789", value.data[0]) == NULL)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "the store's URI has w=%.*s: an election may roll back a write that no majority has acknowledged; "
                     "leave it out or write w=majority (a standalone server takes that, too)",
                     (int)at_most((int64_t)value.len, 30), value.data);
}

static enum status uri_check(const char *uri, struct error *error)
{
    if (!has_database(uri)) {
        return error_set(error, STATUS_INVALID,
                         "the store's URI names no database: write mongodb://HOST/DATABASE, for instance "
                         "mongodb://127.0.0.1:27017/todos");
    }
    if (is_unescaped(uri)) {
        return error_set(error, STATUS_INVALID,
                         "the store's URI has a character in its user or password that must be written as %%XX: "
                         "%%40 for @, %%3A for :, %%2F for /, %%3F for ?, %%25 for %%");
    }
    enum status status = w_check(uri, error);
    for (size_t i = 0; i < RULE_COUNT && status == STATUS_OK; i++)
        status = rule_check(&RULES[i], uri, error);
    return status;
}

enum status mongo_uri_complete(const char *uri, uint32_t timeout_ms, uint32_t concurrency, char **full,
                               int64_t *max_time_ms, struct error *error)
{
    enum status status = uri_check(uri, error);
    if (status)
        return status;
    int64_t selection_ms = at_most((int64_t)timeout_ms / 2, SELECTION_MAX_MS);
    int64_t answer_ms = (int64_t)timeout_ms - selection_ms;
    *max_time_ms = answer_ms - answer_ms / 10;
    struct buf text;
    buf_init(&text);
    buf_append_text(&text, uri);
    option_add_ms(&text, uri, "serverSelectionTimeoutMS", selection_ms);
    option_add_ms(&text, uri, "heartbeatFrequencyMS", HEARTBEAT_MS);
    option_add_ms(&text, uri, "connectTimeoutMS", at_most(selection_ms, CONNECT_MAX_MS));
    option_add_ms(&text, uri, "socketTimeoutMS", answer_ms);
    option_add_ms(&text, uri, "waitQueueTimeoutMS", at_most(selection_ms, CHECKOUT_MAX_MS));
    option_add_ms(&text, uri, "maxPoolSize", concurrency);
    option_add_ms(&text, uri, "wtimeoutMS", *max_time_ms);
    option_add(&text, uri, "directConnection", "false");
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
