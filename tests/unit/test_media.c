/* SPDX-License-Identifier: MIT */
/* media.c: Content-Type and Accept. */
#include "testing.h"

#include "base/media.h"

#define JSON SLICE("application/json")

static void a_content_type_names_one_type_whatever_its_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *content_type;
        bool want;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"application/json", true},
        {"Application/JSON", true},
        {"application/json; charset=utf-8", true},
        {"application/json;charset=latin1", true},
        {" application/json ;", true},
        {"application/jsonx", false},
        {"application/jso", false},
        {"application", false},
        {"application/*", false},
        {"*/*", false},
        {"text/json", false},
        {"application/merge-patch+json", false},
        {"application/json, text/plain", false},
        {"application /json", false},
        {";application/json", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].content_type ? rows[i].content_type : "absent",
                      media_is(slice_of(rows[i].content_type), JSON), rows[i].want);
}

static void the_most_specific_range_decides(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool want;
    } rows[] = {
        {NULL, true},
        {"", true},
        {"  ", true},
        {"*/*", true},
        {"application/*", true},
        {"APPLICATION/*", true},
        {"application/json", true},
        {"application/json;charset=utf-8", true},
        {"text/html, application/xhtml+xml, */*;q=0.8", true},
        {"text/html,application/json;q=0.001", true},
        {"text/html", false},
        {"text/*", false},
        {"application/problem+json", false},
        {"application/jsonx", false},
        {"app/*", false},
        {"applicationx/*", false},
        {"*", false},
        {"*/json", false},
        {"application/json;q=0", false},
        {"application/json;q=0.000", false},
        {"application/json; Q=0", false},
        {"*/*, application/json;q=0", false},
        {"application/json;q=0, */*", false},
        {"application/*;q=0, */*", false},
        {"*/*;q=0, application/*", true},
        {"*/*;q=0", false},
        {"application/*;q=0, application/json", true},
        {"application/json;q=1, */*;q=0", true},
        {"application/json;profile=x;q=0", false},
        {"application/json;q=", true},
        {"application/json;q=0.0001", true},
        {",,application/json,,", true},
        {",", false},
        {";q=0", false},
        {"text/html;q=0", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_number(rows[i].accept ? rows[i].accept : "absent", media_accepted(slice_of(rows[i].accept), JSON),
                      rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_content_type_names_one_type_whatever_its_parameters),
        cmocka_unit_test(the_most_specific_range_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
