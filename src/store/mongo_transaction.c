/* SPDX-License-Identifier: MIT */
/*
 * Transactions of several statements in MongoDB, by the driver's sessions.
 *
 * All commands of a transaction see one snapshot and its own writes (read concern "snapshot"). Of two transactions that
 * change one document, the later one meets a conflict at once: the server ends it, and it is begun again, a few ms
 * later. A single write waits for the transaction instead.
 * https://www.mongodb.com/docs/manual/core/transactions/
 *
 * What can't be known is only the outcome of the commit. Before that nothing is applied, whatever happens, so no
 * failure of another command is STATUS_UNKNOWN. The driver repeats a commit once whose answer was lost; the server
 * knows whether it has committed it. The labels of errors tell the rest: TransientTransactionError, also of a commit,
 * says that nothing was applied and that another try may succeed.
 *
 * A taken id is a conflict as well: the snapshot has shown it free. If that comes again, some other unique
 * index of the collection refuses the document, which is a rule like a validator's.
 *
 * The times of replies inside of a transaction say nothing about a majority, so they raise no watermark; that of the
 * commit does.
 *
 * A client that dies leaves its transaction open, and the server keeps it for a minute, or for as long as its parameter
 * transactionLifetimeLimitSeconds says. Until then nobody can change what it has written. Its successor ends it
 * (mongo_apply.c).
 *
 * A standalone server has no transactions; a replica set with one member has.
 */
#include "store/mongo_transaction.h"

#include <mongoc/mongoc.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"

enum {
    TRY_MAX = 20,
    TAKEN_MAX = 2,     /* tries after a taken id */
    PAUSE_MAX_MS = 16, /* between two tries, by chance: the other side may be as quick */
};

struct mongo_transaction {
    mongoc_client_session_t *client_session;
    bson_t options;
    int64_t until_ms; /* monotonic */
    bool may_retry;   /* the last failure may pass */
    unsigned taken_count;
};

static int64_t left_ms(const struct mongo_transaction *transaction)
{
    return transaction->until_ms - clock_monotonic_ms();
}

int64_t mongo_transaction_left_ms(const struct mongo_transaction *transaction)
{
    int64_t left = left_ms(transaction);
    return left > 0 ? left : 1;
}

const bson_t *mongo_transaction_options(const struct mongo_transaction *transaction)
{
    return transaction ? &transaction->options : NULL;
}

const bson_t *mongo_transaction_lsid(const struct mongo_transaction *transaction)
{
    return mongoc_client_session_get_lsid(transaction->client_session);
}

enum status mongo_transaction_again(struct mongo_transaction *transaction)
{
    transaction->may_retry = true;
    return STATUS_BUSY;
}

static enum status unsupported(struct error *error)
{
    error_set(
        error, STATUS_UNSUPPORTED,
        "mongodb: this server has no transactions, which queued writes need: make it a replica set, of one member "
        "at least (4.0 or newer), or remove write_queue");
    return error_because(error, CAUSE_UNSUPPORTED, STATUS_UNSUPPORTED);
}

/* IllegalOperation: only on members and routers; OperationNotSupportedInTransaction. */
static bool is_unsupported(const bson_error_t *failure)
{
    return failure->domain == MONGOC_ERROR_TRANSACTION ||
           (failure->domain == MONGOC_ERROR_CLIENT && failure->code == MONGOC_ERROR_CLIENT_SESSION_FAILURE) ||
           (failure->domain == MONGOC_ERROR_SERVER && (failure->code == 20 || failure->code == 263));
}

enum status mongo_transaction_failed(struct mongo_transaction *transaction, const char *action, const bson_t *reply,
                                     const bson_error_t *failure, struct error *error)
{
    bool is_taken = failure->domain == MONGOC_ERROR_SERVER && mongo_is_duplicate(failure->code);
    bool is_transient = reply && mongoc_error_has_label(reply, "TransientTransactionError");
    transaction->may_retry = is_transient || (is_taken && transaction->taken_count++ < TAKEN_MAX);
    if (is_taken) {
        error_set(error, STATUS_INVALID, "mongodb: a unique index refuses to %s: %.140s", action, failure->message);
        return error_because(error, CAUSE_RULE, STATUS_INVALID);
    }
    if (is_unsupported(failure))
        return unsupported(error);
    if (is_transient && failure->domain == MONGOC_ERROR_SERVER)
        return error_set(error, STATUS_BUSY, "mongodb: can't %s beside other clients' writes: %.120s (code %u)", action,
                         failure->message, (unsigned)failure->code);
    bson_t none = BSON_INITIALIZER;
    enum status status = mongo_write_failed(action, reply ? reply : &none, failure, error);
    return status == STATUS_INVALID ? status : mongo_read_failed(action, failure, error);
}

