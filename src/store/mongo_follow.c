/* SPDX-License-Identifier: MIT */
/*
 * Which worker follows the changes, and up to where: one document of the collection meta, beside the epoch's.
 *
 *   {_id: "follow", owner: TOKEN, expires_at: DATE, place: {_data: ...}, seq: 17}
 *
 * place is the resume token, seq the feed's number there (mongo_feed.c). Lease and token are one document, so one
 * operation decides both: a worker that has lost the lease can't save a token any more, because its filter asks for
 * itself as the owner. A lease in Redis would be lost with Redis, and would not protect a token that is saved here.
 *
 * Taking the lease asks for a record whose time is up, and may insert one. If another worker has the lease, nothing
 * matches and the insert finds the _id taken. That duplicate is the answer "busy", and no error.
 *
 * Time is the clock of each worker. If two clocks differ by more than the lease, two workers may follow at once. They
 * then invalidate everything twice, which costs hits and nothing else. One of their tokens is saved, and both are
 * right.
 */
#include <mongoc/mongoc.h>
#include <string.h>

#include "base/clock.h"
#include "store/mongo_store.h"

static const char RECORD_KEY[] = "follow";
static const char ACTION[] = "change the follower's record";

/*
 * Runs one findAndModify on the record, and destroys filter and update. reply has the new record; the caller destroys
 * it in any case. STATUS_NOT_FOUND: nothing matched.
 */
static enum status record_change(struct mongo_server *server, bson_t *filter, bson_t *update, bool may_insert,
                                 bson_t *reply, struct error *error)
{
    struct mongo_session session;
    bson_error_t failure;
    bson_iter_t value;
    bson_init(reply);
    enum status status = mongo_session_open(&session, server, "meta", error);
    if (status == STATUS_OK) {
        mongoc_find_and_modify_opts_t *options = mongoc_find_and_modify_opts_new();
        mongoc_find_and_modify_opts_set_update(options, update);
        mongoc_find_and_modify_opts_set_flags(options, MONGOC_FIND_AND_MODIFY_RETURN_NEW |
                                                           (may_insert ? MONGOC_FIND_AND_MODIFY_UPSERT : 0));
        mongoc_find_and_modify_opts_set_max_time_ms(options, (uint32_t)server->max_time_ms);
        bson_destroy(reply);
        bool done = mongoc_collection_find_and_modify_with_opts(session.collection, filter, options, reply, &failure);
        bool found = done && bson_iter_init_find(&value, reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&value);
        if (!done && !mongo_is_duplicate(failure.code))
            status = mongo_write_failed(ACTION, reply, &failure, error);
        else if (!found)
            status = STATUS_NOT_FOUND;
        mongoc_find_and_modify_opts_destroy(options);
        mongo_session_close(&session);
    }
    bson_destroy(filter);
    bson_destroy(update);
    return status;
}

/* A token that can't be read, or is too long to be one of ours, counts as none. */
static void resume_token_read(const bson_t *reply, struct resume_token *resume_after)
{
    bson_iter_t reader, value;
    const uint8_t *bytes;
    uint32_t len = 0;
    if (bson_iter_init(&reader, reply) && bson_iter_find_descendant(&reader, "value.place", &value) &&
        BSON_ITER_HOLDS_DOCUMENT(&value))
        bson_iter_document(&value, &len, &bytes);
    resume_after->len_bytes = len <= sizeof(resume_after->bytes) ? len : 0;
    resume_after->seq = 0;
    if (bson_iter_init(&reader, reply) && bson_iter_find_descendant(&reader, "value.seq", &value))
        resume_after->seq = bson_iter_as_int64(&value);
    if (resume_after->len_bytes > 0)
        memcpy(resume_after->bytes, bytes, resume_after->len_bytes);
}

enum status mongo_follow_claim(struct store *store, const struct token *owner, uint32_t lease_ms,
                               struct resume_token *resume_after, struct error *error)
{
    bson_t reply;
    int64_t now = clock_wall_ms();
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(RECORD_KEY), "expires_at", "{", "$lte", BCON_DATE_TIME(now), "}");
    bson_t *update = BCON_NEW("$set", "{", "owner", BCON_UTF8(owner->text), "expires_at",
                              BCON_DATE_TIME(now + (int64_t)lease_ms), "}");
    enum status status = record_change(mongo_server_of(store), filter, update, true, &reply, error);
    if (status == STATUS_NOT_FOUND)
        status = error_set(error, STATUS_BUSY, "another worker follows the store's changes");
    else if (status == STATUS_OK)
        resume_token_read(&reply, resume_after);
    bson_destroy(&reply);
    return status;
}

static bson_t *filter_owner(const struct token *owner)
{
    return BCON_NEW("_id", BCON_UTF8(RECORD_KEY), "owner", BCON_UTF8(owner->text));
}

enum status mongo_follow_keep(struct store *store, const struct token *owner, uint32_t lease_ms,
                              const struct resume_token *resume_after, struct error *error)
{
    bson_t reply, token;
    int64_t until_ms = clock_wall_ms() + (int64_t)lease_ms;
    bson_t *update;
    if (resume_after->len_bytes > 0 && bson_init_static(&token, resume_after->bytes, resume_after->len_bytes)) {
        update = BCON_NEW("$set", "{", "expires_at", BCON_DATE_TIME(until_ms), "place", BCON_DOCUMENT(&token), "seq",
                          BCON_INT64(resume_after->seq), "}");
    } else {
        update = BCON_NEW("$set", "{", "expires_at", BCON_DATE_TIME(until_ms), "}", "$unset", "{", "place",
                          BCON_INT32(1), "}");
    }
    enum status status = record_change(mongo_server_of(store), filter_owner(owner), update, false, &reply, error);
    bson_destroy(&reply);
    return status == STATUS_NOT_FOUND
               ? error_set(error, STATUS_MISMATCH, "another worker follows the store's changes by now")
               : status;
}

enum status mongo_follow_release(struct store *store, const struct token *owner, struct error *error)
{
    bson_t reply;
    bson_t *update = BCON_NEW("$set", "{", "expires_at", BCON_DATE_TIME(0), "}");
    enum status status = record_change(mongo_server_of(store), filter_owner(owner), update, false, &reply, error);
    bson_destroy(&reply);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
