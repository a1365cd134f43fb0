/* SPDX-License-Identifier: MIT */
/* Opening, asking, noting. The log is thrown away: tests look at answers, counters and callbacks. */
#include "redis_bed.h"

#include "base/log.h"

struct redis_process server;
struct redis *redis;
struct stats stats;
bool is_up, is_down;
unsigned up_count, down_count;
static unsigned answers; /* callbacks so far, of all commands */

static void drop_line(const char *line, size_t len)
{
    (void)line, (void)len;
}

static void on_up(void *ctx)
{
    (void)ctx;
    is_up = true;
    is_down = false;
    up_count++;
}

static void on_down(void *ctx)
{
    (void)ctx;
    is_up = false;
    is_down = true;
    down_count++;
}

int redis_begin(void **state)
{
    (void)state;
    log_init(LOG_ERROR, drop_line);
    redis_process_init(&server);
    stats = (struct stats){0};
    redis = NULL;
    is_up = is_down = false;
    up_count = down_count = answers = 0;
    return 0;
}

int redis_end(void **state)
{
    (void)state;
    redis_free(redis);
    redis_process_fini(&server);
    assert_int_equal(poll_events_count(), 0);
    return 0;
}

struct redis_options options_of(const char *address)
{
    return (struct redis_options){.events = poll_events(),
                                  .stats = &stats,
                                  .address = address,
                                  .user = "",
                                  .password_file = "",
                                  .sentinel_user = "",
                                  .sentinel_password_file = "",
                                  .timeout_ms = TIMEOUT_MS,
                                  .reconnect_max_ms = 100,
                                  .on_up = on_up,
                                  .on_down = on_down};
}

void open_with(struct redis_options options)
{
    struct error error;
    assert_int_equal(redis_new(&redis, &options, &error), STATUS_OK);
    assert_false(is_up); /* not before redis_new() has returned */
}

void open_up(uint32_t timeout_ms)
{
    struct redis_options options = options_of(server.address);
    options.timeout_ms = timeout_ms;
    redis_process_start(&server, NULL, NULL);
    open_with(options);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
}

void on_reply(void *ctx, const struct redis_reply *reply)
{
    struct asked *asked = ctx;
    asked->answers++;
    asked->answered = true;
    asked->order = ++answers;
    asked->was_down = is_down;
    asked->is_null = !reply;
    if (!reply)
        return;
    struct slice text = redis_reply_text(reply);
    asked->type = redis_reply_type(reply);
    asked->len = text.len;
    snprintf(asked->text, sizeof(asked->text), "%.*s", (int)text.len, text.data ? text.data : "");
    asked->integer = redis_reply_integer(reply);
    asked->count = redis_reply_count(reply);
}

void ask(struct asked *asked, const char *words)
{
    struct slice args[16];
    size_t count = 0;
    *asked = (struct asked){0};
    for (const char *at = words; *at; count++) {
        args[count] = (struct slice){at, strcspn(at, " ")};
        at += args[count].len + (at[args[count].len] == ' ');
    }
    redis_call(redis, args, count, on_reply, asked);
    assert_int_equal(asked->answers, 0); /* never from inside */
}

void ask_and_wait(struct asked *asked, const char *words)
{
    ask(asked, words);
    assert_true(poll_events_until(&asked->answered, PATIENCE_MS));
    assert_int_equal(asked->answers, 1);
}

void assert_echo(const char *word)
{
    char words[64];
    struct asked asked;
    snprintf(words, sizeof(words), "ECHO %s", word);
    ask_and_wait(&asked, words);
    assert_string_equal(asked.text, word);
}
