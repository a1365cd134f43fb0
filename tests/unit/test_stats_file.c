/* SPDX-License-Identifier: MIT */
/*
 * The counters' file: slots of living and dead workers, and what happens to files that don't fit.
 *
 * A lock belongs to an open file, not to a process, so that several "workers" may live in this one; the one that is killed
 * is a child.
 */
#include "testing.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "api/api.h"
#include "server/stats_file.h"

static char folder[64];
static char path[96];

/* In place of the real routes, which need the whole API. */
const char *const *api_route_names(size_t *count)
{
    static const char *const names[] = {"todo", "todos"};
    *count = COUNT_OF(names);
    return names;
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/test_stats_file.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/stats", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static struct stats_file *opened(const char *file_path, size_t slot_count)
{
    struct stats_file *file = NULL;
    struct error error;
    assert_int_equal(stats_file_open(&file, file_path, slot_count, &error), STATUS_OK);
    return file;
}

/* The value that a page shows of a name. */
static int64_t shown(struct stats_file *file, const char *name)
{
    struct buf page;
    buf_init(&page);
    stats_file_print(file, &page);
    const char *line = strstr(page.data, name);
    assert_non_null(line);
    int64_t value = strtoll(line + strlen(name), NULL, 10);
    buf_fini(&page);
    return value;
}

static bool is_shown(struct stats_file *file, const char *words)
{
    struct buf page;
    buf_init(&page);
    stats_file_print(file, &page);
    bool found = strstr(page.data, words) != NULL;
    buf_fini(&page);
    return found;
}

static int64_t hits_shown(struct stats_file *file)
{
    return shown(file, "\ntodo_cache_reads_total{result=\"hit\"} ");
}

static int64_t workers_shown(struct stats_file *file)
{
    return shown(file, "\ntodo_workers ");
}

static void add_hits(struct stats_file *file, uint64_t count)
{
    stats_add(stats_file_own(file), STAT_HIT, count);
}

static void overwrite(off_t at, uint64_t value)
{
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, &value, sizeof(value), at), sizeof(value));
    close(fd);
}

static void without_a_file_a_worker_counts_for_itself(void **state)
{
    (void)state;
    struct stats_file *one = opened("", 64);
    struct stats_file *other = opened("", 64);
    add_hits(one, 3);
    add_hits(other, 5);
    assert_int_equal(hits_shown(one), 3);
    stats_file_close(one);
    stats_file_close(other);
}

static void every_worker_shows_the_sum(void **state)
{
    (void)state;
    struct stats_file *one = opened(path, 4);
    struct stats_file *other = opened(path, 4);
    assert_ptr_not_equal(stats_file_own(one), stats_file_own(other));
    add_hits(one, 3);
    add_hits(other, 5);
    assert_int_equal(hits_shown(one), 8);
    assert_int_equal(hits_shown(other), 8);
    stats_file_close(one);
    stats_file_close(other);
}

static void a_slot_is_taken_over_with_its_counts(void **state)
{
    (void)state;
    struct stats_file *stays = opened(path, 4);
    struct stats_file *goes = opened(path, 4);
    add_hits(goes, 7);
    stats_file_close(goes);
    assert_int_equal(hits_shown(stays), 7);
    struct stats_file *comes = opened(path, 4);
    add_hits(comes, 1);
    assert_int_equal(stats_file_own(comes)->counter[STAT_HIT], 8);
    assert_int_equal(hits_shown(stays), 8);
    stats_file_close(comes);
    stats_file_close(stays);
}

static void a_worker_that_has_ended_has_no_gauges(void **state)
{
    (void)state;
    struct error error;
    struct stats_file *stays = opened(path, 4), *goes = opened(path, 4), *view;
    assert_int_equal(stats_file_view(&view, path, &error), STATUS_OK);
    stats_set(stats_file_own(stays), STAT_NOW_RUNS, 1);
    stats_set(stats_file_own(stays), STAT_NOW_STARTED, 7);
    stats_set(stats_file_own(goes), STAT_NOW_RUNS, 1);
    assert_int_equal(workers_shown(stays), 2);
    assert_int_equal(workers_shown(view), 2);
    stats_file_close(goes);
    assert_int_equal(workers_shown(stays), 1);
    assert_int_equal(workers_shown(view), 1);
    assert_int_equal(shown(stays, "\ntodo_worker_start_time_seconds{worker=\"0\"} "), 7);
    struct stats_file *comes = opened(path, 4); /* what the slot's last worker said is not true of this one */
    assert_int_equal(workers_shown(stays), 1);
    assert_false(is_shown(stays, "{worker=\"1\"}"));
    stats_set(stats_file_own(comes), STAT_NOW_RUNS, 1);
    assert_true(is_shown(stays, "{worker=\"1\"}"));
    stats_file_close(comes);
    stats_file_close(view);
    stats_file_close(stays);
}

