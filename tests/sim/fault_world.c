/* SPDX-License-Identifier: MIT */
/* What goes wrong with workers and with the store, and what operators and other programs do. */
#include "fault_rows.h"

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "fake_events.h"
#include "fake_follow.h"
#include "fake_purges.h"
#include "front.h"
#include "store_trip.h"
#include "world.h"

enum { RESTORE_PAUSE_MS = 2200, RESTORE_LOOK_MS = 50 };

/* ---- Workers ---- */

static bool worker_dies(void)
{
    struct worker *worker = fault_worker(dice_one_in(&fault_ground.dice, 4) ? WORKER_DRAINING : WORKER_UP);
    if (!worker)
        return false;
    worker_kill(worker);
    return true;
}

static bool worker_ends(void)
{
    struct worker *worker = fault_worker(WORKER_UP);
    if (!worker)
        return false;
    worker_stop(worker);
    return true;
}

static struct worker *frozen;

static bool worker_freezes(void)
{
    frozen = fault_worker(WORKER_UP);
    if (!frozen)
        return false;
    process_freeze(frozen->process, dice_one_in(&fault_ground.dice, 2));
    clients_froze();
    return true;
}

static void worker_thaws(void)
{
    process_thaw(frozen->process);
}

static bool clock_jumps(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    if (worker)
        worker->process->wall_offset_ms = dice_between(&fault_ground.dice, -2500, 2500);
    return worker != NULL;
}

/* ---- Operators and other programs ---- */

static bool purged_one(void)
{
    return operator_purge(fault_ground.settings, client_id((unsigned)dice_below(&fault_ground.dice, 4)));
}

static bool purged_all(void)
{
    return operator_purge(fault_ground.settings, NULL);
}

static bool operator_errs_once(void)
{
    return operator_errs(fault_ground.settings, dice_below(&fault_ground.dice, 1000));
}

/* As another version, or another program, might have left them: too long, no keys at all, no words of a field. */
static bool purges_left(void)
{
    static const char *const keys[] = {"", " ", "todos\r\nHost: other", "todo-*", "todos todo-todo-a"};
    const char *url = fault_ground.settings->purge_url;
    char first[128];
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(url, " "), url);
    if (first[0])
        fake_purge_add(first, keys[dice_below(&fault_ground.dice, 5)], fake_now_ms());
    return first[0] != '\0';
}

static bool operator_dies(void)
{
    bool is_busy = !operator_is_idle();
    operator_kill();
    return is_busy;
}

bool fault_foreign_write(void)
{
    char name[16];
    client_name(name);
    const char *id = client_id((unsigned)dice_below(&fault_ground.dice, 4));
    if (dice_one_in(&fault_ground.dice, 5))
        store_delete_foreign(id);
    else
        store_write_foreign(id, name);
    return true;
}

/* The history of changes that followers read is cut, or its collection renamed: a new epoch (row 29). */
static bool history_lost(void)
{
    if (dice_one_in(&fault_ground.dice, 2))
        fake_follow_lose_history();
    else
        fake_follow_drop();
    return true;
}

static bool front_goes(void)
{
    return front.is_away = true;
}

static void front_comes(void)
{
    front.is_away = false;
}

static bool front_stumbles(void)
{
    front.fails_in = 3;
    return true;
}

static void front_recovers(void)
{
    front.fails_in = 0;
}

/* ---- The store ---- */

/* As a whole; or it takes no writes, or answers no reads (row 32). */
static bool store_goes(void)
{
    static const unsigned kinds[] = {TRIP_WRITE | TRIP_READ | TRIP_MAJORITY, TRIP_WRITE, TRIP_READ};
    store_world.away = kinds[dice_below(&fault_ground.dice, 3)];
    return true;
}

static void store_comes(void)
{
    store_world.away = 0;
}

static bool store_freezes(void)
{
    return store_world.is_frozen = true;
}

static void store_thaws(void)
{
    store_world.is_frozen = false;
}

static bool store_slows(void)
{
    store_world.slow_in = 4;
    return true;
}

static void store_hurries(void)
{
    store_world.slow_in = 0;
}

static bool answers_lost(void)
{
    store_world.lost_in = 3;
    return true;
}

static void answers_come(void)
{
    store_world.lost_in = 0;
}

static unsigned without_store;

static bool store_goes_for_one(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    if (!worker)
        return false;
    without_store = worker->process->number;
    return store_world.is_away_for[without_store] = true;
}

static void store_comes_for_one(void)
{
    store_world.is_away_for[without_store] = false;
}

static unsigned lagging;

static bool store_lags(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    if (!worker || !store_world.tells_time)
        return false;
    lagging = worker->process->number;
    store_lag(lagging);
    return true;
}

static void store_catches_up(void)
{
    store_world.is_lagging_for[lagging] = false;
}

static bool is_restoring, restores_backup;

