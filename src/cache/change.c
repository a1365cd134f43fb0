/* SPDX-License-Identifier: MIT */
/*
 * The two writes that clients make, as fenced writes (write.c): a new todo, and a change of one that may be there.
 *
 * Each is one store call under one fence on one id. Whatever the store says, even that nothing was changed, the unfence
 * follows: the fence has emptied the cache already, and a "no" may be about a state that no entry showed.
 */
#include <stddef.h>

#include "cache/cache.h"

static struct cache_insert *insert_of_write(struct cache_write *write)
{
    return (struct cache_insert *)((char *)write - offsetof(struct cache_insert, write));
}

static enum status insert_work(struct cache_write *write, struct store *store, struct error *error)
{
    struct cache_insert *insert = insert_of_write(write);
    write->written = &insert->todo;
    return store_insert(store, &insert->todo, error);
}

static void on_inserted(struct cache_write *write, enum status status, const struct error *error)
{
    struct cache_insert *insert = insert_of_write(write);
    insert->done(insert->ctx, status, error);
}

void cache_insert(struct cache *cache, struct cache_insert *insert)
{
    insert->id = insert->todo.id;
    insert->write = (struct cache_write){.ids = &insert->id, .id_count = 1, .work = insert_work, .done = on_inserted};
    cache_write_run(cache, &insert->write);
}

static struct cache_change *change_of_write(struct cache_write *write)
{
    return (struct cache_change *)((char *)write - offsetof(struct cache_change, write));
}

static enum status change_work(struct cache_write *write, struct store *store, struct error *error)
{
    struct cache_change *change = change_of_write(write);
    if (change->change.kind != STORE_DELETE)
        write->written = &change->changed.todo;
    return store_change(store, &change->change, change->arena, &change->changed, error);
}

static void on_changed(struct cache_write *write, enum status status, const struct error *error)
{
    struct cache_change *change = change_of_write(write);
    change->done(change->ctx, status, status == STATUS_OK ? &change->changed : NULL, error);
}

void cache_change(struct cache *cache, struct cache_change *change)
{
    change->id = change->change.todo->id;
    change->write = (struct cache_write){.ids = &change->id, .id_count = 1, .work = change_work, .done = on_changed};
    cache_write_run(cache, &change->write);
}
