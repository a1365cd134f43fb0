/* SPDX-License-Identifier: MIT */
/*
 * The seam: finds the kind of store by the scheme of its URI, and hands each call to that kind.
 *
 * Why a table of functions and not two builds: one worker binary serves either store, one conformance suite runs over
 * both, and unit tests fill in a third one in memory. A call costs one more indirect jump, which is nothing beside a
 * disk or a network.
 *
 * Code that must not differ between the kinds is here: the schemes of URIs, empty results before a call, and checks of
 * arguments that only a bug of ours can break (an id that no todo can have, a page of no rows). Those abort.
 *
 * It has no state, takes no lock, and does not know the cache. How long a call may take and how many may run at once is
 * up to each kind (store_options); how many wait is up to the pool.
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "store/store_ops.h"

static const struct {
    const char *prefix;
    __typeof__(store_open) *open;
} SCHEMES[] = {
    {"sqlite:", sqlite_open},
    {"mongodb://", mongo_open},
    {"mongodb+srv://", mongo_open},
};

enum { SCHEME_COUNT = sizeof(SCHEMES) / sizeof(SCHEMES[0]) };

/* The error names only the scheme of the URI: the rest may have a password. */
static enum status scheme_unknown(const char *uri, struct error *error)
{
    size_t len = strcspn(uri, ":/@");
    return error_set(error, STATUS_INVALID,
                     "the store's URI begins with \"%.*s\"; it must be sqlite:FILE, mongodb://HOST/DATABASE or "
                     "mongodb+srv://HOST/DATABASE",
                     (int)(len < 20 ? len : 20), uri);
}

enum status store_open(struct store **store, const struct store_options *options, struct error *error)
{
    *store = NULL;
    bug_unless(options->uri && options->timeout_ms > 0 && options->concurrency > 0, "store options are incomplete");
    for (size_t i = 0; i < SCHEME_COUNT; i++)
        if (strncasecmp(options->uri, SCHEMES[i].prefix, strlen(SCHEMES[i].prefix)) == 0)
            return SCHEMES[i].open(store, options, error);
    return scheme_unknown(options->uri, error);
}

void store_close(struct store *store)
{
    if (store)
        store->ops->close(store);
}

const char *store_kind(const struct store *store)
{
    return store->ops->kind;
}

enum status store_prepare(struct store *store, struct error *error)
{
    return store->ops->prepare(store, error);
}

bool store_is_prepared(const struct store *store)
{
    return !store->ops->is_prepared || store->ops->is_prepared(store);
}

enum status store_get(struct store *store, const char *id, struct arena *arena, struct todo *todo, struct error *error)
{
    bug_unless(todo_id_valid(slice_of(id)), "an invalid id reached the store");
    return store->ops->get(store, id, arena, todo, error);
}

enum status store_list(struct store *store, const struct store_query *query, struct arena *arena,
                       struct store_page *page, struct error *error)
{
    bug_unless(query->limit > 0, "a page must have room for a row");
    *page = (struct store_page){0};
    return store->ops->list(store, query, arena, page, error);
}

enum status store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                         struct error *error)
{
    bug_unless(todo_id_valid(slice_of(todo->id)), "an invalid id reached the store");
    bug_unless(!answer || answer->life == todo->life, "a todo under a key of another life reached the store");
    return store->ops->insert(store, todo, answer, error);
}

enum status store_change(struct store *store, const struct store_change *change, struct arena *arena,
                         struct store_changed *changed, struct error *error)
{
    bug_unless(todo_id_valid(slice_of(change->todo->id)), "an invalid id reached the store");
    bug_unless((change->fields & ~(unsigned)TODO_WRITE_FIELDS) == 0, "a field that never changes reached the store");
    *changed = (struct store_changed){0};
    return store->ops->change(store, change, arena, changed, error);
}

static void answer_check(const struct store_answer *answer)
{
    bug_unless(answer->key[0] && answer->fingerprint[0], "an answer without a key reached the store");
    bug_unless(todo_id_valid(slice_of(answer->id)), "an invalid id reached the store");
}

enum status store_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                               struct error *error)
{
    answer_check(answer);
    return store->ops->answer_begin(store, answer, arena, error);
}

enum status store_answer_end(struct store *store, const struct store_answer *answer, struct error *error)
{
    answer_check(answer);
    bug_unless(answer->http_status > 0, "an answer without a status reached the store");
    return store->ops->answer_end(store, answer, error);
}

enum status store_answer_forget(struct store *store, const struct store_answer *answer, struct error *error)
{
    answer_check(answer);
    return store->ops->answer_forget(store, answer, error);
}

enum status store_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error)
{
    return count == 0 ? STATUS_OK : store->ops->load(store, todos, count, mode, results, error);
}

enum status store_outbox_put(struct store *store, const struct store_fence *fences, size_t count, struct error *error)
{
    return count == 0 ? STATUS_OK : store->ops->outbox_put(store, fences, count, error);
}

