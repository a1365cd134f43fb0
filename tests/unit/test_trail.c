/* SPDX-License-Identifier: MIT */
/*
 * The trail: what is told of an id, in which order, and what others' events and a damaged memory do to it; and the list
 * of the hottest ids, which its sample feeds.
 */
#include "testing.h"

#include "base/hot.h"
#include "base/trail.h"

enum { PLACES = 32, PROCESSES = 2, HALF_LIFE_US = 600 * 1000000 };

static struct trail trails[PROCESSES];
static struct hot_list hot;
static struct trail_story story;

static int setup(void **state)
{
    (void)state;
    memset(&hot, 0, sizeof(hot));
    for (size_t i = 0; i < PROCESSES; i++)
        trail_init(&trails[i], test_calloc(1, trail_memory_bytes()), &hot, i > 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    trail_story_fini(&story);
    for (size_t i = 0; i < PROCESSES; i++)
        test_free(trails[i].memory);
    return 0;
}

static void tell(const char *id)
{
    trail_story_fini(&story);
    for (size_t i = 0; i < PROCESSES; i++)
        trail_story_add(&story, trails[i].memory, id);
    trail_story_sort(&story);
}

/* As many hits as it takes until the sample has so many more. */
static void hit(const char *id, int64_t v, unsigned sampled)
{
    const struct todo todo = {.v = v};
    for (unsigned i = 0; i < sampled; i++)
        do
            trail_hit(&trails[0], TRAIL_HIT, id, "r", &todo);
        while (trails[0].hits_left > 1);
}

static void a_story_has_the_events_of_all_processes_in_the_order_of_time(void **state)
{
    (void)state;
    trail_note(&trails[0], TRAIL_FENCED, "a", "one", 0);
    usleep(10); /* events of one microsecond stand in no order */
    trail_note(&trails[1], TRAIL_LEASE_REFUSED, "a", NULL, 0);
    usleep(10);
    trail_note(&trails[0], TRAIL_WRITTEN, "a", "one", 7);
    usleep(10);
    trail_note(&trails[1], TRAIL_TRUSTED, "", NULL, 0);
    trail_note(&trails[0], TRAIL_UNFENCED, "b", "two", 0);
    trail_note(NULL, TRAIL_UNFENCED, "a", "three", 0);
    static const enum trail_kind kinds[] = {TRAIL_FENCED, TRAIL_LEASE_REFUSED, TRAIL_WRITTEN, TRAIL_TRUSTED};
    tell("a");
    assert_int_equal(story.count, COUNT_OF(kinds));
    for (size_t i = 0; i < story.count; i++)
        assert_int_equal(story.events[i].kind, kinds[i]);
    assert_string_equal(story.events[0].request, "one");
    assert_string_equal(story.events[1].request, "");
    assert_int_equal(story.events[2].v, 7);
    assert_false(story.events[2].is_tool);
    assert_true(story.events[3].is_tool);
}

static void the_busiest_todo_pushes_out_its_own_events_only(void **state)
{
    (void)state;
    trail_note(&trails[0], TRAIL_FILLED, "calm", NULL, 1);
    for (int64_t v = 1; v <= 1000; v++)
        trail_note(&trails[0], TRAIL_WRITTEN, "busy", NULL, v);
    tell("busy");
    assert_int_equal(story.count, PLACES);
    assert_int_equal(story.events[0].v, 1000 - PLACES + 1);
    assert_int_equal(story.events[PLACES - 1].v, 1000);
    tell("calm");
    assert_int_equal(story.count, 1);
}

/* Else the hits of a hot todo would push out what happened to it. */
static void hits_on_one_state_are_one_event(void **state)
{
    (void)state;
    trail_note(&trails[0], TRAIL_FILLED, "a", NULL, 1);
    hit("a", 1, 100);
    hit("other", 1, 3);
    hit("a", 1, 100);
    trail_note(&trails[0], TRAIL_WRITTEN, "a", NULL, 2);
    hit("a", 2, 5);
    tell("a");
    assert_int_equal(story.count, 4);
    assert_int_equal(story.events[1].count, 200);
    assert_true(story.events[1].last_us >= story.events[1].at_us);
    assert_int_equal(story.events[3].count, 5);
    assert_int_equal(story.events[3].v, 2);
}

static void a_damaged_memory_tells_nothing_wrong(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        trail_note(&trails[0], TRAIL_WRITTEN, "a", NULL, 1);
    unsigned char *bytes = (unsigned char *)trails[0].memory;
    for (size_t i = 0; i < trail_memory_bytes(); i++)
        bytes[i] = (unsigned char)(i * 7 | 0x80);
    tell("a");
    assert_int_equal(story.count, 0);
    hit("a", 1, 3);
    trail_note(&trails[0], TRAIL_WRITTEN, "a", NULL, 1);
    tell("a");
    assert_true(story.count <= 4);
}

static size_t hottest(struct hot_id **ids, int64_t now_us)
{
    size_t count;
    const struct hot_list *lists[] = {&hot, &hot};
    *ids = hot_merge(lists, COUNT_OF(lists), now_us, &count);
    return count;
}

static void the_hottest_come_first_from_all_lists(void **state)
{
    (void)state;
    struct hot_id *ids;
    char id[16];
    for (int round = 0; round < 20; round++) {
        hot_note(&hot, "warm", 0);
        for (int i = 0; i < 3; i++)
            hot_note(&hot, "hot", 0);
        for (int i = 0; i < 300; i++) { /* a crowd of ids that are read once */
            snprintf(id, sizeof(id), "cold-%d", round * 300 + i);
            hot_note(&hot, id, 0);
        }
    }
    size_t count = hottest(&ids, 0);
    assert_in_range(count, 100, HOT_BUCKETS * HOT_BUCKET_IDS);
    assert_string_equal(ids[0].id, "hot");
    assert_in_range(ids[0].count, 2 * 60, 2 * 70);
    for (size_t i = 1; i < count; i++)
        assert_true(ids[i].count <= ids[i - 1].count && strcmp(ids[i].id, "hot") != 0);
    free(ids);
}

static void what_was_hot_long_ago_is_forgotten(void **state)
{
    (void)state;
    struct hot_id *ids;
    for (int i = 0; i < 100; i++)
        hot_note(&hot, "old", 0);
    for (int i = 0; i < 30; i++)
        hot_note(&hot, "new", (int64_t)2 * HALF_LIFE_US);
    assert_int_equal(hottest(&ids, (int64_t)2 * HALF_LIFE_US), 2);
    assert_string_equal(ids[0].id, "new");
    assert_int_equal(ids[1].count, 2 * 25);
    free(ids);
    memset(&hot, 0xff, sizeof(hot));
    assert_int_equal(hottest(&ids, 0), 0);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_story_has_the_events_of_all_processes_in_the_order_of_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_busiest_todo_pushes_out_its_own_events_only, setup, teardown),
        cmocka_unit_test_setup_teardown(hits_on_one_state_are_one_event, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_memory_tells_nothing_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(the_hottest_come_first_from_all_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_hot_long_ago_is_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
