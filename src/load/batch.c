/* SPDX-License-Identifier: MIT */
/*
 * A batch: rows that are read together, fenced as one write and sent as one bulk operation.
 *
 * Memory sets its bounds: a batch has at most BATCH_ROWS_MAX rows and little more than BATCH_BYTES_MAX of text, and
 * there are only a few batches. Bad rows count as rows, so that a file of bad rows is bounded as well.
 *
 * A batch holds each id once. A row whose id is already in the batch is kept back and opens the next batch, which the
 * load writes only after this one. So of two rows with one id the later one wins with --upsert, and the earlier one
 * without, as if rows were written one by one.
 *
 * Each row gets a life of its own here, before it is sent the first time. A batch with an unknown outcome is sent
 * again, and the driver repeats a command by itself; by its life the store tells a row of ours from one that has taken
 * its id. No file gives a life: an imported todo begins a new one.
 *
 * Does not: decide when to send, retry, or count; that is load.c.
 */
#include "load/batch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

static struct slice batch_keep(struct batch *batch, const struct intake *intake, struct slice raw)
{
    return intake->keep_raw ? arena_copy(&batch->arena, raw) : (struct slice){0};
}

/* False if its id is in the batch already. */
static bool batch_add(struct batch *batch, const struct intake *intake, const struct row *row)
{
    struct todo *todo = &batch->todos[batch->count];
    *todo = row->todo;
    todo->life = life_new();
    /* the set borrows the id, so it gets the copy in the batch; made-up ids are unique */
    if (!intake->reader->ids_unique && !id_set_add(&batch->id_set, todo->id))
        return false;
    batch->ids[batch->count] = todo->id;
    batch->row_numbers[batch->count] = row->number;
    batch->raws[batch->count] = batch_keep(batch, intake, row->raw);
    batch->count++;
    return true;
}

static void batch_reject(struct batch *batch, const struct intake *intake, const struct row *row,
                         const struct error *error)
{
    batch->rejects[batch->reject_count++] = (struct batch_reject){
        .row_number = row->number,
        .raw = batch_keep(batch, intake, row->raw),
        .reason = arena_copy(&batch->arena, slice_of(error->text)),
    };
}

static void intake_hold(struct intake *intake, const struct row *row)
{
    intake->held = true;
    intake->row.number = row->number;
    intake->row.raw = intake->keep_raw ? arena_copy(&intake->arena, row->raw) : (struct slice){0};
    todo_copy(&intake->row.todo, &row->todo, &intake->arena);
}

static void intake_release(struct intake *intake, struct batch *batch)
{
    if (!intake->held)
        return;
    struct row row = intake->row;
    todo_copy(&row.todo, &intake->row.todo, &batch->arena);
    batch_add(batch, intake, &row);
    batch->last_row_number = row.number;
    intake->held = false;
    arena_reset(&intake->arena);
}

static bool batch_is_full(const struct batch *batch, size_t rows_max)
{
    return batch->count + batch->reject_count == rows_max || arena_used_bytes(&batch->arena) >= BATCH_BYTES_MAX;
}

void intake_init(struct intake *intake, struct reader *reader, size_t rows_max, bool keep_raw)
{
    *intake = (struct intake){.reader = reader, .rows_max = rows_max, .keep_raw = keep_raw};
    arena_init(&intake->arena);
}

void intake_fini(struct intake *intake)
{
    arena_fini(&intake->arena);
}

struct batch *batch_new(void)
{
    struct batch *batch = mem_zalloc(sizeof(*batch));
    arena_init(&batch->arena);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    arena_fini(&batch->arena);
    free(batch);
}

void batch_fill(struct batch *batch, struct intake *intake)
{
    arena_reset(&batch->arena);
    id_set_reset(&batch->id_set);
    batch->count = batch->reject_count = 0;
    batch->last_row_number = 0;
    batch->end = STATUS_OK;
    intake_release(intake, batch);
    while (!batch_is_full(batch, intake->rows_max)) {
        struct row row;
        enum status status = reader_next(intake->reader, &batch->arena, &row, &batch->error);
        if (status != STATUS_OK && status != STATUS_INVALID) {
            batch->end = status;
            break;
        }
        if (status == STATUS_OK && !batch_add(batch, intake, &row)) {
            intake_hold(intake, &row);
            break;
        }
        if (status == STATUS_INVALID)
            batch_reject(batch, intake, &row, &batch->error);
        batch->last_row_number = row.number;
    }
    batch->fraction = reader_fraction(intake->reader);
}

bool batch_overlaps(const struct batch *a, const struct batch *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (id_set_has(&b->id_set, a->ids[i]))
            return true;
    return false;
}
