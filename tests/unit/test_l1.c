/* SPDX-License-Identifier: MIT */
/* l1/: values under generations, in memory that processes share; the file's life. */
#include "testing.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "l1/file.h"
#include "l1/memory.h"

enum { EPOCH = 7, ROUNDS = 200000, IDS = 50 };

static char database[] = "/tmp/test-l1-XXXXXX", path[sizeof(database) + 3];

static struct l1_table *new_at(const char *at, size_t mbytes)
{
    return l1_new(&(struct l1_options){.database = at, .mbytes = mbytes});
}

static struct l1_table *open_at(const char *at, size_t mbytes)
{
    struct l1_table *table = new_at(at, mbytes);
    struct error error;
    assert_int_equal(l1_open(table, &error), STATUS_OK);
    return table;
}

static int open_memory(void **state)
{
    *state = open_at(NULL, 1);
    return 0;
}

static int close_memory(void **state)
{
    l1_free(*state);
    return 0;
}

static int make_path(void **state)
{
    (void)state;
    memcpy(database + sizeof(database) - 7, "XXXXXX", 6);
    int fd = mkstemp(database);
    assert_true(fd >= 0);
    close(fd);
    snprintf(path, sizeof(path), "%s-l1", database);
    return 0;
}

static int remove_path(void **state)
{
    (void)state;
    unlink(path);
    return unlink(database);
}

static void raise_id(struct l1_table *table, const char *id)
{
    l1_raise(table, &id, 1);
}

static enum l1_kept keep(struct l1_table *table, const char *id, const char *text)
{
    struct l1_note note = l1_note(table, id);
    return l1_keep(table, &note, id, EPOCH, slice_of(text));
}

static void assert_found(struct l1_table *table, const char *id, int64_t epoch, const char *text)
{
    struct l1_copy copy;
    struct l1_note note = l1_note(table, id);
    assert_text(id, l1_find(table, &note, id, epoch, &copy), slice_of(text));
}

/* ---- Generations ---- */

static void a_value_is_found_by_its_id_and_epoch_alone(void **state)
{
    assert_int_equal(keep(*state, "a", "one"), L1_KEPT);
    assert_int_equal(keep(*state, "b", "two"), L1_KEPT);
    assert_found(*state, "a", EPOCH, "one");
    assert_found(*state, "b", EPOCH, "two");
    assert_found(*state, "c", EPOCH, NULL);
    assert_found(*state, "a", EPOCH + 1, NULL);
    assert_int_equal(keep(*state, "a", "another"), L1_KEPT);
    assert_found(*state, "a", EPOCH, "another");
    assert_int_equal(keep(*state, "empty", ""), L1_KEPT);
    assert_found(*state, "empty", EPOCH, "");
}

static void a_raise_puts_a_value_out_of_reach(void **state)
{
    keep(*state, "a", "one");
    keep(*state, "b", "two");
    raise_id(*state, "a");
    assert_found(*state, "a", EPOCH, NULL);
    assert_found(*state, "b", EPOCH, "two");
    keep(*state, "a", "three");
    assert_found(*state, "a", EPOCH, "three");
}

/* Its reader noted the generation, asked, and slept while a writer changed the todo. */
static void a_value_that_comes_late_is_never_found(void **state)
{
    struct l1_table *table = *state;
    struct l1_note note = l1_note(table, "a");
    raise_id(table, "a");
    assert_int_equal(l1_keep(table, &note, "a", EPOCH, SLICE("old")), L1_REFUSED);
    assert_found(table, "a", EPOCH, NULL);
    atomic_fetch_sub(&table->generations[note.name & (L1_GENERATIONS - 1)], 1);
    assert_int_equal(l1_keep(table, &note, "a", EPOCH, SLICE("old")), L1_KEPT); /* it compared before the raise */
    raise_id(table, "a");
    assert_found(table, "a", EPOCH, NULL);
}

static void a_value_that_is_too_large_is_refused(void **state)
{
    char text[L1_ENTRY_BYTES_MAX];
    memset(text, 'x', sizeof(text));
    struct l1_note note = l1_note(*state, "a");
    for (size_t len = 1; len < sizeof(text); len += 7) {
        struct l1_copy copy;
        enum l1_kept kept = l1_keep(*state, &note, "a", EPOCH, (struct slice){text, len});
        assert_number("kept", kept, len <= L1_ENTRY_BYTES_MAX - 5 * 8 ? L1_KEPT : L1_REFUSED);
        if (kept == L1_KEPT)
            assert_text("found", l1_find(*state, &note, "a", EPOCH, &copy), (struct slice){text, len});
    }
}