enum status mongo_session_write_failed(const struct mongo_session *session, const char *action, const bson_t *reply,
                                       const bson_error_t *failure, struct error *error)
{
    return session->transaction ? mongo_transaction_failed(session->transaction, action, reply, failure, error)
                                : mongo_write_failed(action, reply, failure, error);
}

/* ---- Its life ---- */

static enum status begin(struct mongo_transaction *transaction, struct error *error)
{
    bson_error_t failure;
    mongoc_transaction_opt_t *options = mongoc_transaction_opts_new();
    mongoc_read_concern_t *concern = mongoc_read_concern_new();
    mongoc_read_concern_set_level(concern, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
    mongoc_transaction_opts_set_read_concern(options, concern);
    mongoc_transaction_opts_set_max_commit_time_ms(options, mongo_transaction_left_ms(transaction));
    bool is_begun = mongoc_client_session_start_transaction(transaction->client_session, options, &failure);
    mongoc_read_concern_destroy(concern);
    mongoc_transaction_opts_destroy(options);
    return is_begun ? STATUS_OK : mongo_transaction_failed(transaction, "begin a transaction", NULL, &failure, error);
}

static enum status commit(struct mongo_transaction *transaction, struct error *error)
{
    bson_t reply;
    bson_error_t failure = {0};
    enum status status = STATUS_OK;
    bool is_done = mongoc_client_session_commit_transaction(transaction->client_session, &reply, &failure);
    if (mongoc_error_has_label(&reply, "TransientTransactionError"))
        status = mongo_transaction_failed(transaction, "commit", &reply, &failure, error);
    else if (!is_done || bson_has_field(&reply, "writeConcernError"))
        status = mongo_write_failed("commit a transaction", &reply, &failure, error);
    bson_destroy(&reply);
    return status;
}

struct work {
    mongo_body_fn before, body;
    void *ctx;
};

static enum status prepare(struct mongo_session *session, const struct work *work, struct error *error)
{
    struct mongo_transaction *transaction = session->transaction;
    session->transaction = NULL;
    enum status status = work->before(session, work->ctx, error);
    session->transaction = transaction;
    transaction->may_retry = false;
    return status;
}

static enum status transact_once(struct mongo_session *session, const struct work *work, struct error *error)
{
    enum status status = prepare(session, work, error);
    if (status == STATUS_OK)
        status = begin(session->transaction, error);
    if (status != STATUS_OK)
        return status;
    status = work->body(session, work->ctx, error);
    if (status == STATUS_OK)
        return commit(session->transaction, error);
    (void)mongoc_client_session_abort_transaction(session->transaction->client_session, NULL);
    return status;
}

static void pause_by_chance(void)
{
    struct timespec pause = {.tv_nsec = (long)random_below(PAUSE_MAX_MS * 1000000)};
    nanosleep(&pause, NULL);
}

enum status mongo_transaction_check(struct mongo_session *session, struct error *error)
{
    bson_error_t failure;
    mongoc_server_description_t *server = mongoc_client_select_server(session->client, true, NULL, &failure);
    if (!server)
        return mongo_read_failed("reach it", &failure, error);
    bool is_alone = strcmp(mongoc_server_description_type(server), "Standalone") == 0;
    mongoc_server_description_destroy(server);
    return is_alone ? unsupported(error) : STATUS_OK;
}

static enum status transact(struct mongo_session *session, const struct work *work, struct error *error)
{
    struct mongo_transaction *transaction = session->transaction;
    enum status status = transact_once(session, work, error);
    for (unsigned tries = 1; transaction->may_retry && tries < TRY_MAX && left_ms(transaction) > 0; tries++) {
        pause_by_chance();
        status = transact_once(session, work, error);
    }
    return status;
}

enum status mongo_transact(struct mongo_session *session, mongo_body_fn before, mongo_body_fn body, void *ctx,
                           struct error *error)
{
    bson_error_t failure;
    struct work work = {.before = before, .body = body, .ctx = ctx};
    struct mongo_transaction transaction = {.until_ms = clock_monotonic_ms() + session->server->max_time_ms,
                                            .options = BSON_INITIALIZER};
    enum status status = mongo_transaction_check(session, error);
    if (status != STATUS_OK)
        return status;
    transaction.client_session = mongoc_client_start_session(session->client, NULL, &failure);
    if (!transaction.client_session ||
        !mongoc_client_session_append(transaction.client_session, &transaction.options, &failure)) {
        status = mongo_transaction_failed(&transaction, "begin a session", NULL, &failure, error);
    } else {
        mongo_watermark_pause(true);
        session->transaction = &transaction;
        status = transact(session, &work, error);
        session->transaction = NULL;
    }
    if (transaction.client_session)
        mongoc_client_session_destroy(transaction.client_session);
    mongo_watermark_pause(false);
    bson_destroy(&transaction.options);
    return status;
}
