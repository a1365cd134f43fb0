/* SPDX-License-Identifier: MIT */
/*
 * Pages of lists: rendered once, kept as bytes.
 *
 * A page is kept as the bytes that were answered, not as rows, so that its ETag stays true and a hit costs a copy. The
 * query it answers is kept beside it and compared: the key holds only a hash of it.
 *
 * A hash that is not a whole page for this query is a miss, whatever else it may be.
 *
 * The next page's cursor is the last row's place in the order, and there is one only if the store saw a row behind it.
 */
#include "cache/page.h"

#include "base/cursor.h"
#include "base/json.h"
#include "base/todo_json.h"

uint8_t query_cursor_tag(const struct store_query *query)
{
    return (uint8_t)((unsigned)query->done << 1 | (unsigned)query->ascending);
}

enum { BIT_QUERY = 1, BIT_BODY = 2, BIT_ETAG = 4, BIT_NEXT = 8, BIT_GEN = 16, BIT_AT = 32, BIT_COST = 64, BITS = 127 };

static unsigned take_text(struct slice *text, struct slice value, unsigned bit)
{
    *text = value;
    return bit;
}

/* The field's bit; 0 if it is none of ours, or no number where one must be. */
static unsigned take_field(struct cached_page *page, struct slice name, struct slice value)
{
    if (SLICE_IS(name, "query"))
        return take_text(&page->query, value, BIT_QUERY);
    if (SLICE_IS(name, "body"))
        return take_text(&page->page.body, value, BIT_BODY);
    if (SLICE_IS(name, "etag"))
        return take_text(&page->page.etag, value, BIT_ETAG);
    if (SLICE_IS(name, "next"))
        return take_text(&page->page.next, value, BIT_NEXT);
    if (SLICE_IS(name, "gen"))
        return take_text(&page->generation, value, BIT_GEN);
    if (SLICE_IS(name, "at"))
        return slice_to_int64(value, &page->at_ms) ? BIT_AT : 0;
    return SLICE_IS(name, "cost") && slice_to_int64(value, &page->cost_ms) ? BIT_COST : 0;
}

/* These texts become header fields: a page that this service did not make must not abort the worker. */
static bool page_is_sound(const struct cached_page *page)
{
    const struct slice texts[] = {page->page.etag, page->page.next};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        for (size_t at = 0; at < texts[i].len; at++)
            if (texts[i].data[at] <= ' ' || texts[i].data[at] > '~')
                return false;
    return page->page.etag.len > 0 && page->page.etag.len <= ETAG_MAX && page->page.next.len <= CURSOR_TEXT_MAX &&
           page->at_ms >= 0 && page->at_ms <= TODO_TIME_MAX_MS;
}

bool page_parse(struct cached_page *page, struct slice query, const struct redis_reply *reply)
{
    if (redis_reply_type(reply) != REDIS_TYPE_ARRAY)
        return false;
    unsigned seen = 0;
    for (size_t i = 0; i + 1 < redis_reply_count(reply); i += 2)
        seen |= take_field(page, redis_reply_text(redis_reply_item(reply, i)),
                           redis_reply_text(redis_reply_item(reply, i + 1)));
    return seen == BITS && slice_equal(page->query, query) && page_is_sound(page);
}

void page_print(struct slice args[PAGE_ARGS], char numbers[2][INT64_TEXT_MAX + 1], const struct cached_page *page)
{
    const struct slice fields[PAGE_ARGS] = {
        SLICE("query"), page->query,
        SLICE("body"),  page->page.body,
        SLICE("etag"),  page->page.etag,
        SLICE("next"),  page->page.next,
        SLICE("gen"),   page->generation,
        SLICE("at"),    slice_of_int64(numbers[0], page->at_ms),
        SLICE("cost"),  slice_of_int64(numbers[1], page->cost_ms),
    };
    memcpy(args, fields, sizeof(fields));
}

void page_render(struct rendered_page *rendered, const struct store_query *query, const struct store_page *rows)
{
    buf_init(&rendered->body);
    buf_append_text(&rendered->body, "{\"todos\":[");
    for (size_t i = 0; i < rows->count; i++) {
        if (i > 0)
            buf_append_char(&rendered->body, ',');
        todo_json_write(&rendered->body, &rows->todos[i]);
    }
    rendered->next[0] = '\0';
    buf_append_text(&rendered->body, "],\"next\":");
    if (rows->more && rows->count > 0) {
        const struct todo *last = &rows->todos[rows->count - 1];
        struct cursor cursor = {.created_at_ms = last->created_at_ms};
        memcpy(cursor.id, last->id, sizeof(cursor.id));
        cursor_print(rendered->next, &cursor, query_cursor_tag(query));
        json_write_string(&rendered->body, slice_of(rendered->next));
    } else {
        buf_append_text(&rendered->body, "null");
    }
    buf_append_char(&rendered->body, '}');
    etag_of_bytes(rendered->etag, buf_slice(&rendered->body));
}
