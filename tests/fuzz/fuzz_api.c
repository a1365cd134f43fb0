/* SPDX-License-Identifier: MIT */
/*
 * The whole API over a simulated Redis and a store in memory, which hold two todos. An input is one or more requests:
 *
 *   METHOD PATH[?QUERY]      the first word names the method
 *   PARAM VALUE              lines: rows of REQUEST_PARAMS; an unknown one is passed over
 *                            an empty line, and then lines of the body up to a line "."
 *
 * Before a request may stand lines that change what it meets:
 *
 *   SET NAME=VALUE           one of SETTINGS_TRIED
 *   STORE away               or back
 *   QUEUE on                 or full, or away; a queued write is applied before the next request
 *   WAIT MS                  a minute at most
 *
 * Each is answered once, with a status that its bytes repeat, fields that are fields, and a body as long as they say; what is
 * called JSON is a JSON object.
 */
#include "base/json.h"
#include "fuzzing.h"
#include "tests/unit/api_bed.h"

enum { REQUESTS_MAX = 8, CHANGES_MAX = 16, WAIT_MAX_MS = 60000 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1); /* a fake's failed assertion is a find */
}

/* ---- What requests meet ---- */

static void set_setting(struct settings *settings, struct slice option)
{
    static const char *const SETTINGS_TRIED[] = {
        "not_found_max_age_s=", "rate_limit_burst=", "rate_limit_per_minute=", "require_if_match=",
        "server_timing=",       "surrogate_keys=",   "write_policy="};
    char text[64];
    const char *options[] = {text};
    struct error error;
    slice_copy(text, sizeof(text), option);
    for (size_t i = 0; i < COUNT_OF(SETTINGS_TRIED); i++)
        if (strncmp(text, SETTINGS_TRIED[i], strlen(SETTINGS_TRIED[i])) == 0)
            (void)!settings_read_options(settings, options, 1, &error);
}

static void set_queue(struct slice value)
{
    enum status status = !value.data                         ? STATUS_OK
                         : slice_equal(value, SLICE("full")) ? STATUS_BUSY
                         : slice_equal(value, SLICE("away")) ? STATUS_UNAVAILABLE
                                                             : STATUS_OK;
    fake_queue_set_on(true);
    fake_queue_fail(status, status == STATUS_BUSY ? STATUS_OK : status);
}

/* Whether the first line of rest is such a change; it is taken then. */
static bool take_change(struct bed *bed, struct slice *rest)
{
    struct slice behind = *rest, value, word = slice_split(fuzz_line(&behind), ' ', &value);
    int64_t ms;
    if (slice_equal(word, SLICE("SET")))
        set_setting(&bed->settings, value.data ? value : SLICE(""));
    else if (slice_equal(word, SLICE("STORE")))
        fake_store_set_away(bed->store, slice_equal(value, SLICE("away")));
    else if (slice_equal(word, SLICE("QUEUE")))
        set_queue(value);
    else if (slice_equal(word, SLICE("WAIT")))
        bed_pass(bed, value.data && slice_to_int64(value, &ms) && ms > 0 && ms <= WAIT_MAX_MS ? ms : 0);
    else
        return false;
    *rest = behind;
    return true;
}

/* ---- Requests ---- */

static void set_param(struct request *request, struct slice name, struct slice value)
{
    static const struct {
        struct slice name;
        size_t offset;
    } params[] = {
#define PARAM_ROW(member, param) {{param, sizeof(param) - 1}, offsetof(struct request, member)},
        REQUEST_PARAMS(PARAM_ROW)
#undef PARAM_ROW
    };
    for (size_t i = 0; i < COUNT_OF(params); i++)
        if (slice_equal(params[i].name, name))
            *(struct slice *)((char *)request + params[i].offset) = value;
}

/* A parameter has no NUL, and a method or path is sent with each request. */
static struct slice fit(struct slice text)
{
    const char *nul = text.data ? memchr(text.data, '\0', text.len) : NULL;
    return nul ? (struct slice){text.data, (size_t)(nul - text.data)} : text;
}

static void read_request(struct request *request, struct slice *rest)
{
    struct slice target, query, value, line = fit(fuzz_line(rest));
    request->method_text = slice_split(line, ' ', &target);
    request->path = target.data ? slice_split(target, '?', &query) : SLICE("/todos");
    request->query = target.data ? query : (struct slice){0};
    for (line = fit(fuzz_line(rest)); line.len > 0 && rest->data; line = fit(fuzz_line(rest))) {
        struct slice name = slice_split(line, ' ', &value);
        set_param(request, name, value.data ? value : SLICE(""));
    }
    const char *body = rest->data ? rest->data : "";
    size_t len = 0;
    while (rest->data && !slice_equal(line = fuzz_line(rest), SLICE(".")))
        len = (size_t)(line.data + line.len - body);
    request->body = (struct slice){body, len};
}

/* ---- Answers ---- */

static enum status on_member(void *ctx, const struct json_member *member, struct error *error)
{
    (void)ctx, (void)member, (void)error;
    return STATUS_OK;
}

static void check_body(const struct exchange *exchange)
{
    struct slice type = exchange_header(exchange, "Content-Type"), body = exchange_body(exchange);
    struct slice length = exchange_header(exchange, "Content-Length");
    int64_t number;
    bool is_bodiless = exchange->request.method == METHOD_HEAD || exchange->request.status == 304;
    if (length.data)
        bug_unless(slice_to_int64(length, &number) && (is_bodiless ? body.len == 0 : (size_t)number == body.len),
                   "a body of another length than was announced");
    bool is_json = type.data && memmem(type.data, type.len, "json", 4) != NULL;
    if (!is_json || body.len == 0 || exchange_header(exchange, "Content-Encoding").data)
        return;
    struct error error = {0};
    enum status status = json_object_read(body, on_member, NULL, &error);
    bug_unless(status == STATUS_OK, error.text);
}

static void check_answer(const struct exchange *exchange)
{
    const struct request *request = &exchange->request;
    char first[16];
    int len = snprintf(first, sizeof(first), "Status: %d ", request->status);
    bug_unless(request->status >= 200 && request->status <= 599, "an answer without a status");
    bug_unless(request->out.len > (size_t)len && memcmp(request->out.data, first, (size_t)len) == 0, "two statuses");
    const char *end = strstr(request->out.data, "\r\n\r\n");
    bug_unless(end != NULL, "fields without an end");
    for (const char *at = request->out.data; at < end; at = strstr(at, "\r\n") + 2)
        bug_unless(memchr(at, ':', strcspn(at, "\r\n")) != NULL, "a line that is no field");
    check_body(exchange);
}

static void run_request(struct slice *rest)
{
    struct exchange exchange;
    exchange_init(&exchange, "GET", "/todos");
    read_request(&exchange.request, rest);
    exchange_run(&exchange);
    check_answer(&exchange);
    exchange_fini(&exchange);
    if (fake_queue_last()) /* so that no request waits for it */
        fake_queue_settle(fake_queue_last(), TICKET_SETTLED, STATUS_OK, (struct store_version){.v = 1, .life = 1});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = fuzz_input(data, size);
    void *state;
    api_begin(&state);
    struct bed *bed = state;
    fake_store_put(bed->store, "a", 1);
    fake_store_put(bed->store, "b", 3);
    for (int requests = 0, changes = 0; requests < REQUESTS_MAX && changes < CHANGES_MAX && rest.data;) {
        if (take_change(bed, &rest)) {
            changes++;
            continue;
        }
        run_request(&rest);
        requests++;
    }
    bug_unless(bed_end(&state) == 0, "the bed isn't at rest");
    return 0;
}
