/* SPDX-License-Identifier: MIT */
/*
 * libmongoc as the MongoDB store uses it: a client for one call, what an error says about the outcome, texts of a
 * document. Private to store/mongo*.c.
 *
 * The driver's types are declared here and not included, so that only the .c files of the MongoDB store see its
 * headers.
 * context  pool thread, may block, within the limits that mongo_uri.c put into the URI
 */
#ifndef STORE_MONGO_DRIVER_H
#define STORE_MONGO_DRIVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

struct _bson_t;
struct _bson_error_t;
struct _mongoc_client_t;
struct _mongoc_client_pool_t;
struct _mongoc_client_session_t;
struct _mongoc_collection_t;

struct mongo_transaction;

/* How far the store's history has come, and a cluster's proof of it (mongo_watermark.c). */
struct mongo_mark {
    uint64_t time;         /* the operationTime of a reply, seconds in the upper half; 0: none */
    uint64_t cluster_time; /* its $clusterTime, with key and hash; 0: of a replica set, which needs none */
    uint64_t key_id;
    uint8_t hash[20];
};

struct mongo_server {
    struct _mongoc_client_pool_t *pool;
    char *database;
    int64_t max_time_ms;      /* of each operation, on the server */
    uint32_t timeout_ms;      /* of a call */
    bool is_direct;           /* directConnection=true: to one host, whether it is the primary or not */
    atomic_bool is_sharded;   /* a mongos was met */
    atomic_bool is_unchecked; /* and its catalogue may not be read, as the log says */
    atomic_bool is_prepared;  /* the indexes were there, and no operation has missed one since */
    pthread_mutex_t marking;  /* guards mark */
    struct mongo_mark mark;   /* the latest */
};

/* STATUS_INVALID: the URI. Makes no connection yet. */
enum status mongo_server_init(struct mongo_server *server, const char *uri, uint32_t timeout_ms, uint32_t concurrency,
                              struct error *error) STATUS_MUST_CHECK;
void mongo_server_fini(struct mongo_server *server);

/* Raises its watermark to the time of the document's key, if it is one, which came with the reply. any thread */
void mongo_server_note(struct mongo_server *server, const struct _bson_t *document, const char *key,
                       const struct _bson_t *reply);

/* Whether what this thread is told of leaves all watermarks as they are, but for the commit of a transaction. */
void mongo_watermark_pause(bool is_paused);

/* From now on its watermark is the latest that a reply has told. Before the first call. */
void mongo_server_watch(struct mongo_server *server);

/* A client of the pool and a collection of the database, for one call. */
struct mongo_session {
    struct mongo_server *server;
    struct _mongoc_client_t *client;
    struct _mongoc_collection_t *collection;
    const char *collection_name;             /* borrowed */
    struct _mongoc_client_session_t *causal; /* of reads that catch up; NULL: none yet */
    struct mongo_transaction
        *transaction; /* its reads by mongo_session_catch_up() and its batches are part of it; NULL:
                                                none (mongo_transaction.h) */
};

/* STATUS_BUSY: no client came back in time. */
enum status mongo_session_open(struct mongo_session *session, struct mongo_server *server, const char *collection_name,
                               struct error *error) STATUS_MUST_CHECK;
void mongo_session_close(struct mongo_session *session);

/* Another collection by the client of an open session, which must be closed later. A second client might not come. */
void mongo_session_share(struct mongo_session *shared, const struct mongo_session *session,
                         const char *collection_name);
void mongo_session_unshare(struct mongo_session *shared);

/*
 * Closes a session whose reads ended with status, and returns that.
 * errors  STATUS_UNAVAILABLE: the connection is a direct one, and its host is not the primary; what was read may be out
 *         of date
 */
enum status mongo_session_close_read(struct mongo_session *session, enum status status,
                                     struct error *error) STATUS_MUST_CHECK;

/*
 * Adds to the options of a read that it shows at least the watermark (mongo_watermark.c). Such a read waits for it,
 * and fails if the time of the call is over before. In a transaction it shows that one's snapshot.
 */
enum status mongo_session_catch_up(struct mongo_session *session, struct _bson_t *options,
                                   struct error *error) STATUS_MUST_CHECK;

/* Whether the session's server is the one that takes writes. Asked only of a direct connection; others know it. */
enum status mongo_session_check(struct mongo_session *session, struct error *error) STATUS_MUST_CHECK;

/* Of an operation that surely wrote nothing: STATUS_UNAVAILABLE. */
enum status mongo_read_failed(const char *action, const struct _bson_error_t *failure, struct error *error);

/* Of a write: STATUS_UNKNOWN unless it is certain that nothing was applied. */
enum status mongo_write_failed(const char *action, const struct _bson_t *reply, const struct _bson_error_t *failure,
                               struct error *error);
bool mongo_is_duplicate(uint32_t code);

/* The text of a key, borrowed from the document. False: there is none, or it is no text. */
bool mongo_text_read(const struct _bson_t *document, const char *key, struct slice *text);

/* The same, copied into text with a NUL. False also if it has a NUL or is too long. */
bool mongo_text_copy(const struct _bson_t *document, const char *key, char *text, size_t size_bytes);

/* The time of a key. False: there is none, or it is no time; at_ms is 0 then. */
bool mongo_time_read(const struct _bson_t *document, const char *key, int64_t *at_ms);

#endif