/* Mostly the backup is some writes old when it comes back. */
static bool backed_up(void)
{
    if (is_restoring || (store_has_backup() && !dice_one_in(&fault_ground.dice, 8)))
        return false;
    store_back_up();
    return true;
}

static bool all_are_down(void)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i].state != WORKER_DOWN)
            return false;
    return true;
}

/*
 * Whoever asked before the pause has its answer by now, unless the store is out of order: then it is a moment later.
 * Half of the time no worker runs meanwhile.
 */
static void on_restore_time(void *ctx, uint64_t serial)
{
    if (serial != fault_ground.serial || !is_restoring)
        return;
    bool is_idle = clients_are_idle() && operator_is_idle();
    if (!is_idle || (workers_are_held && !all_are_down())) {
        for (size_t i = 0; i < WORKERS_MAX && is_idle; i++)
            worker_stop(&workers[i]);
        world_after(RESTORE_LOOK_MS * 1000, on_restore_time, ctx, serial);
        return;
    }
    world_tell(restores_backup ? "the store goes back to its backup" : "the store is emptied");
    if (restores_backup) {
        store_bring_back();
    } else {
        store_empty();
        clients_forget_keys();
    }
    clients_went_back();
    clients_pause(false);
    is_restoring = workers_are_held = false;
}

/* A single collection: the record of the epoch stays as it is (row 41). */
static bool todos_restored(void)
{
    if (!store_has_backup())
        return false;
    store_bring_back_todos();
    clients_went_back();
    return true;
}

/* Nobody writes for so long before it that the workers' beats have followed the last writes. Or it is emptied. */
static bool restored(void)
{
    if (is_restoring)
        return false;
    restores_backup = !dice_one_in(&fault_ground.dice, 3);
    if (restores_backup && !store_has_backup())
        return backed_up();
    is_restoring = true;
    workers_are_held = dice_one_in(&fault_ground.dice, 2);
    clients_pause(true);
    world_after(RESTORE_PAUSE_MS * 1000, on_restore_time, NULL, fault_ground.serial);
    return true;
}

void fault_world_end(void)
{
    if (is_restoring)
        clients_pause(false);
    is_restoring = workers_are_held = false;
}

/* clang-format off */
const struct fault_row fault_world_rows[] = {
    {"purged_one",          FAULT_MILD, purged_one, NULL, 0, 0},
    {"settings_wrong",      FAULT_MILD, operator_errs_once, NULL, 0, 0},
    {"purges_left",         FAULT_MILD, purges_left, NULL, 0, 0},
    {"operator_killed",     FAULT_MILD, operator_dies, NULL, 0, 0},
    {"worker_ends",         FAULT_MILD, worker_ends, NULL, 0, 0},
    {"front_away",          FAULT_MILD, front_goes, front_comes, 10, 1000},
    {"front_fails",         FAULT_MILD, front_stumbles, front_recovers, 10, 1000},
    {"worker_killed",       FAULT_MILD | FAULT_KILLS, worker_dies, NULL, 0, 0},
    {"store_away",          FAULT_MILD | FAULT_HALTS, store_goes, store_comes, 10, 1500},
    {"store_frozen",        FAULT_MILD | FAULT_HALTS | FAULT_UNKNOWN, store_freezes, store_thaws, 10, 4000},
    {"store_slow",          FAULT_MILD | FAULT_HALTS | FAULT_UNKNOWN, store_slows, store_hurries, 20, 2000},
    {"answers_lost",        FAULT_MILD | FAULT_HALTS | FAULT_UNKNOWN, answers_lost, answers_come, 20, 2000},
    {"worker_frozen",       FAULT_OUTAGE | FAULT_HALTS | FAULT_FREEZES, worker_freezes, worker_thaws, 5, 12000},
    {"clock_jumped",        FAULT_OUTAGE | FAULT_FREEZES, clock_jumps, NULL, 0, 0},
    {"purged_all",          FAULT_MOVES_EPOCH, purged_all, NULL, 0, 0},
    {"store_away_for_one",  FAULT_HALTS | FAULT_SPLITS, store_goes_for_one, store_comes_for_one, 10, 3000},
    {"store_lags",          FAULT_LAGS | FAULT_HALTS, store_lags, store_catches_up, 20, 3000},
    {"history_lost",        FAULT_FOREIGN | FAULT_MOVES_EPOCH, history_lost, NULL, 0, 0},
    {"foreign_write",       FAULT_FOREIGN, fault_foreign_write, NULL, 0, 0},
    {"backed_up",           FAULT_RESTORES, backed_up, NULL, 0, 0},
    {"todos_restored",      FAULT_FOREIGN | FAULT_RESTORES, todos_restored, NULL, 0, 0},
    {"restored",            FAULT_RESTORES, restored, NULL, 0, 0},
};
/* clang-format on */

const size_t fault_world_count = sizeof(fault_world_rows) / sizeof(*fault_world_rows);
