/* SPDX-License-Identifier: MIT */
/*
 * A cache in front, as the setting purge_url names it, and the calls that purge keys from it. context any (pure)
 */
#ifndef CDN_PURGE_TARGET_H
#define CDN_PURGE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/http_call.h"
#include "store/store.h"

enum {
    PURGE_TARGETS_MAX = 4,
    PURGE_URL_MAX = 500,
    PURGE_EACH_MAX = 16, /* calls at once to a target that takes one key each */
};

enum purge_kind {
    PURGE_XKEY, /* varnish+http://HOST:PORT: PURGE with the keys in xkey-softpurge */
    PURGE_EACH, /* http(s)://...{key}...: PURGE of a URL per key */
    PURGE_POST, /* http(s)://...: POST with the keys in Surrogate-Key and as JSON */
};

struct purge_target {
    enum purge_kind kind;
    char name[PURGE_URL_MAX + 1]; /* as the setting has it: what records call it */
    const char *url;              /* what is called, but for {key}; inside name */
};

/* errors  STATUS_INVALID: the setting, with what is wrong in it */
enum status purge_targets_parse(const char *setting, struct purge_target targets[PURGE_TARGETS_MAX], size_t *count,
                                struct error *error) STATUS_MUST_CHECK;

/* Keys for one round of calls to a target, each once. All zero is none; purge_keys_fini() frees. */
struct purge_keys {
    struct buf text; /* with blanks between them */
    size_t count;
};

void purge_keys_fini(struct purge_keys *keys);
void purge_keys_reset(struct purge_keys *keys);

/*
 * Adds those of more (keys with blanks between them) that are not there yet. false: the round is full, none was added.
 */
bool purge_keys_add(struct purge_keys *keys, const struct purge_target *target, struct slice more);

/* Whether keys holds nothing but the characters of keys, and blanks: it comes from the store and goes into fields. */
bool purge_keys_are_sound(struct slice keys);

/* Takes the next key off text; absent: there is none. */
struct slice purge_key_take(struct slice *text);

/* Calls emit for each call of a round. extra are header fields of the operator's, not for PURGE_XKEY. */
typedef void (*purge_call_fn)(void *ctx, const struct http_call *call);
struct purge_round {
    const struct purge_target *target;
    struct slice keys;
    const char *const *extra;
    size_t extra_count;
    uint32_t timeout_ms;
};
void purge_round_calls(const struct purge_round *round, purge_call_fn emit, void *ctx);

/* How many calls that makes. */
size_t purge_round_size(const struct purge_target *target, const struct purge_keys *keys);

/* Whether an answer says that the keys are gone. */
bool purge_is_acknowledged(const struct purge_target *target, int http_status);

#endif
