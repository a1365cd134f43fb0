/* SPDX-License-Identifier: MIT */
/* One arena has all replies to an input. */
#include "hash.h"

#include "fuzzing.h"

enum { LINES_MAX = 64 };

static struct fake_replies replies;

const struct redis_reply *hash_reply(const struct slice *args, size_t count)
{
    if (!replies.arena.chunks)
        fake_replies_begin(&replies);
    return fake_replies_hash(&replies, args, count);
}

static bool has_field(const struct slice *args, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i += 2)
        if (slice_equal(args[i], name))
            return true;
    return false;
}

const struct redis_reply *hash_of_lines(struct slice lines)
{
    struct slice args[LINES_MAX];
    size_t count = 0;
    while (lines.data && count < LINES_MAX) {
        args[count] = fuzz_line(&lines);
        if (count % 2 == 0 && has_field(args, count, args[count]))
            break;
        count++;
    }
    return hash_reply(args, count);
}

void hash_forget(void)
{
    fake_replies_end(&replies);
}
