/* SPDX-License-Identifier: MIT */
/*
 * Whole conversations with the API, written down in golden/api.
 *
 * In NAME.in each request is a line "METHOD PATH?QUERY", header lines, and a line "."; a body is one line after an empty line. NAME.out
 * has the answers as a FastCGI responder sends them (without their CRs), each followed by a line ".". The clock starts at
 * 2023-11-14T22:13:20Z and goes on a second after each. There is a queue of writes in the conversation "queue" alone.
 */
#include "api_bed.h"
#include "golden.h"

/* Cuts the first line off text. */
static struct slice take_line(struct slice *text)
{
    const char *end = memchr(text->data, '\n', text->len);
    struct slice line = {text->data, end ? (size_t)(end - text->data) : text->len};
    size_t taken = line.len + (end ? 1 : 0);
    *text = (struct slice){text->data + taken, text->len - taken};
    return line;
}

/* The part of text before the separator; text becomes what is behind it. */
static struct slice take_word(struct slice *text, char separator)
{
    const char *end = memchr(text->data, separator, text->len);
    struct slice word = {text->data, end ? (size_t)(end - text->data) : text->len};
    size_t taken = word.len + (end ? 1 : 0);
    *text = (struct slice){text->data + taken, text->len - taken};
    return word;
}

/* Where a header field's value goes; a name that the API doesn't read fails the test. */
static struct slice *request_field(struct request *request, struct slice name)
{
    const struct {
        struct slice name;
        struct slice *value;
    } fields[] = {
        {SLICE("Content-Type"), &request->content_type},
        {SLICE("If-Match"), &request->if_match},
        {SLICE("If-None-Match"), &request->if_none_match},
        {SLICE("If-Modified-Since"), &request->if_modified_since},
        {SLICE("If-Unmodified-Since"), &request->if_unmodified_since},
        {SLICE("Accept"), &request->accept},
        {SLICE("Authorization"), &request->authorization},
        {SLICE("Cache-Control"), &request->cache_control},
        {SLICE("Idempotency-Key"), &request->idempotency_key},
        {SLICE("Prefer"), &request->prefer},
        {SLICE("Todo-Version"), &request->todo_version},
        {SLICE("traceparent"), &request->traceparent},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (slice_equal(fields[i].name, name))
            return fields[i].value;
    fail_msg("no header field is called %.*s", (int)name.len, name.data);
    return NULL;
}

static void take_request(struct request *request, struct slice *text)
{
    struct slice line = take_line(text);
    request->method_text = take_word(&line, ' ');
    request->path = take_word(&line, '?');
    request->query = line;
    for (line = take_line(text); line.len > 0 && line.data[0] != '.'; line = take_line(text)) {
        struct slice name = take_word(&line, ':');
        struct slice value = {line.data + 1, line.len - 1};
        *request_field(request, name) = value;
    }
    if (line.data[0] == '.')
        return;
    request->body = take_line(text);
    take_line(text); /* "." */
}

static void run_conversation(const char *name, struct slice input, struct buf *out)
{
    void *state;
    api_begin(&state);
    fake_queue_set_on(strcmp(name, "queue.in") == 0);
    struct bed *bed = state;
    while (input.len > 0) {
        struct exchange exchange;
        exchange_init(&exchange, NULL, NULL);
        take_request(&exchange.request, &input);
        exchange_run(&exchange);
        for (size_t i = 0; i < exchange.request.out.len; i++)
            if (exchange.request.out.data[i] != '\r')
                buf_append_char(out, exchange.request.out.data[i]);
        buf_append_text(out, "\n.\n");
        exchange_fini(&exchange);
        bed_pass(bed, 1000);
    }
    assert_int_equal(bed_end(&state), 0);
}

static void conversations_go_as_written_down(void **state)
{
    (void)state;
    check_golden_folder("api", run_conversation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversations_go_as_written_down),
    };
    return cmocka_run_group_tests_name("api_golden", tests, NULL, NULL);
}
