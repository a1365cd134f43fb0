/* SPDX-License-Identifier: MIT */
/* redis/subscription.c beside redis.c, with a real Redis. */
#include "redis_bed.h"

#include "base/settings.h"
#include "redis/subscription.h"

static struct settings settings;
static unsigned message_count;

static void on_message(void *ctx, struct slice message)
{
    (void)ctx, (void)message;
    message_count++;
}

static struct subscription *subscribe(void)
{
    settings_init(&settings);
    snprintf(settings.redis, sizeof(settings.redis), "%s", server.address);
    settings.redis_timeout_ms = TIMEOUT_MS;
    message_count = 0;
    return subscription_new(&(struct subscription_options){.events = poll_events(),
                                                           .stats = &stats,
                                                           .settings = &settings,
                                                           .channels = {"one", "two"},
                                                           .on_message = on_message});
}

/* Whether it is up before so many ms have passed. */
static bool comes_up(struct subscription *subscription, const struct redis *first, int64_t within_ms)
{
    for (int64_t end_us = clock_monotonic_us() + within_ms * 1000; clock_monotonic_us() < end_us;) {
        subscription_tend(subscription, first);
        poll_events_turn(10);
        if (subscription_is_up(subscription))
            return true;
    }
    return false;
}

static void messages_of_both_channels_come(void **state)
{
    struct asked asked;
    (void)state;
    open_up(TIMEOUT_MS);
    struct subscription *subscription = subscribe();
    assert_true(comes_up(subscription, redis, PATIENCE_MS));
    ask_and_wait(&asked, "PUBLISH one text");
    assert_int_equal(asked.integer, 1);
    ask_and_wait(&asked, "PUBLISH two text");
    assert_int_equal(asked.integer, 1);
    for (int64_t end_us = clock_monotonic_us() + PATIENCE_MS * 1000; message_count < 2;) {
        poll_events_turn(10);
        assert_true(clock_monotonic_us() < end_us);
    }
    subscription_free(subscription);
}

/* As a Redis does that is busy with a script. */
static void a_channel_that_was_refused_is_asked_for_again(void **state)
{
    struct asked asked;
    (void)state;
    open_up(TIMEOUT_MS);
    ask_and_wait(&asked, "ACL SETUSER default resetchannels");
    struct subscription *subscription = subscribe();
    assert_false(comes_up(subscription, redis, 2 * TIMEOUT_MS));
    ask_and_wait(&asked, "ACL SETUSER default allchannels");
    assert_true(comes_up(subscription, redis, PATIENCE_MS));
    subscription_free(subscription);
}

/* In a cluster, when the list's slot has moved. */
static void it_goes_to_another_server_with_the_first_connection(void **state)
{
    struct redis_process second;
    struct redis *other;
    struct error error;
    struct asked asked = {0};
    (void)state;
    open_up(TIMEOUT_MS);
    struct subscription *subscription = subscribe();
    assert_true(comes_up(subscription, redis, PATIENCE_MS));
    redis_process_init(&second);
    redis_process_start(&second, NULL, NULL);
    struct redis_options options = options_of(second.address);
    is_up = false;
    assert_int_equal(redis_new(&other, &options, &error), STATUS_OK);
    assert_true(poll_events_until(&is_up, PATIENCE_MS));
    assert_true(comes_up(subscription, other, PATIENCE_MS));
    redis_call(other, (struct slice[]){SLICE("PUBLISH"), SLICE("one"), SLICE("text")}, 3, on_reply, &asked);
    assert_true(poll_events_until(&asked.answered, PATIENCE_MS));
    assert_int_equal(asked.integer, 1);
    subscription_free(subscription);
    redis_free(other);
    redis_process_fini(&second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_begin, redis_end)
    const struct CMUnitTest tests[] = {
        TEST(messages_of_both_channels_come),
        TEST(a_channel_that_was_refused_is_asked_for_again),
        TEST(it_goes_to_another_server_with_the_first_connection),
    };
    return run_redis_tests("subscription", tests, NULL, NULL);
}
