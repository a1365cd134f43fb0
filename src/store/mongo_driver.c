/* SPDX-License-Identifier: MIT */
/*
 * libmongoc for the MongoDB store: its pool of clients, and errors.
 *
 * A call takes a client out of the pool and puts it back; client and collection are never shared. libmongoc would log
 * to stderr; its log goes into ours. It is never cleaned up: the process ends then anyway.
 *
 * Who answered? A driver that knows the replica set sends reads to its primary without permission for secondaries, so a
 * host that has stepped down refuses them. On a direct connection the driver gives that permission, whatever
 * readPreference says. So there the host is asked after each read whether it is the primary (mongo_session_check()).
 * That is one more round trip, which no URI needs by default (mongo_uri.c).
 *
 * Three places show what a failed write did (outcome_is_open()): the reply (an error of the write concern means
 * applied here, but not yet safe), the domain of the error (no server found: nothing was sent), and the server's code.
 * The codes that exclude a write are listed (is_refusal()); any other leaves it open, also one that a future server
 * invents. In doubt the status is STATUS_UNKNOWN.
 */
#include "store/mongo_driver.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/mongo_uri.h"

enum { ERROR_API = 2 }; /* errors of the server have a domain of their own */

/* After a conflict the server has ended the transaction already (mongo_transaction.c). */
static bool is_vain_abort(const char *message)
{
    static const char beginning[] = "Error in abortTransaction";
    return strncmp(message, beginning, sizeof(beginning) - 1) == 0;
}

static void on_driver_log(mongoc_log_level_t driver_level, const char *domain, const char *message, void *ctx)
{
    (void)ctx;
    enum log_level level = is_vain_abort(message)                      ? LOG_DEBUG
                           : driver_level <= MONGOC_LOG_LEVEL_CRITICAL ? LOG_ERROR
                           : driver_level == MONGOC_LOG_LEVEL_WARNING  ? LOG_WARN
                                                                       : LOG_DEBUG;
    log_event(level, NULL, "mongodb_driver", "domain=%s message=\"%s\"", domain, message);
}

static void driver_init(void)
{
    mongoc_log_set_handler(on_driver_log, NULL);
    mongoc_init();
}

bool mongo_is_duplicate(uint32_t code)
{
    return code == MONGOC_ERROR_DUPLICATE_KEY || code == 11001 || code == 12582;
}

/*
 * Server errors of a write that was refused for what it is: the server has not applied it, and never will. The names
 * are those of the server's error_codes.yml.
 *
 * Not among them: "not primary" (10107, 13435). The driver tries a write twice, and a mongos does so on its own. If the
 * first try lost its answer, the error that comes back is the second's, and says nothing about the first.
 */
