/* SPDX-License-Identifier: MIT */
/* An input is an archive of mongodump, of which no collection is named. */
#include "fuzzing.h"
#include "load/archive_reader.h"
#include "rows.h"

static enum status open_archive(struct reader **reader, struct source *source, struct error *error)
{
    return archive_reader_new(reader, source, NULL, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = fuzz_input(data, size);
    if (archive_recognise(bytes))
        rows_fuzz(bytes, open_archive);
    return 0;
}
