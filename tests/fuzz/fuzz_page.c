/* SPDX-License-Identifier: MIT */
/* An input is the query that is asked and, line by line, the hash that lies in Redis in place of its page. */
#include "cache/page.h"
#include "fuzzing.h"
#include "hash.h"

static void check_header(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        bug_unless(text.data[i] > ' ' && text.data[i] <= '~', "a header field of an answer can't hold it");
}

static void print_and_parse(const struct cached_page *page)
{
    struct slice args[PAGE_ARGS];
    char numbers[2][INT64_TEXT_MAX + 1];
    struct cached_page again;
    page_print(args, numbers, page);
    bool is_whole = page_parse(&again, page->query, hash_reply(args, PAGE_ARGS));
    bug_unless(is_whole && slice_equal(again.page.body, page->page.body) &&
                   slice_equal(again.page.etag, page->page.etag) && slice_equal(again.page.next, page->page.next) &&
                   slice_equal(again.generation, page->generation) && again.at_ms == page->at_ms &&
                   again.cost_ms == page->cost_ms,
               "printed and read again, it is another page");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = fuzz_input(data, size), query = fuzz_line(&rest);
    struct cached_page page;
    if (page_parse(&page, query, hash_of_lines(rest))) {
        bug_unless(slice_equal(page.query, query), "another query's page");
        bug_unless(page.page.etag.len > 0 && page.page.etag.len <= ETAG_MAX, "a page has a tag");
        check_header(page.page.etag);
        check_header(page.page.next);
        print_and_parse(&page);
    }
    hash_forget();
    return 0;
}