static bool is_refusal(uint32_t code)
{
    static const uint32_t codes[] = {
        2,     /* BadValue */
        9,     /* FailedToParse */
        11,    /* UserNotFound */
        13,    /* Unauthorized */
        14,    /* TypeMismatch */
        18,    /* AuthenticationFailed */
        20,    /* IllegalOperation */
        22,    /* InvalidBSON */
        26,    /* NamespaceNotFound */
        40,    /* ConflictingUpdateOperators */
        52,    /* DollarPrefixedFieldName */
        56,    /* EmptyFieldName */
        57,    /* DottedFieldName */
        59,    /* CommandNotFound */
        61,    /* ShardKeyNotFound */
        66,    /* ImmutableField */
        72,    /* InvalidOptions */
        73,    /* InvalidNamespace */
        115,   /* CommandNotSupported */
        121,   /* DocumentValidationFailure */
        166,   /* CommandNotSupportedOnView */
        238,   /* NotImplemented */
        10334, /* BSONObjectTooLarge */
        11000, /* DuplicateKey */
        11001, /* the same, of an update in older servers */
        12582, /* the same, of an insert in older ones */
        17280, /* KeyTooLong */
        17419, /* the document would be too large */
        17420, /* the same, of an upsert */
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Whether the reply to a batch has an error of a statement that may still have been applied. */
static bool has_open_statement(const bson_t *reply)
{
    bson_iter_t at, each, code;
    if (!bson_iter_init_find(&at, reply, "writeErrors") || !bson_iter_recurse(&at, &each))
        return false;
    while (bson_iter_next(&each)) {
        bool is_told = bson_iter_recurse(&each, &code) && bson_iter_find(&code, "code");
        if (!is_told || !is_refusal((uint32_t)bson_iter_as_int64(&code)))
            return true;
    }
    return false;
}

/* Whether a failed write may still be applied, now or later. */
static bool outcome_is_open(const bson_t *reply, const bson_error_t *failure)
{
    if (bson_has_field(reply, "writeConcernError") || bson_has_field(reply, "writeConcernErrors"))
        return true;
    switch (failure->domain) {
    case MONGOC_ERROR_SERVER_SELECTION: /* no server to send it to */
    case MONGOC_ERROR_CLIENT:           /* not sent: authentication, a bad argument */
    case MONGOC_ERROR_COMMAND:
    case MONGOC_ERROR_BSON:
        return false;
    case MONGOC_ERROR_STREAM:
        return failure->code != MONGOC_ERROR_STREAM_CONNECT && failure->code != MONGOC_ERROR_STREAM_NAME_RESOLUTION;
    case MONGOC_ERROR_SERVER:
        return !is_refusal(failure->code) || has_open_statement(reply);
    default:
        return true;
    }
}

/* The names are those of the server's error_codes.yml. */
static enum cause cause_of(const bson_error_t *failure)
{
    if (failure->domain == MONGOC_ERROR_CLIENT && failure->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
        return CAUSE_LOGIN;
    if (failure->domain != MONGOC_ERROR_SERVER && failure->domain != MONGOC_ERROR_WRITE_CONCERN)
        return CAUSE_NONE;
    switch (failure->code) {
    case 11: /* UserNotFound */
    case 18: /* AuthenticationFailed */
        return CAUSE_LOGIN;
    case 13: /* Unauthorized */
        return CAUSE_RIGHTS;
    case 59:  /* CommandNotFound */
    case 72:  /* InvalidOptions */
    case 115: /* CommandNotSupported */
    case 238: /* NotImplemented */
        return CAUSE_UNSUPPORTED;
    case 14031: /* OutOfDiskSpace */
        return CAUSE_FULL;
    case 121: /* DocumentValidationFailure */
        return CAUSE_RULE;
    default:
        return strstr(failure->message, "No space left on device") ? CAUSE_FULL : CAUSE_NONE;
    }
}

enum status mongo_read_failed(const char *action, const bson_error_t *failure, struct error *error)
{
    error_set(error, STATUS_UNAVAILABLE, "mongodb: can't %s: %.150s (code %u)", action, failure->message,
              (unsigned)failure->code);
    return error_because(error, cause_of(failure), STATUS_UNAVAILABLE);
}

enum status mongo_write_failed(const char *action, const bson_t *reply, const bson_error_t *failure,
                               struct error *error)
{
    if (outcome_is_open(reply, failure)) {
        error_set(error, STATUS_UNKNOWN, "mongodb: no word whether it did %s: %.140s (code %u)", action,
                  failure->message, (unsigned)failure->code);
        return error_because(error, cause_of(failure), STATUS_UNKNOWN);
    }
    if (cause_of(failure) == CAUSE_RULE) {
        error_set(error, STATUS_INVALID, "mongodb: the collection's validator refuses to %s: %.140s", action,
                  failure->message);
        return error_because(error, CAUSE_RULE, STATUS_INVALID);
    }
    return mongo_read_failed(action, failure, error);
}

bool mongo_text_read(const bson_t *document, const char *key, struct slice *text)
{
    bson_iter_t value;
    uint32_t len = 0;
    if (!bson_iter_init_find(&value, document, key) || !BSON_ITER_HOLDS_UTF8(&value))
        return false;
    text->data = bson_iter_utf8(&value, &len);
    text->len = len;
    return true;
}

bool mongo_text_copy(const bson_t *document, const char *key, char *text, size_t size_bytes)
{
    struct slice value;
    if (!mongo_text_read(document, key, &value) || value.len >= size_bytes || memchr(value.data, '\0', value.len))
        return false;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return true;
}

bool mongo_time_read(const bson_t *document, const char *key, int64_t *at_ms)
{
    bson_iter_t value;
    bool there = bson_iter_init_find(&value, document, key) && BSON_ITER_HOLDS_DATE_TIME(&value);
    *at_ms = there ? bson_iter_date_time(&value) : 0;
    return there;
}

static enum status pool_open(struct mongo_server *server, const char *full, struct error *error)
{
    bson_error_t failure;
    mongoc_uri_t *uri = mongoc_uri_new_with_error(full, &failure);
    if (!uri)
        return error_set(error, STATUS_INVALID, "the store's URI can't be read: %.180s", failure.message);
    server->database = mem_strdup(mongoc_uri_get_database(uri));
    server->is_direct = mongoc_uri_get_option_as_bool(uri, MONGOC_URI_DIRECTCONNECTION, false);
    server->pool = mongoc_client_pool_new_with_error(uri, &failure);
    mongoc_uri_destroy(uri);
    if (!server->pool)
        return error_set(error, STATUS_INVALID, "the store's URI can't be used: %.180s", failure.message);
    mongoc_client_pool_set_error_api(server->pool, ERROR_API);
    mongo_server_watch(server);
    return STATUS_OK;
}

enum status mongo_server_init(struct mongo_server *server, const char *uri, uint32_t timeout_ms, uint32_t concurrency,
                              struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char *full;
    *server = (struct mongo_server){.timeout_ms = timeout_ms, .marking = PTHREAD_MUTEX_INITIALIZER};
    enum status status = mongo_uri_complete(uri, timeout_ms, concurrency, &full, &server->max_time_ms, error);
    if (status)
        return status;
    pthread_once(&once, driver_init);
    status = pool_open(server, full, error);
    free(full);
    if (status)
        mongo_server_fini(server);
    return status;
}

void mongo_server_fini(struct mongo_server *server)
{
    if (server->pool)
        mongoc_client_pool_destroy(server->pool);
    free(server->database);
}

enum status mongo_session_open(struct mongo_session *session, struct mongo_server *server, const char *collection_name,
                               struct error *error)
{
    mongoc_client_t *client = mongoc_client_pool_pop(server->pool);
    if (!client)
        return error_set(error, STATUS_BUSY, "mongodb: all its connections are in use");
    session->server = server;
    session->client = client;
    session->collection = mongoc_client_get_collection(client, server->database, collection_name);
    session->collection_name = collection_name;
    session->causal = NULL;
    session->transaction = NULL;
    return STATUS_OK;
}

void mongo_session_close(struct mongo_session *session)
{
    mongo_session_unshare(session);
    mongoc_client_pool_push(session->server->pool, session->client);
}

void mongo_session_share(struct mongo_session *shared, const struct mongo_session *session, const char *collection_name)
{
    *shared = *session;
    shared->collection = mongoc_client_get_collection(session->client, session->server->database, collection_name);
    shared->collection_name = collection_name;
    shared->causal = NULL;
}

void mongo_session_unshare(struct mongo_session *shared)
{
    mongoc_collection_destroy(shared->collection);
    if (shared->causal)
        mongoc_client_session_destroy(shared->causal);
}

enum status mongo_session_check(struct mongo_session *session, struct error *error)
{
    bson_t reply;
    bson_iter_t is_primary;
    bson_error_t failure;
    if (!session->server->is_direct)
        return STATUS_OK;
    bson_t *command = BCON_NEW("isMaster", BCON_INT32(1));
    bool answered = mongoc_client_command_simple(session->client, "admin", command, NULL, &reply, &failure);
    bool holds = answered && bson_iter_init_find(&is_primary, &reply, "ismaster") && bson_iter_as_bool(&is_primary);
    bson_destroy(&reply);
    bson_destroy(command);
    if (!answered)
        return mongo_read_failed("ask whether it is the primary", &failure, error);
    if (holds)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE,
                     "mongodb: the host of the URI is not the primary now, so what it answers may be out of date; "
                     "remove directConnection=true, so that the driver finds the primary");
}

enum status mongo_session_close_read(struct mongo_session *session, enum status status, struct error *error)
{
    if (status != STATUS_UNAVAILABLE) {
        enum status checked = mongo_session_check(session, error);
        status = checked == STATUS_OK ? status : checked;
    }
    mongo_session_close(session);
    return status;
}
