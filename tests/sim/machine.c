/* SPDX-License-Identifier: MIT */
/*
 * The memory that all simulated workers share: the L1's, as if they had a file open.
 *
 * It is empty when the first of them opens it while none other lives. Workers divide it differently, as they do in a
 * rolling restart. A killed worker leaves what it was at: of some entries that it may have been writing, words of
 * others.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "l1/file.h"
#include "l1/memory.h"
#include "process.h"
#include "world.h"

enum { MBYTES_MAX = 2, WORDS = (L1_VALUES_OFFSET + (MBYTES_MAX << 20)) / sizeof(uint64_t) };
enum { VALUE_WORDS = WORDS - L1_VALUES_OFFSET / sizeof(uint64_t) };

static uint64_t *memory;
static struct dice dice;

void machine_begin(uint64_t seed)
{
    dice = dice_of(seed, 5);
}

void machine_end(void)
{
    if (memory)
        munmap(memory, WORDS * sizeof(uint64_t));
    memory = NULL;
}

int64_t machine_draw_mbytes(void)
{
    return dice_below(&dice, 4) > 0;
}

static bool is_alone(void)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        if (processes[i].is_alive && &processes[i] != process_current())
            return false;
    return true;
}

static void memory_empty(void)
{
    struct l1_header header = {.layout = L1_LAYOUT, .incarnation = dice_next(&dice)};
    machine_end();
    memory = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bug_unless(memory != MAP_FAILED, "there is memory for the L1");
    memcpy(memory, &header, sizeof(header));
}

struct l1_table *__wrap_l1_new(const struct l1_options *options);
void __wrap_l1_free(struct l1_table *table);

struct l1_table *__wrap_l1_new(const struct l1_options *options)
{
    if (!memory || is_alone())
        memory_empty();
    struct l1_table *table = mem_zalloc(sizeof(*table));
    *table = (struct l1_table){.is_open = true, .map = memory, .format = options->format};
    l1_divide(table, options->mbytes == 0 ? 0 : 1 + dice_below(&dice, MBYTES_MAX));
    return table;
}

void __wrap_l1_free(struct l1_table *table)
{
    free(table);
}

/* Half of a keep that was under way: a run of words gets those of an entry elsewhere. */
void machine_tear(void)
{
    if (!memory || dice_one_in(&dice, 2))
        return;
    uint64_t *words = memory + L1_VALUES_OFFSET / sizeof(uint64_t);
    for (size_t i = 0; i < VALUE_WORDS; i++)
        if (words[i] != 0 && dice_one_in(&dice, 20))
            words[i] ^= dice_next(&dice) >> dice_below(&dice, 64);
}
