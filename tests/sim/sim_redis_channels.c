/* SPDX-License-Identifier: MIT */
/*
 * SUBSCRIBE and PUBLISH, as RESP2 has them: a message is an array that nobody asked for, and a message to a channel without
 * subscribers is gone.
 */
#include "sim_redis_channels.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sim_redis_resp.h"

static bool has_channel(const struct sim_subscriber *subscriber, struct slice channel)
{
    for (size_t i = 0; i < subscriber->count; i++)
        if (slice_equal(subscriber->channels[i], channel))
            return true;
    return false;
}

static void channel_add(struct sim_subscriber *subscriber, struct slice channel)
{
    char *bytes = mem_alloc(channel.len + 1);
    memcpy(bytes, channel.data, channel.len);
    subscriber->channels = mem_resize(subscriber->channels, (subscriber->count + 1) * sizeof(*subscriber->channels));
    subscriber->channels[subscriber->count++] = (struct slice){bytes, channel.len};
}

void sim_subscribe(struct sim_subscriber **all, struct sim_subscriber *subscriber, struct slice channel)
{
    if (subscriber->count == 0)
        DL_APPEND(*all, subscriber);
    if (!has_channel(subscriber, channel))
        channel_add(subscriber, channel);
    resp_array(subscriber->output, 3);
    resp_text(subscriber->output, SLICE("subscribe"));
    resp_text(subscriber->output, channel);
    resp_integer(subscriber->output, (int64_t)subscriber->count);
}

void sim_unsubscribe_all(struct sim_subscriber **all, struct sim_subscriber *subscriber)
{
    if (subscriber->count > 0)
        DL_DELETE(*all, subscriber);
    for (; subscriber->count > 0; subscriber->count--)
        free((void *)(uintptr_t)subscriber->channels[subscriber->count - 1].data);
    free(subscriber->channels);
}

int64_t sim_publish(struct sim_subscriber *all, struct slice channel, struct slice message)
{
    int64_t count = 0;
    for (struct sim_subscriber *subscriber = all; subscriber; subscriber = subscriber->next) {
        if (!has_channel(subscriber, channel))
            continue;
        resp_array(subscriber->output, 3);
        resp_text(subscriber->output, SLICE("message"));
        resp_text(subscriber->output, channel);
        resp_text(subscriber->output, message);
        count++;
    }
    return count;
}
