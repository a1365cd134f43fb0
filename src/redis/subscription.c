/* SPDX-License-Identifier: MIT */
/*
 * Messages of channels, on a connection of their own: on RESP2 a connection that has subscribed takes no commands.
 *
 * It follows the first connection (redis.c), which knows the sentinels and the pauses: if that is up, this one is tried
 * at the next tend, at the same server and with the same user. So there are no pauses of its own, and no reconnecting
 * to a Redis that the first one has left.
 *
 * No command waits for the confirmations, so nobody else notices if they don't come: then it is tried anew.
 *
 * Does not: know what messages mean, or notice that a silent connection is dead.
 */
#include "redis/subscription.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/settings.h"
#include "redis/redis_wire.h"

enum { CHANNELS = sizeof(((struct subscription_options *)NULL)->channels) / sizeof(char *) };
enum { CONFIRM_TIMEOUTS = 3 }; /* one each to connect, to greet and to subscribe */

struct subscription {
    struct subscription_options options;
    struct redis_peer peer;
    struct redis_address address;
    struct redis_wire *wire;
    bool is_idle;
    int64_t begun_at_ms; /* loop time: the connection was begun */
    unsigned confirmed_count;
};

static void on_up(void *ctx)
{
    struct subscription *self = ctx;
    struct slice channels[CHANNELS];
    for (size_t i = 0; i < CHANNELS; i++)
        channels[i] = slice_of(self->options.channels[i]);
    redis_wire_subscribe(self->wire, channels, CHANNELS);
}

static void on_end(void *ctx, enum redis_wire_end how, const char *reason)
{
    struct subscription *self = ctx;
    (void)how, (void)reason; /* the first connection's log says what Redis is at */
    self->is_idle = true;
    self->confirmed_count = 0;
}

/* "subscribe", channel, count; or "message", channel, text. */
static void on_message(void *ctx, const struct redis_reply *reply)
{
    struct subscription *self = ctx;
    struct slice kind = redis_reply_count(reply) == 3 ? redis_reply_text(redis_reply_item(reply, 0)) : SLICE("");
    if (slice_equal(kind, SLICE("subscribe")))
        self->confirmed_count++;
    else if (slice_equal(kind, SLICE("message")))
        self->options.on_message(self->options.ctx, redis_reply_text(redis_reply_item(reply, 2)));
}

static bool is_same_peer(const struct redis_peer *a, const struct redis_peer *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Redis has refused a channel (it is busy, or loads its file), or has lost the connection before it could confirm. */
static bool is_unconfirmed(const struct subscription *self)
{
    int64_t most_ms = CONFIRM_TIMEOUTS * self->options.settings->redis_timeout_ms;
    return !subscription_is_up(self) && events_now_ms(self->options.events) - self->begun_at_ms > most_ms;
}

void subscription_tend(struct subscription *self, const struct redis *first)
{
    const struct redis_peer *peer = redis_peer(first);
    if (!redis_is_up(first))
        return;
    if (!self->is_idle && (is_unconfirmed(self) || !is_same_peer(&self->peer, peer)))
        subscription_drop(self);
    if (!self->is_idle)
        return;
    self->is_idle = false;
    self->begun_at_ms = events_now_ms(self->options.events);
    self->peer = *peer;
    redis_wire_connect(self->wire, &self->peer, self->address.database);
}

bool subscription_is_up(const struct subscription *self)
{
    return self->confirmed_count == CHANNELS;
}

void subscription_drop(struct subscription *self)
{
    redis_wire_drop(self->wire, REDIS_WIRE_LOST, "its messages don't come");
}

struct subscription *subscription_new(const struct subscription_options *options)
{
    struct subscription *self = mem_zalloc(sizeof(*self));
    const struct settings *settings = options->settings;
    struct error error;
    self->options = *options;
    self->is_idle = true;
    bug_unless(redis_address_parse(&self->address, settings->redis, &error) == STATUS_OK,
               "the first connection has taken this address");
    self->wire = redis_wire_new(&(struct redis_wire_options){.events = options->events,
                                                             .stats = options->stats,
                                                             .user = settings->redis_user,
                                                             .password_file = settings->redis_password_file,
                                                             .timeout_ms = (uint32_t)settings->redis_timeout_ms,
                                                             .on_up = on_up,
                                                             .on_end = on_end,
                                                             .on_message = on_message,
                                                             .ctx = self});
    return self;
}

void subscription_free(struct subscription *self)
{
    if (!self)
        return;
    redis_wire_free(self->wire);
    free(self);
}
