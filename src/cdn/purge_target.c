/* SPDX-License-Identifier: MIT */
/*
 * The caches in front of the service, each in its own words.
 *
 *   varnish+http://HOST:PORT     PURGE /                     xkey-softpurge: todo-42 todos        etc/varnish/todo.vcl
 *   http(s)://HOST/...{key}...   PURGE /...todo-42...        one call per key, PURGE_EACH_MAX at once
 *   http(s)://HOST/...           POST /...                   Surrogate-Key: todo-42 todos
 *                                                            {"surrogate_keys":["todo-42","todos"]}
 *
 * Fastly's API takes the last form as it is, and it is easily turned into other calls. Any 2xx is an acknowledgement.
 * Where a URL stands for the thing itself, a 404 is one as well: there is nothing to purge.
 *
 * Keys are made of ids, which are unreserved characters of URLs (RFC 3986 2.3): they need no escapes in URL, field or
 * JSON. A round never holds more than one header field of Varnish takes (http_req_hdr_len, 8 kB). A key that several
 * writes of a round share is sent once.
 *
 * A URL is written to the store with each record, and to the log. So a URL with a password in it is refused, without
 * showing it; secrets belong into purge_header_file.
 */
#include "cdn/purge_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/settings.h"

enum { HEADERS_MAX = 12 };

static const char XKEY_SCHEME[] = "varnish+", PLACE[] = "{key}";

/* ---- The setting ---- */

static enum status refuse(struct error *error, const char *name, const char *why)
{
    struct buf shown;
    buf_init(&shown);
    settings_mask_uri(&shown, name);
    error_set(error, STATUS_INVALID, "purge_url: \"%.80s\" %s", shown.data, why);
    buf_fini(&shown);
    return STATUS_INVALID;
}