static void a_table_of_no_megabytes_has_generations_alone(void **state)
{
    (void)state;
    struct l1_table *table = open_at(NULL, 0);
    assert_false(l1_keeps(table));
    assert_false(l1_keeps(NULL));
    raise_id(NULL, "a");
    raise_id(table, "a");
    assert_int_equal(keep(table, "a", "one"), L1_REFUSED);
    assert_found(table, "a", EPOCH, NULL);
    l1_free(table);
}

/* ---- Damage ---- */

/* As a writer that was killed in the middle leaves it, or one that woke late and wrote the rest of its own. */
static void an_entry_with_any_other_word_is_a_miss(void **state)
{
    struct l1_table *table = *state;
    keep(table, "a", "a text of some words, all of which count for the check sum");
    uint64_t *words = (uint64_t *)((char *)table->map + L1_VALUES_OFFSET);
    size_t count = (table->map_bytes - L1_VALUES_OFFSET) / sizeof(*words), changed = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t was = words[i];
        if (was == 0)
            continue;
        words[i] = was ^ UINT64_C(1) << i % 64 << (i % 64 == 0 ? 1 : 0); /* not a tag's own hint */
        assert_found(table, "a", EPOCH, NULL);
        words[i] = was;
        changed++;
    }
    assert_true(changed > 10);
    assert_found(table, "a", EPOCH, "a text of some words, all of which count for the check sum");
}

static void an_entry_of_another_incarnation_is_a_miss(void **state)
{
    struct l1_table *table = *state;
    keep(table, "a", "one");
    table->seed++;
    assert_found(table, "a", EPOCH, NULL);
}

/* ---- Many writers at once ---- */

/* A text that tells of which id it is, and whether it is whole. */
static size_t text_make(char *text, unsigned id, unsigned round)
{
    size_t len = 16 + round * 7919 % 500;
    memset(text, 'a' + (char)(round % 26), len);
    text[0] = (char)('A' + id % 26);
    text[1] = (char)('A' + id / 26);
    return len;
}

static void assert_whole(struct slice text, unsigned id)
{
    if (!text.data)
        return;
    assert_true(text.len >= 16 && text.data[0] == (char)('A' + id % 26) && text.data[1] == (char)('A' + id / 26));
    for (size_t i = 3; i < text.len; i++)
        assert_int_equal(text.data[i], text.data[2]);
}

static uint64_t hammer(struct l1_table *table, unsigned seed, unsigned rounds)
{
    uint64_t found_count = 0;
    for (unsigned round = seed; round < seed + rounds; round++) {
        char id[16], text[1024];
        unsigned number = round * 2654435761u >> 8 & 1023;
        struct l1_copy copy;
        number %= IDS;
        snprintf(id, sizeof(id), "%u", number);
        struct l1_note note = l1_note(table, id);
        struct slice found = l1_find(table, &note, id, EPOCH, &copy);
        assert_whole(found, number);
        found_count += found.data != NULL;
        size_t len = text_make(text, number, round);
        if (round % 3 == 0)
            l1_keep(table, &note, id, EPOCH, (struct slice){text, len});
        if (round % 50 == 0)
            raise_id(table, id);
    }
    return found_count;
}

/* Each process divides the memory in its own way: 1, 2 or 3 MB. */
static void processes_that_write_over_each_other_find_whole_values_only(void **state)
{
    (void)state;
    struct l1_table *first = open_at(database, 1);
    pid_t children[3];
    for (unsigned i = 0; i < COUNT_OF(children); i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct l1_table *table = open_at(database, 1 + i % 2 * 2);
            hammer(table, i * 977, ROUNDS);
            _exit(0);
        }
    }
    uint64_t found_count = hammer(first, 5, ROUNDS);
    for (unsigned i = 0; i < COUNT_OF(children); i++) {
        int wait_status;
        waitpid(children[i], &wait_status, 0);
        assert_int_equal(wait_status, 0);
    }
    assert_true(found_count > ROUNDS / 100);
    l1_free(first);
}

