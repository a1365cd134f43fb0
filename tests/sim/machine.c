/* SPDX-License-Identifier: MIT */
/*
 * The memory that all simulated workers of a machine share: the L1's, as if they had a file open.
 *
 * It is empty when the first of them opens it while none other lives. Workers divide it differently, as they do in a
 * rolling restart. A killed worker leaves what it was at: of some entries that it may have been writing, words of
 * others. What the kernel does for the file is done here: the charge of a dead process is free.
 *
 * Clocks of machines run at different rates, as far as doc/consistency.md allows: any two differ by 1 % at most.
 */
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "client.h"
#include "l1/file.h"
#include "l1/licence.h"
#include "l1/memory.h"
#include "truth.h"
#include "worker.h"
#include "world.h"

enum { MBYTES_MAX = 2, WORDS = (L1_VALUES_OFFSET + (MBYTES_MAX << 20)) / sizeof(uint64_t) };
enum { VALUE_WORDS = WORDS - L1_VALUES_OFFSET / sizeof(uint64_t) };
enum { PPM_MAX = 5000, UNOPENED_IN = 16 };

struct machine {
    uint64_t *memory;
    int64_t clock_ppm;
    struct process *agent; /* that took the charge last */
};

static struct machine machines[MACHINES_MAX];
static unsigned count;
static bool are_peers;
static struct dice dice;       /* of what one machine has */
static struct dice peers_dice; /* of what several have */

struct dice *machines_draw(uint64_t seed)
{
    peers_dice = dice_of(seed, 6);
    are_peers = dice_one_in(&peers_dice, 2);
    count = are_peers ? (unsigned)dice_between(&peers_dice, 1, MACHINES_MAX) : 1;
    for (unsigned i = 0; i < MACHINES_MAX; i++) {
        int64_t ppm = dice_one_in(&peers_dice, 2) ? PPM_MAX : dice_between(&peers_dice, 0, PPM_MAX);
        machines[i].clock_ppm = !are_peers ? 0 : dice_one_in(&peers_dice, 2) ? ppm : -ppm;
    }
    return &peers_dice;
}

bool machines_are_peers(void)
{
    return are_peers;
}

unsigned machine_count(void)
{
    return count;
}

void machines_begin(uint64_t seed)
{
    dice = dice_of(seed, 5);
}

static void memory_drop(struct machine *machine)
{
    if (machine->memory)
        munmap(machine->memory, WORDS * sizeof(uint64_t));
    machine->memory = NULL;
    machine->agent = NULL;
}

void machines_end(void)
{
    for (unsigned i = 0; i < MACHINES_MAX; i++)
        memory_drop(&machines[i]);
}

int64_t machine_draw_mbytes(void)
{
    return dice_below(&dice, 4) > 0;
}

unsigned machine_of(const struct process *process)
{
    return process->number % count;
}

int64_t machine_clock_ppm(const struct process *process)
{
    return machines[machine_of(process)].clock_ppm;
}

static struct machine *current_machine(void)
{
    return &machines[machine_of(process_current())];
}

static bool is_alone(void)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        if (processes[i].is_alive && &processes[i] != process_current() &&
            machine_of(&processes[i]) == machine_of(process_current()))
            return false;
    return true;
}

static void memory_empty(struct machine *machine)
{
    struct l1_header header = {.layout = L1_LAYOUT, .incarnation = dice_next(&dice)};
    memory_drop(machine);
    machine->memory = mmap(NULL, WORDS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bug_unless(machine->memory != MAP_FAILED, "there is memory for the L1");
    memcpy(machine->memory, &header, sizeof(header));
}

/* ---- In place of l1/file.c, and of what would take too long in l1/licence.c ---- */

struct l1_table *__wrap_l1_new(const struct l1_options *options);
enum status __wrap_l1_open(struct l1_table *table, struct error *error);
void __wrap_l1_free(struct l1_table *table);
void __wrap_l1_raise_all(struct l1_table *table);
bool __real_l1_charge_take(struct l1_table *table);
bool __wrap_l1_charge_take(struct l1_table *table);

struct l1_table *__wrap_l1_new(const struct l1_options *options)
{
    struct machine *machine = current_machine();
    if (!machine->memory || is_alone())
        memory_empty(machine);
    struct l1_table *table = mem_zalloc(sizeof(*table));
    *table = (struct l1_table){.is_open = !options->needs_licence,
                               .map = machine->memory,
                               .fd = -1,
                               .needs_licence = options->needs_licence,
                               .format = options->format};
    l1_divide(table, options->mbytes == 0 ? 0 : 1 + dice_below(&dice, MBYTES_MAX));
    return table;
}

/* Beside a database a process can't do without it; else it is then of no machine. */
enum status __wrap_l1_open(struct l1_table *table, struct error *error)
{
    if (!table->is_open && dice_one_in(&peers_dice, UNOPENED_IN))
        return error_set(error, STATUS_UNAVAILABLE, "there is no room for it");
    table->is_open = true;
    return STATUS_OK;
}

void __wrap_l1_free(struct l1_table *table)
{
    free(table);
}

/* The generations of all ids that anybody asks for: to raise all there are would be most of a schedule's time. */
void __wrap_l1_raise_all(struct l1_table *table)
{
    for (unsigned i = 0; i < CLIENT_IDS; i++)
        l1_raise(table, (const char *[]){client_id(i)}, 1);
    for (size_t i = 0; i < truth.todo_count; i++)
        l1_raise(table, (const char *[]){truth.todos[i].id}, 1);
}

bool __wrap_l1_charge_take(struct l1_table *table)
{
    bool is_taken = __real_l1_charge_take(table);
    if (is_taken)
        current_machine()->agent = process_current();
    return is_taken;
}

/* ---- What the world does to them ---- */

static struct l1_header *header_of(const struct machine *machine)
{
    return (struct l1_header *)(void *)machine->memory;
}

struct process *machine_agent(unsigned machine)
{
    bool is_there = machines[machine].agent && atomic_load(&header_of(&machines[machine])->charges) > 0;
    return is_there ? machines[machine].agent : NULL;
}

void machine_leave(const struct process *process)
{
    if (machine_agent(machine_of(process)) == process)
        atomic_store(&header_of(&machines[machine_of(process)])->charges, 0);
}

/* Half of a keep that was under way: a run of words gets those of an entry elsewhere. */
void machine_tear(const struct process *process)
{
    struct machine *machine = &machines[machine_of(process)];
    if (!machine->memory || dice_one_in(&dice, 2))
        return;
    uint64_t *words = machine->memory + L1_VALUES_OFFSET / sizeof(uint64_t);
    for (size_t i = 0; i < VALUE_WORDS; i++)
        if (words[i] != 0 && dice_one_in(&dice, 20))
            words[i] ^= dice_next(&dice) >> dice_below(&dice, 64);
}
