/* SPDX-License-Identifier: MIT */
/* An input is CSV with its header. */
#include "fuzzing.h"
#include "load/csv_reader.h"
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rows_fuzz(fuzz_input(data, size), csv_reader_new);
    return 0;
}