static void *hammer_thread(void *table)
{
    hammer(table, 31, ROUNDS / 4);
    return NULL;
}

/* Under ThreadSanitizer this is the test that there is no data race. */
static void threads_that_write_over_each_other_find_whole_values_only(void **state)
{
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer_thread, *state), 0);
    hammer(*state, 0, ROUNDS / 4);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
}

/* ---- The file ---- */

static void processes_that_have_the_file_open_share_values_and_generations(void **state)
{
    (void)state;
    struct l1_table *one = open_at(database, 2), *other = open_at(database, 2), *small = open_at(database, 0);
    keep(one, "a", "one");
    assert_found(other, "a", EPOCH, "one");
    raise_id(small, "a");
    assert_found(one, "a", EPOCH, NULL);
    l1_free(one);
    keep(other, "a", "two");
    one = open_at(database, 4); /* it grows; the others' maps stay as they are */
    assert_true(l1_note(one, "a").generation == l1_note(other, "a").generation);
    l1_free(one);
    assert_found(other, "a", EPOCH, "two");
    l1_free(other);
    l1_free(small);
}

/* Else what was kept before a reboot, or lies in a restored copy, would be found. */
static void the_first_to_open_the_file_empties_it(void **state)
{
    (void)state;
    struct l1_table *table = open_at(database, 1);
    keep(table, "a", "one");
    l1_free(table);
    table = open_at(database, 1);
    assert_found(table, "a", EPOCH, NULL);
    l1_free(table);
    pid_t child = fork();
    if (child == 0) {
        table = open_at(database, 1);
        keep(table, "a", "two");
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    table = open_at(database, 1);
    assert_found(table, "a", EPOCH, NULL);
    l1_free(table);
}

static enum status refused(size_t mbytes, const char *wanted)
{
    struct l1_table *table = new_at(database, mbytes);
    struct error error;
    enum status status = l1_open(table, &error);
    if (status != STATUS_OK && !strstr(error.text, wanted))
        assert_string_equal(error.text, wanted);
    l1_free(table);
    return status;
}

static void write_at(off_t offset, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(pwrite(fd, bytes, len, offset), len);
    close(fd);
}

static void a_file_of_another_program_is_not_touched(void **state)
{
    (void)state;
    write_at(0, "somebody's own text", 19);
    assert_int_equal(refused(1, "not made by todo-fcgi"), STATUS_UNAVAILABLE);
    int fd = open(path, O_RDONLY);
    assert_int_equal(lseek(fd, 0, SEEK_END), 19);
    close(fd);
}

static void a_file_of_another_layout_is_refused_while_it_is_in_use(void **state)
{
    (void)state;
    uint64_t layout = L1_LAYOUT + 1;
    struct l1_table *other = open_at(database, 1);
    write_at(offsetof(struct l1_header, layout), &layout, sizeof(layout));
    assert_int_equal(refused(1, "another version"), STATUS_UNAVAILABLE);
    l1_free(other);
    l1_free(open_at(database, 1));
}

static void a_file_that_was_half_made_is_made_anew(void **state)
{
    (void)state;
    const struct l1_header header = {.magic = "todo-l1"};
    write_at(0, &header, sizeof(header));
    l1_free(open_at(database, 1));
}

static void a_full_disk_is_an_error_at_the_start(void **state)
{
    (void)state;
    const struct rlimit small = {2 << 20, RLIM_INFINITY}, large = {RLIM_INFINITY, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(refused(4, "allocate room"), STATUS_UNAVAILABLE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &large), 0);
    l1_free(open_at(database, 4));
}

static void a_new_file_has_the_mode_of_the_database(void **state)
{
    (void)state;
    struct stat info;
    chmod(database, 0666);
    l1_free(open_at(database, 0));
    stat(path, &info);
    assert_number("mode", info.st_mode & 0777, 0666);
}

static void a_link_leads_to_the_file_beside_the_database_itself(void **state)
{
    (void)state;
    char other[sizeof(database) + 5];
    snprintf(other, sizeof(other), "%s-link", database);
    assert_int_equal(symlink(database, other), 0);
    struct l1_table *one = open_at(database, 1), *two = open_at(other, 1);
    keep(one, "a", "one");
    assert_found(two, "a", EPOCH, "one");
    l1_free(one);
    l1_free(two);
    unlink(other);
}

/* The database's folder is not there yet. */
static void a_table_that_is_opened_late_makes_up_for_its_raises(void **state)
{
    (void)state;
    struct error error;
    struct l1_table *early = open_at(database, 1), *late = new_at("/tmp/no-such-folder/db", 1);
    struct l1_note note = l1_note(late, "b");
    keep(early, "a", "one");
    assert_int_equal(l1_open(late, &error), STATUS_UNAVAILABLE);
    assert_false(l1_keeps(late));
    free(late->database);
    late->database = mem_strdup(database);
    assert_int_equal(l1_open(late, &error), STATUS_OK);
    assert_found(early, "a", EPOCH, "one"); /* it raised nothing: it missed none */
    assert_int_equal(l1_keep(late, &note, "b", EPOCH, SLICE("two")), L1_REFUSED); /* asked for before it was open */
    l1_free(late);
    late = new_at(database, 1);
    raise_id(late, "b");
    assert_int_equal(l1_open(late, &error), STATUS_OK);
    assert_found(early, "a", EPOCH, NULL);
    l1_free(late);
    l1_free(early);
}

/* ---- What stays ---- */

enum { ZIPF_IDS = 10000, ZIPF_READS = 300000 };

static double next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (double)(*seed >> 11) / (double)(UINT64_C(1) << 53);
}