/* Where the URL behind the scheme begins; NULL: it is no http or https. */
static const char *authority_of(const char *url)
{
    if (strncmp(url, "http://", 7) == 0)
        return url + 7;
    return strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

static enum status target_parse(struct purge_target *target, struct error *error)
{
    const char *name = target->name;
    bool is_xkey = strncmp(name, XKEY_SCHEME, sizeof(XKEY_SCHEME) - 1) == 0;
    target->url = is_xkey ? name + sizeof(XKEY_SCHEME) - 1 : name;
    const char *authority = authority_of(target->url);
    const char *place = strstr(name, PLACE);
    if (!authority || (is_xkey && strncmp(target->url, "http://", 7) != 0))
        return refuse(error, name, "begins with none of varnish+http://, http:// and https://");
    size_t len = strcspn(authority, "/?#");
    if (len == 0 || (place && place < authority + len))
        return refuse(error, name, "names no host");
    if (memchr(authority, '@', len))
        return refuse(error, name, "holds a password; header fields with secrets go into purge_header_file");
    for (const char *at = name; *at; at++)
        if (*at < 0x21 || *at > 0x7e)
            return refuse(error, name, "has a character that URLs do not have");
    if (is_xkey && place)
        return refuse(error, name, "takes all keys in one call, so {key} has no place in it");
    target->kind = is_xkey ? PURGE_XKEY : place ? PURGE_EACH : PURGE_POST;
    return STATUS_OK;
}

enum status purge_targets_parse(const char *setting, struct purge_target targets[PURGE_TARGETS_MAX], size_t *count,
                                struct error *error)
{
    struct slice rest = slice_of(setting);
    *count = 0;
    for (struct slice url = purge_key_take(&rest); url.data; url = purge_key_take(&rest)) {
        if (*count == PURGE_TARGETS_MAX)
            return error_set(error, STATUS_INVALID, "purge_url names more than %d caches", PURGE_TARGETS_MAX);
        struct purge_target *target = &targets[*count];
        if (url.len > PURGE_URL_MAX)
            return error_set(error, STATUS_INVALID, "purge_url: a URL is longer than %d bytes", PURGE_URL_MAX);
        snprintf(target->name, sizeof(target->name), "%.*s", (int)url.len, url.data);
        enum status status = target_parse(target, error);
        if (status != STATUS_OK)
            return status;
        for (size_t i = 0; i < *count; i++)
            if (strcmp(targets[i].name, target->name) == 0)
                return refuse(error, target->name, "stands there twice");
        ++*count;
    }
    return STATUS_OK;
}

/* ---- Keys ---- */

struct slice purge_key_take(struct slice *text)
{
    while (text->len > 0 && *text->data == ' ')
        *text = (struct slice){text->data + 1, text->len - 1};
    if (text->len == 0)
        return (struct slice){0};
    const char *blank = memchr(text->data, ' ', text->len);
    struct slice key = {text->data, blank ? (size_t)(blank - text->data) : text->len};
    *text = (struct slice){key.data + key.len, text->len - key.len};
    return key;
}

bool purge_keys_are_sound(struct slice keys)
{
    for (size_t i = 0; i < keys.len; i++) {
        char byte = keys.data[i];
        bool is_alnum = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
        if (!is_alnum && !memchr(" ._~-", byte, 5))
            return false;
    }
    return true;
}

/* A look through all that is there: a few keys, for a record that holds many fills a round alone. */
static bool keys_have(const struct purge_keys *keys, struct slice wanted)
{
    struct slice rest = buf_slice(&keys->text);
    for (struct slice key = purge_key_take(&rest); key.data; key = purge_key_take(&rest))
        if (slice_equal(key, wanted))
            return true;
    return false;
}

bool purge_keys_add(struct purge_keys *keys, const struct purge_target *target, struct slice more)
{
    size_t len_before = keys->text.len, count_before = keys->count;
    bool is_first = count_before == 0; /* no record has doubles in itself */
    for (struct slice key = purge_key_take(&more); key.data; key = purge_key_take(&more)) {
        if (!is_first && keys_have(keys, key))
            continue;
        if (keys->count > 0)
            buf_append_char(&keys->text, ' ');
        buf_append_slice(&keys->text, key);
        keys->count++;
    }
    bool is_full =
        keys->text.len > STORE_PURGE_KEYS_MAX || (target->kind == PURGE_EACH && keys->count > PURGE_EACH_MAX);
    if (is_full) {
        keys->text.len = len_before;
        keys->count = count_before;
    }
    return !is_full;
}

void purge_keys_reset(struct purge_keys *keys)
{
    buf_reset(&keys->text);
    keys->count = 0;
}

void purge_keys_fini(struct purge_keys *keys)
{
    buf_fini(&keys->text);
}

/* ---- Calls ---- */

static void emit_each(const struct purge_round *round, struct http_call *call, purge_call_fn emit, void *ctx)
{
    struct slice rest = round->keys;
    const char *place = strstr(round->target->url, PLACE);
    struct buf url;
    buf_init(&url);
    call->method = "PURGE";
    for (struct slice key = purge_key_take(&rest); key.data; key = purge_key_take(&rest)) {
        buf_reset(&url);
        buf_append(&url, round->target->url, (size_t)(place - round->target->url));
        buf_append_slice(&url, key);
        buf_append_text(&url, place + sizeof(PLACE) - 1);
        call->url = url.data;
        emit(ctx, call);
    }
    buf_fini(&url);
}

static void body_of(struct buf *body, struct slice keys)
{
    const char *between = "{\"surrogate_keys\":[\"";
    for (struct slice key = purge_key_take(&keys); key.data; key = purge_key_take(&keys)) {
        buf_append_text(body, between);
        buf_append_slice(body, key);
        between = "\",\"";
    }
    buf_append_text(body, "\"]}");
}

/* The round's extra fields, and room for a few of our own behind them. */
static size_t headers_begin(const struct purge_round *round, const char *headers[HEADERS_MAX])
{
    if (round->target->kind == PURGE_XKEY)
        return 0;
    bug_unless(round->extra_count <= HEADERS_MAX - 2, "too many header fields for a purge");
    for (size_t i = 0; i < round->extra_count; i++)
        headers[i] = round->extra[i];
    return round->extra_count;
}

void purge_round_calls(const struct purge_round *round, purge_call_fn emit, void *ctx)
{
    const struct purge_target *target = round->target;
    const char *headers[HEADERS_MAX];
    struct buf field, body;
    struct http_call call = {.url = target->url, .headers = headers, .timeout_ms = round->timeout_ms};
    call.header_count = headers_begin(round, headers);
    if (target->kind == PURGE_EACH) {
        emit_each(round, &call, emit, ctx);
        return;
    }
    buf_init(&field);
    buf_init(&body);
    buf_append_text(&field, target->kind == PURGE_XKEY ? "xkey-softpurge: " : "Surrogate-Key: ");
    buf_append_slice(&field, round->keys);
    headers[call.header_count++] = field.data;
    call.method = "PURGE";
    if (target->kind == PURGE_POST) {
        body_of(&body, round->keys);
        headers[call.header_count++] = "Content-Type: application/json";
        call.method = "POST";
        call.body = buf_slice(&body);
    }
    emit(ctx, &call);
    buf_fini(&field);
    buf_fini(&body);
}

size_t purge_round_size(const struct purge_target *target, const struct purge_keys *keys)
{
    return target->kind == PURGE_EACH ? keys->count : 1;
}

bool purge_is_acknowledged(const struct purge_target *target, int http_status)
{
    return (http_status >= 200 && http_status <= 299) || (target->kind == PURGE_EACH && http_status == 404);
}
