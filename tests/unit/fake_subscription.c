/* SPDX-License-Identifier: MIT */
/* All subscriptions of a test. Each is up while its first connection is. */
#include "fake_subscription.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/buf.h"
#include "base/mem.h"
#include "fake_redis.h"

struct message {
    struct message *prev, *next;
    struct buf text;
};

struct subscription {
    struct subscription *prev, *next;
    struct subscription_options options;
    const struct redis *first; /* NULL: not tended yet */
    struct timer *timer;
    struct message *messages;
};

static struct subscription *subscriptions;
static const char *lost_word = "";

void fake_subscription_lose(const char *word)
{
    lost_word = word;
}

int64_t fake_subscription_publish(void *ctx, struct slice channel, struct slice message)
{
    int64_t count = 0;
    struct subscription *self;
    bool is_lost =
        lost_word[0] && message.len >= strlen(lost_word) && memcmp(message.data, lost_word, strlen(lost_word)) == 0;
    DL_FOREACH(subscriptions, self)
    {
        bool is_for_it = slice_equal(channel, slice_of(self->options.channels[0])) ||
                         slice_equal(channel, slice_of(self->options.channels[1]));
        if (!is_for_it || is_lost || !self->first || fake_redis_server(self->first) != ctx)
            continue;
        struct message *copy = mem_zalloc(sizeof(*copy));
        buf_init(&copy->text);
        buf_append_slice(&copy->text, message);
        DL_APPEND(self->messages, copy);
        self->options.events->timer_start(self->timer, 1);
        count++;
    }
    return count;
}

static void on_time(void *ctx)
{
    struct subscription *self = ctx;
    while (self->messages) {
        struct message *message = self->messages;
        DL_DELETE(self->messages, message);
        self->options.on_message(self->options.ctx, buf_slice(&message->text));
        buf_fini(&message->text);
        free(message);
    }
}

void subscription_tend(struct subscription *self, const struct redis *first)
{
    self->first = first;
}

bool subscription_is_up(const struct subscription *self)
{
    return self->first && redis_is_up(self->first);
}

void subscription_drop(struct subscription *self)
{
    (void)self;
}

struct subscription *subscription_new(const struct subscription_options *options)
{
    struct subscription *self = mem_zalloc(sizeof(*self));
    self->options = *options;
    self->timer = options->events->timer_new(options->events->loop, on_time, self);
    DL_APPEND(subscriptions, self);
    return self;
}

void subscription_free(struct subscription *self)
{
    struct message *message, *next;
    DL_FOREACH_SAFE(self->messages, message, next)
    {
        buf_fini(&message->text);
        free(message);
    }
    self->options.events->timer_free(self->timer);
    DL_DELETE(subscriptions, self);
    free(self);
}