/* By the share of reads, as the sum of 1/rank; read as the load tests do. */
static unsigned zipf_draw(const double *sums, uint64_t *seed)
{
    double wanted = next_random(seed) * sums[ZIPF_IDS - 1];
    unsigned low = 0, high = ZIPF_IDS - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (sums[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* 2,400 of 10,000 values fit. The best 2,400 would get 84 %. */
static void often_read_values_stay(void **state)
{
    static double sums[ZIPF_IDS];
    uint64_t seed = 4242;
    unsigned hits = 0;
    for (unsigned i = 0; i < ZIPF_IDS; i++)
        sums[i] = (i ? sums[i - 1] : 0) + 1.0 / (i + 1);
    for (unsigned i = 0; i < ZIPF_READS; i++) {
        char id[16];
        struct l1_copy copy;
        snprintf(id, sizeof(id), "%u", zipf_draw(sums, &seed));
        struct l1_note note = l1_note(*state, id);
        bool is_hit = l1_find(*state, &note, id, EPOCH, &copy).data != NULL;
        if (!is_hit)
            l1_keep(*state, &note, id, EPOCH, SLICE("a text"));
        else if (i >= ZIPF_READS / 3)
            hits++;
    }
    double share = (double)hits / (ZIPF_READS - ZIPF_READS / 3);
    print_message("hits on the Zipf load: %.1f %%\n", 100 * share);
    assert_true(share > 0.77); /* a victim by chance gets 75 % */
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, open_memory, close_memory)
#define IN_FILE(test)   cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_MEMORY(a_value_is_found_by_its_id_and_epoch_alone),
        IN_MEMORY(a_raise_puts_a_value_out_of_reach),
        IN_MEMORY(a_value_that_comes_late_is_never_found),
        IN_MEMORY(a_value_that_is_too_large_is_refused),
        cmocka_unit_test(a_table_of_no_megabytes_has_generations_alone),
        IN_MEMORY(an_entry_with_any_other_word_is_a_miss),
        IN_MEMORY(an_entry_of_another_incarnation_is_a_miss),
        IN_FILE(processes_that_write_over_each_other_find_whole_values_only),
        IN_MEMORY(threads_that_write_over_each_other_find_whole_values_only),
        IN_FILE(processes_that_have_the_file_open_share_values_and_generations),
        IN_FILE(the_first_to_open_the_file_empties_it),
        IN_FILE(a_file_of_another_program_is_not_touched),
        IN_FILE(a_file_of_another_layout_is_refused_while_it_is_in_use),
        IN_FILE(a_file_that_was_half_made_is_made_anew),
        IN_FILE(a_full_disk_is_an_error_at_the_start),
        IN_FILE(a_new_file_has_the_mode_of_the_database),
        IN_FILE(a_link_leads_to_the_file_beside_the_database_itself),
        IN_FILE(a_table_that_is_opened_late_makes_up_for_its_raises),
        IN_MEMORY(often_read_values_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