static void a_killed_worker_leaves_its_counts_and_its_slot(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct stats_file *file;
        struct error error;
        if (stats_file_open(&file, path, 1, &error) == STATUS_OK)
            add_hits(file, 9);
        raise(SIGKILL);
    }
    int wait_status;
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    struct stats_file *file = opened(path, 1);
    assert_int_equal(stats_file_own(file)->counter[STAT_HIT], 9);
    stats_file_close(file);
}

static void one_worker_too_many_is_told_so(void **state)
{
    (void)state;
    struct stats_file *one = opened(path, 2);
    struct stats_file *other = opened(path, 2);
    struct stats_file *third;
    struct error error;
    assert_int_equal(stats_file_open(&third, path, 2, &error), STATUS_BUSY);
    assert_non_null(strstr(error.text, "raise stats_slots"));
    stats_file_close(other);
    third = opened(path, 2);
    stats_file_close(third);
    stats_file_close(one);
}

static void a_file_of_another_layout_is_replaced_under_nobodys_feet(void **state)
{
    (void)state;
    struct stats_file *old = opened(path, 2);
    add_hits(old, 1);
    struct stats_file *new = opened(path, 3);
    assert_int_equal(hits_shown(new), 0);
    add_hits(old, 1);
    assert_int_equal(hits_shown(old), 2);
    stats_file_close(old);
    stats_file_close(new);
}

static void a_file_that_is_none_of_ours_is_left_alone(void **state)
{
    static const char precious[] = "a file whose name stands in the setting by mistake\n";
    (void)state;
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(precious, file);
    fclose(file);
    struct stats_file *stats_file;
    struct error error;
    assert_int_equal(stats_file_open(&stats_file, path, 2, &error), STATUS_UNAVAILABLE);
    assert_non_null(strstr(error.text, "not a stats file"));
    char found[128] = "";
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(found, sizeof(found), file));
    fclose(file);
    assert_string_equal(found, precious);
}

/* Neither a worker nor a viewer reads behind the last slot. */
static void a_header_that_counts_too_many_slots_is_not_believed(void **state)
{
    static const uint64_t counts[] = {3, 1 << 20, UINT64_MAX};
    enum { USED_COUNT_AT = 24, SLOT_COUNT_AT = 16 };
    (void)state;
    struct stats_file *worker = opened(path, 2), *view;
    struct error error;
    add_hits(worker, 4);
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        overwrite(USED_COUNT_AT, counts[i]);
        assert_int_equal(hits_shown(worker), 4);
        assert_int_equal(stats_file_view(&view, path, &error), STATUS_OK);
        assert_int_equal(hits_shown(view), 4);
        stats_file_close(view);
    }
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        overwrite(SLOT_COUNT_AT, counts[i]);
        assert_int_equal(stats_file_view(&view, path, &error), STATUS_INVALID);
    }
    stats_file_close(worker);
}

static void a_missing_folder_is_an_error_with_its_name(void **state)
{
    (void)state;
    struct stats_file *file;
    struct error error;
    assert_int_equal(stats_file_open(&file, "/nowhere/stats", 2, &error), STATUS_UNAVAILABLE);
    assert_string_equal(error.text, "/nowhere/stats: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_a_file_a_worker_counts_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(every_worker_shows_the_sum, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slot_is_taken_over_with_its_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_that_has_ended_has_no_gauges, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_worker_leaves_its_counts_and_its_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(one_worker_too_many_is_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_another_layout_is_replaced_under_nobodys_feet, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_none_of_ours_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_header_that_counts_too_many_slots_is_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_an_error_with_its_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
