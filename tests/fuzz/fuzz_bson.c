/* SPDX-License-Identifier: MIT */
/* An input is a collection's file as mongodump writes it. */
#include "fuzzing.h"
#include "load/bson_reader.h"
#include "rows.h"

static enum status open_documents(struct reader **reader, struct source *source, struct error *error)
{
    (void)source, (void)error;
    return document_reader_new(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rows_fuzz(fuzz_input(data, size), open_documents);
    return 0;
}