enum status store_outbox_list(struct store *store, const struct store_fence *after, struct store_fence *fences,
                              size_t limit, size_t *count, struct error *error)
{
    *count = 0;
    return limit == 0 ? STATUS_OK : store->ops->outbox_list(store, after, fences, limit, count, error);
}

enum status store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                size_t *changed_count, struct error *error)
{
    *changed_count = 0;
    return count == 0 ? STATUS_OK : store->ops->outbox_remove(store, fences, count, changed_count, error);
}

enum status store_purge_put(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    return count == 0 ? STATUS_OK : store->ops->purge_put(store, purges, count, error);
}

enum status store_purge_list(struct store *store, const struct store_purge_query *query, struct arena *arena,
                             struct store_purge *purges, size_t *count, struct error *error)
{
    bug_unless(query->limit > 0, "a listing must have room for a record");
    *count = 0;
    return store->ops->purge_list(store, query, arena, purges, count, error);
}

enum status store_purge_remove(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    return count == 0 ? STATUS_OK : store->ops->purge_remove(store, purges, count, error);
}

enum status store_barrier(struct store *store, struct error *error)
{
    return store->ops->barrier(store, error);
}

void store_watermark(const struct store *store, struct store_watermark *mark)
{
    mark->text[0] = '\0';
    if (store->ops->watermark)
        store->ops->watermark(store, mark);
}

void store_raise(struct store *store, struct slice text)
{
    if (store->ops->raise)
        store->ops->raise(store, text);
}

enum status store_heartbeat(struct store *store, struct error *error)
{
    return store->ops->heartbeat(store, error);
}

bool store_has_groups(const struct store *store)
{
    return store->ops->group_begin != NULL;
}

enum status store_group_begin(struct store *store, int64_t waiting_since_ms, struct error *error)
{
    return store->ops->group_begin(store, waiting_since_ms, error);
}

enum status store_group_end(struct store *store, struct error *error)
{
    return store->ops->group_end(store, error);
}

enum status store_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    *meta = (struct store_meta){0};
    return store->ops->meta_get(store, meta, error);
}

enum status store_meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                            bool *swapped, struct error *error)
{
    *swapped = false;
    return store->ops->meta_swap(store, expected, next, swapped, error);
}

enum status store_slots_get(struct store *store, struct arena *arena, struct store_meta *meta, struct slice *slots,
                            struct error *error)
{
    *meta = (struct store_meta){0};
    *slots = SLICE("");
    return store->ops->slots_get(store, arena, meta, slots, error);
}

enum status store_slots_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                             struct slice slots, bool *swapped, struct error *error)
{
    bug_unless(slots.len <= STORE_SLOTS_MAX, "too long a text of slots reached the store");
    *swapped = false;
    return store->ops->slots_swap(store, expected, next, slots, swapped, error);
}

/* ---- apply.h ---- */

enum status store_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                              struct store_bookmark *bookmark, struct error *error)
{
    *bookmark = (struct store_bookmark){.place = store->ops->place(store)};
    return store->ops->apply_claim(store, shard, owner, bookmark, error);
}

static void queued_check(const struct store_queued *write, int64_t before)
{
    bug_unless(write->number > before, "queued writes out of their order reached the store");
    if (write->is_dead)
        return;
    bug_unless(todo_id_valid(slice_of(write->change.todo->id)), "an invalid id reached the store");
    bug_unless((write->change.fields & ~(unsigned)TODO_WRITE_FIELDS) == 0,
               "a field that never changes reached the store");
    if (write->answer)
        answer_check(write->answer);
}

enum status store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                        struct error *error)
{
    bug_unless(batch->count > 0 && store_apply_run(batch->writes, batch->count) == batch->count,
               "a batch that is no run reached the store");
    for (size_t i = 0; i < batch->count; i++)
        queued_check(&batch->writes[i], i > 0 ? batch->writes[i - 1].number : 0);
    return store->ops->apply(store, batch, results, error);
}

/* ---- backup.h ---- */

static enum status backup_refused(const struct store *store, struct error *error)
{
    return error_set(error, STATUS_UNSUPPORTED, "%s has tools of its own for that: doc/backup.md", store->ops->kind);
}

enum status store_backup(struct store *store, const char *file, struct error *error)
{
    return store->ops->backup ? store->ops->backup(store, file, error) : backup_refused(store, error);
}

enum status store_restore(struct store *store, struct store_restore *restore, struct error *error)
{
    return store->ops->restore ? store->ops->restore(store, restore, error) : backup_refused(store, error);
}

/* ---- foreign.h ---- */

static void survey_describe(const struct store *store, struct store_survey *survey)
{
    const char *kind = store->ops->place_kind, *place = store->ops->place(store);
    bool all_counted = survey->foreign_count < STORE_FOREIGN_COUNTED;
    survey->text[0] = '\0';
    if (survey->is_empty)
        snprintf(survey->text, sizeof(survey->text), "the %s %.128s has no todos", kind, place);
    else if (survey->foreign_count > 0)
        snprintf(survey->text, sizeof(survey->text),
                 "%" PRIu32 " documents%s in the %s %.64s are not shown, as other programs wrote them in other forms: "
                 "todo-load adopt makes todos of them",
                 survey->foreign_count, all_counted ? "" : " or more", kind, place);
}

