/* SPDX-License-Identifier: MIT */
/*
 * What Redis might answer, byte by byte. Whatever is read from all of the bytes is read from those that it took alone; from
 * fewer of them nothing is read, and nothing is found broken that is not. It may also be what a cluster tells of its slots.
 */
#include "fuzzing.h"
#include "redis/redis_reply.h"
#include "redis/slot_map.h"

static struct arena arena;

/* Every text must lie within bytes, in their order. */
static void check_texts(const struct redis_reply *reply, struct slice bytes)
{
    struct slice text = redis_reply_text(reply);
    bug_unless(!text.data || (text.data >= bytes.data && text.data + text.len <= bytes.data + bytes.len),
               "a text elsewhere");
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        check_texts(redis_reply_item(reply, i), bytes);
}

static enum redis_reading read_some(struct redis_reply *reply, struct slice *bytes)
{
    arena_reset(&arena);
    return redis_reply_read(reply, bytes, &arena);
}

/* Every slot that is known has a server with an address. */
static void check_slots(const struct redis_reply *reply)
{
    static const struct redis_peer from = {.host = "h", .port = 1};
    static struct slot_map map;
    if (slot_map_take(&map, reply, &from))
        for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
            bug_unless(map.owners[slot] <= map.server_count, "a slot of nobody's");
    for (size_t i = 0; i < map.server_count; i++)
        bug_unless(map.servers[i].host[0] && map.servers[i].port > 0, "a server without an address");
    struct redirect redirect = redirect_of(redis_reply_text(reply), &from);
    bool is_elsewhere = redirect.kind == REDIRECT_MOVED || redirect.kind == REDIRECT_ASK;
    bug_unless(!is_elsewhere || (redirect.server.port > 0 && redirect.slot < SLOT_COUNT), "a redirection to nowhere");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice whole = fuzz_input(data, size), rest = whole;
    struct redis_reply reply;
    while (rest.len > 0) {
        struct slice before = rest;
        enum redis_reading reading = read_some(&reply, &rest);
        if (reading != REDIS_READ_WHOLE) {
            bug_unless(rest.data == before.data && rest.len == before.len, "bytes are taken, and nothing is read");
            break;
        }
        struct slice taken = {before.data, before.len - rest.len}, less = {before.data, taken.len - 1};
        check_texts(&reply, taken);
        check_slots(&reply);
        bug_unless(read_some(&reply, &taken) == REDIS_READ_WHOLE && taken.len == 0, "it needs what is behind it");
        bug_unless(read_some(&reply, &less) == REDIS_READ_PART, "it does not need its last byte");
    }
    arena_fini(&arena);
    return 0;
}
