/* SPDX-License-Identifier: MIT */
/*
 * The two writes that clients make, as fenced writes (write.c): a new todo, and a change of one that may be there.
 *
 * Each is one store call under one fence on one id. The unfence follows whatever the store says, even if nothing was
 * changed: the fence has deleted the entry already, and a refusal may be about a state that no entry showed.
 *
 * What the store holds after the call is told to write.c (written), so that it can publish it.
 *
 * It does not check a todo, nor a condition: the api checks the first, the store decides the second inside its call.
 */
#include "cache/change.h"

#include "base/container.h"

static enum status insert_work(struct cache_write *write, struct store *store, struct error *error)
{
    struct cache_insert *insert = container_of(write, struct cache_insert, write);
    enum status status = store_insert(store, &insert->todo, insert->answer, error);
    if (status == STATUS_MISMATCH)
        return STATUS_OK; /* made by an earlier try, and changed since: nothing to publish */
    write->written = &insert->todo;
    return status;
}

static void on_inserted(struct cache_write *write, enum status status, const struct error *error)
{
    struct cache_insert *insert = container_of(write, struct cache_insert, write);
    insert->done(insert->ctx, status, error);
}

void cache_insert(struct cache *cache, struct cache_insert *insert)
{
    insert->id = insert->todo.id;
    insert->write = (struct cache_write){
        .ids = &insert->id, .id_count = 1, .work = insert_work, .done = on_inserted, .request = insert->request};
    cache_write_run(cache, &insert->write);
}

static enum status change_work(struct cache_write *write, struct store *store, struct error *error)
{
    struct cache_change *change = container_of(write, struct cache_change, write);
    if (change->change.kind != STORE_DELETE)
        write->written = &change->changed.todo;
    return store_change(store, &change->change, change->arena, &change->changed, error);
}

static void on_changed(struct cache_write *write, enum status status, const struct error *error)
{
    struct cache_change *change = container_of(write, struct cache_change, write);
    change->done(change->ctx, status, status == STATUS_OK ? &change->changed : NULL, error);
}

void cache_change(struct cache *cache, struct cache_change *change)
{
    change->id = change->change.todo->id;
    change->write = (struct cache_write){
        .ids = &change->id, .id_count = 1, .work = change_work, .done = on_changed, .request = change->request};
    cache_write_run(cache, &change->write);
}