enum status store_survey(struct store *store, struct store_survey *survey, struct error *error)
{
    static const struct store_query any_todo = {.limit = 1};
    struct store_page page;
    struct arena arena;
    enum status status = STATUS_OK;
    *survey = (struct store_survey){0};
    if (store->ops->count_foreign)
        status = store->ops->count_foreign(store, STORE_FOREIGN_COUNTED, &survey->foreign_count, error);
    if (status != STATUS_OK)
        return status;
    arena_init(&arena);
    status = store_list(store, &any_todo, &arena, &page, error);
    survey->is_empty = status == STATUS_OK && page.count == 0 && !page.has_skipped && survey->foreign_count == 0;
    arena_fini(&arena);
    survey_describe(store, survey);
    return status;
}

enum status store_foreign_open(struct store *store, struct store_foreign **foreign, struct error *error)
{
    *foreign = NULL;
    if (!store->ops->foreign_open)
        return error_set(error, STATUS_UNSUPPORTED, "%s has todos only, so there is nothing to adopt",
                         store->ops->kind);
    return store->ops->foreign_open(store, foreign, error);
}

enum status store_foreign_next(struct store_foreign *foreign, struct slice *document, struct error *error)
{
    return foreign->store->ops->foreign_next(foreign, document, error);
}

void store_foreign_close(struct store_foreign *foreign)
{
    if (foreign)
        foreign->store->ops->foreign_close(foreign);
}

enum status store_adopt(struct store *store, const struct todo *todos, const struct slice *documents, size_t count,
                        enum status *results, struct error *error)
{
    return count == 0 ? STATUS_OK : store->ops->adopt(store, todos, documents, count, results, error);
}

/* ---- feed.h ---- */

enum status store_feed_last(struct store *store, struct feed_place *last, struct error *error)
{
    *last = (struct feed_place){0};
    return store->ops->feed_last(store, last, error);
}

/* The rows that follow one another without a gap, up to the next beginning. */
static size_t feed_run_count(const struct feed_rows *rows)
{
    size_t count = 1;
    while (count < rows->count && rows->items[count].kind != FEED_START &&
           rows->items[count].place.seq == rows->items[count - 1].place.seq + 1)
        count++;
    return count;
}

enum status store_feed_read(struct store *store, const struct feed_place *after, struct feed_rows *rows,
                            struct error *error)
{
    *rows = (struct feed_rows){0};
    enum status status = store->ops->feed_read(store, after, rows, error);
    if (status != STATUS_OK)
        return status;
    bool has_place =
        rows->count > 0 && rows->items[0].place.seq == after->seq && rows->items[0].place.mark == after->mark;
    size_t run_count = has_place ? feed_run_count(rows) : 0;
    if (!has_place || (run_count == 1 && rows->count > 1))
        return error_set(error, STATUS_NOT_FOUND, "the feed does not go on behind %lld", (long long)after->seq);
    rows->more |= run_count < rows->count;
    rows->count = run_count - 1;
    memmove(rows->items, rows->items + 1, rows->count * sizeof(*rows->items));
    return STATUS_OK;
}

enum status store_feed_add(struct store *store, int64_t after_seq, const struct store_changes *changes,
                           struct error *error)
{
    return store->ops->feed_add ? store->ops->feed_add(store, after_seq, changes, error) : STATUS_OK;
}

/* ---- follow.h ---- */

enum status store_follow_claim(struct store *store, const struct token *owner, uint32_t lease_ms,
                               struct resume_token *resume_after, struct error *error)
{
    resume_after->len_bytes = 0;
    if (!store->ops->follow_claim)
        return error_set(error, STATUS_UNSUPPORTED, "%s can't report what other programs change", store->ops->kind);
    return store->ops->follow_claim(store, owner, lease_ms, resume_after, error);
}

enum status store_follow_keep(struct store *store, const struct token *owner, uint32_t lease_ms,
                              const struct resume_token *resume_after, struct error *error)
{
    return store->ops->follow_keep(store, owner, lease_ms, resume_after, error);
}

enum status store_follow_release(struct store *store, const struct token *owner, struct error *error)
{
    return store->ops->follow_release(store, owner, error);
}

enum status store_stream_open(struct store *store, const struct resume_token *resume_after,
                              struct store_stream **stream, struct error *error)
{
    *stream = NULL;
    return store->ops->stream_open(store, resume_after, stream, error);
}

enum status store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                              struct error *error)
{
    changes->count = 0;
    changes->full = false;
    changes->resume_after.len_bytes = 0;
    return stream->store->ops->stream_read(stream, wait_ms, changes, error);
}

void store_stream_close(struct store_stream *stream)
{
    if (stream)
        stream->store->ops->stream_close(stream);
}
