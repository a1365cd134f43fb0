/* SPDX-License-Identifier: MIT */
/* Prefer as RFC 7240 writes it, with what clients make of it. */
#include "testing.h"

#include "base/prefer.h"

static void each_field_prefers_what_the_standard_says(void **state)
{
    static const struct {
        const char *field, *want, *other; /* want: as Preference-Applied would say it */
    } rows[] = {
        {NULL, "", NULL},
        {"", "", NULL},
        {" , ,", "", NULL},
        {"respond-async", "respond-async", NULL},
        {"Respond-Async, WAIT=25", "respond-async, wait=25", NULL},
        {"respond-async=\"\"", "respond-async", NULL},
        {"respond-async=", "respond-async", NULL},
        {"respond-async=1", "", "respond-async=1"},
        {"respond-async; a=\"b, wait=1\"; c", "respond-async", NULL},
        {"wait=\"25\"; foo, bar", "wait=25", "bar"},
        {"wait = 25", "wait=25", NULL},
        {"wait=\"2\\5\"", "wait=25", NULL},
        {"wait=0", "wait=0", NULL},
        {"wait=9999999999999", "wait=2147483648", NULL},
        {"wait=99999999999999999999", "wait=2147483648", NULL},
        {"wait=000000000000000000000000000000025", "", "wait=000000000000000000000000000000025"},
        {"wait", "", "wait"},
        {"wait=", "", "wait="},
        {"wait=-1", "", "wait=-1"},
        {"wait=2.5", "", "wait=2.5"},
        {"waits=25", "", "waits=25"},
        {"a=\"wait=3\"", "", "a=\"wait=3\""},
        {"a=\"x\\\", wait=3\", wait=4", "wait=4", "a=\"x\\\", wait=3\""},
        {"return=minimal", "return=minimal", NULL},
        {"return=\"representation\"", "return=representation", NULL},
        {"return=Minimal", "", "return=Minimal"}, /* values have a case */
        {"return=minimal, return=representation", "return=minimal", NULL},
        {"return=representation, return=minimal", "return=representation", NULL},
        {"return=all, return=minimal", "", "return=all"},
        {"wait=x, wait=3", "", "wait=x"},
        {"handling=strict", "handling=strict", NULL},
        {"handling=lenient, handling=strict", "handling=lenient", NULL},
        {"x, handling=strict, y", "handling=strict", "x"},
        {"handling=\"strict", "", "handling=\"strict"},
        {"handling=\"", "", "handling=\""},
        {"handling=\"strict\\\"", "", "handling=\"strict\\\""},
        {"=strict", "", "=strict"},
        {";handling=strict", "", NULL},
        {"return=minimal, respond-async, handling=strict, wait=7",
         "respond-async, return=minimal, wait=7, handling=strict", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buf text;
        struct preferences got = prefer_parse(slice_of(rows[i].field));
        buf_init(&text);
        buf_append_text(&text, "");
        prefer_write(&text, got.asked, got.wait_s);
        assert_text(rows[i].field, buf_slice(&text), slice_of(rows[i].want));
        assert_text(rows[i].field, got.other, slice_of(rows[i].other));
        buf_fini(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_prefers_what_the_standard_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
