/* SPDX-License-Identifier: MIT */
/* An input is a file of any format, packed or not: its first bytes say which. */
#include "fuzzing.h"
#include "load/format.h"
#include "rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct format_options options = {.now_ms = ROWS_NOW_MS};
    struct reader *reader;
    struct error error = {0};
    if (format_open(&reader, rows_source(fuzz_input(data, size)), &options, &error) == STATUS_OK)
        rows_read(reader);
    else
        bug_unless(error.text[0] != '\0', "an input is refused without a word");
    return 0;
}
