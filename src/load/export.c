/* SPDX-License-Identifier: MIT */
/*
 * Reads the whole list, page by page in the order of creation, and writes each todo as the API shows it, one per line.
 *
 * An import of the result makes the same todos: all that clients see of them is the same, the times as well. v and life
 * are not exported; an imported todo begins a new life.
 *
 * A service may run beside it. Each page is a state that was committed, and the keys of the list never change, so a
 * todo that is there all the time is exported once. One that is made or deleted meanwhile may be in it or not, and
 * different pages may show different moments. For one moment of everything use the store's own backup.
 *
 * A page that the store doesn't give is asked for again, RETRY_MAX times with growing pauses. There is no loop here:
 * an export does one thing after another, and nobody waits for it.
 */
#include "load/export.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/todo_json.h"
#include "load/sink.h"
#include "store/foreign.h"

enum { PAGE_ROWS = 1000, RETRY_MAX = 6, RETRY_FIRST_MS = 200 };

struct export
{
    const struct export_options *options;
    struct export_result *result;
    struct sink *sink;
    struct store_query query; /* of the next page */
    struct arena arena;       /* the page's */
    struct buf text;          /* of the page */
    int64_t started_at_ms, shown_at_ms;
};

static void export_pause(uint32_t pause_ms)
{
    struct timespec pause = {.tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000L};
    nanosleep(&pause, NULL); /* a signal ends it */
}

static enum status export_stopped(struct error *error)
{
    return error_set(error, STATUS_BUSY, "the export was interrupted");
}

static enum status export_list(struct export *export, struct store_page *page, struct error *error)
{
    for (unsigned attempt = 0;; attempt++) {
        if (*export->options->stop)
            return export_stopped(error);
        arena_reset(&export->arena);
        enum status status = store_list(export->options->store, &export->query, &export->arena, page, error);
        bool may_retry = status == STATUS_BUSY || status == STATUS_UNAVAILABLE;
        if (!may_retry || attempt == RETRY_MAX)
            return status;
        uint32_t pause_ms = RETRY_FIRST_MS << attempt;
        progress_say(export->options->progress, "a page is read again in %" PRIu32 " ms: %s", pause_ms, error->text);
        export_pause(pause_ms);
    }
}

static void export_show(struct export *export)
{
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - export->shown_at_ms < progress_interval_ms(export->options->progress))
        return;
    export->shown_at_ms = now_ms;
    struct progress_state state = {
        .row_count = export->result->out_count, .fraction = -1, .elapsed_ms = now_ms - export->started_at_ms};
    progress_show(export->options->progress, &state);
}

static enum status export_write(struct export *export, const struct store_page *page, struct error *error)
{
    buf_reset(&export->text);
    for (size_t i = 0; i < page->count; i++) {
        todo_json_write(&export->text, &page->todos[i]);
        buf_append_char(&export->text, '\n');
    }
    export->result->out_count += page->count;
    export->result->has_skipped = export->result->has_skipped || page->has_skipped;
    if (page->count > 0) {
        const struct todo *last = &page->todos[page->count - 1];
        export->query.has_after = true;
        export->query.after.created_at_ms = last->created_at_ms;
        memcpy(export->query.after.id, last->id, sizeof(last->id));
    }
    return sink_write(export->sink, buf_slice(&export->text), error);
}

/* The survey says which store it is, or that it has documents of others. */
static enum status export_nothing(struct export *export, struct error *error)
{
    struct store_survey survey;
    enum status status = store_survey(export->options->store, &survey, error);
    if (status != STATUS_OK)
        return status;
    return error_set(error, STATUS_NOT_FOUND, "there is nothing to export: %.200s", survey.text);
}

static enum status export_pages(struct export *export, struct error *error)
{
    struct store_page page = {.more = true};
    enum status status = store_prepare(export->options->store, error);
    while (status == STATUS_OK && page.more) {
        status = export_list(export, &page, error);
        if (status == STATUS_OK)
            status = export_write(export, &page, error);
        export_show(export);
    }
    return status == STATUS_OK && export->result->out_count == 0 ? export_nothing(export, error) : status;
}

enum status export_run(const struct export_options *options, struct export_result *result, struct error *error)
{
    struct export export = {.options = options,
                            .result = result,
                            .query = {.limit = PAGE_ROWS, .ascending = true},
                            .started_at_ms = clock_monotonic_ms()};
    *result = (struct export_result){0};
    arena_init(&export.arena);
    buf_init(&export.text);
    export.shown_at_ms = export.started_at_ms;
    enum status status = sink_open(&export.sink, options->path, options->is_packed, error);
    if (status == STATUS_OK)
        status = export_pages(&export, error);
    if (status == STATUS_OK)
        status = sink_finish(export.sink, error);
    else
        sink_abandon(export.sink);
    progress_clear(options->progress);
    result->elapsed_ms = clock_monotonic_ms() - export.started_at_ms;
    arena_fini(&export.arena);
    buf_fini(&export.text);
    return status;
}
