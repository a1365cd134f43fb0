/* SPDX-License-Identifier: MIT */
/*
 * What Redis might answer, byte by byte. Whatever is read from all of the bytes is read from those that it took alone; from
 * fewer of them nothing is read, and nothing is found broken that is not.
 */
#include "fuzzing.h"
#include "redis/redis_reply.h"

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
        bug_unless(read_some(&reply, &taken) == REDIS_READ_WHOLE && taken.len == 0, "it needs what is behind it");
        bug_unless(read_some(&reply, &less) == REDIS_READ_PART, "it does not need its last byte");
    }
    arena_fini(&arena);
    return 0;
}
