/* SPDX-License-Identifier: MIT */
/*
 * A walk through the store's foreign documents (store/foreign.h) as a reader. A document becomes a row by the rules of
 * an import (row.c); store_adopt() later puts the row in the document's place.
 *
 * The walk begins with the first row, on the thread that reads, as each call of the store may block. Rows are numbered
 * in the order of the walk, which nobody else sees. So the reason of a rejected one begins with its document's _id.
 */
#include "load/foreign_reader.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"
#include "load/bson_reader.h"

enum { NAME_SHOWN_BYTES = 64 };

struct foreign_reader {
    struct reader reader;
    struct store *store;
    struct store_foreign *walk; /* NULL: not begun */
};

static enum status foreign_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    struct foreign_reader *foreign = container_of(reader, struct foreign_reader, reader);
    struct slice document;
    enum status status = STATUS_OK;
    if (!foreign->walk)
        status = store_foreign_open(foreign->store, &foreign->walk, error);
    if (status == STATUS_OK)
        status = store_foreign_next(foreign->walk, &document, error);
    if (status != STATUS_OK)
        return status;
    reader->row_number++;
    struct error reason;
    char name[NAME_SHOWN_BYTES + 1];
    status = document_read_row(reader, document, arena, row, &reason);
    if (status != STATUS_OK)
        error_set(error, status, "_id %s: %.150s", document_id(document, name, sizeof(name)), reason.text);
    return status;
}

static void foreign_free(struct reader *reader)
{
    struct foreign_reader *foreign = container_of(reader, struct foreign_reader, reader);
    store_foreign_close(foreign->walk);
    free(foreign);
}

static const struct reader_ops FOREIGN_OPS = {"foreign documents", "", foreign_next, foreign_free};

struct reader *foreign_reader_new(struct store *store, int64_t now_ms)
{
    struct foreign_reader *foreign = mem_zalloc(sizeof(*foreign));
    foreign->reader.ops = &FOREIGN_OPS;
    foreign->store = store;
    row_maker_init(&foreign->reader.maker, now_ms);
    foreign->reader.maker.keeps_others = true;
    return &foreign->reader;
}
