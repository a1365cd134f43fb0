/* SPDX-License-Identifier: MIT */
/*
 * One SQLite file and this process' connections to it, without a type of sqlite3: sqlite_store.c stands on this.
 *
 * A call takes a connection, chooses a statement with sqlite_use(), binds, steps, reads columns, and gives the connection
 * back. All that comes after sqlite_use() is about that statement.
 *
 * errors   a statement that can't be prepared fails at its first step; sqlite_failed() then tells why
 * context  pool thread, may block, until the deadline that sqlite_take() has set; a connection has one user at a time
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "store/sqlite_sql.h"

struct sqlite_file;
struct sqlite_connection;

enum sqlite_lane { LANE_READ, LANE_WRITE };
enum sqlite_step { STEP_ROW, STEP_DONE, STEP_FAILED };

/* Opens nothing yet: the first call does, with reader_count connections to read and one to write; it makes what is missing. */
struct sqlite_file *sqlite_file_new(const char *path, uint32_t reader_count, uint32_t timeout_ms);
void sqlite_file_free(struct sqlite_file *file);

/* STATUS_BUSY: no connection came back in time; STATUS_UNAVAILABLE: the file can't be opened. */
enum status sqlite_take(struct sqlite_file *file, enum sqlite_lane lane, struct sqlite_connection **connection,
                        struct error *error) STATUS_MUST_CHECK;

/* Ends the statement in use, and with it what it kept other processes from doing. */
void sqlite_give_back(struct sqlite_connection *connection);

void sqlite_use(struct sqlite_connection *connection, enum sqlite_sql sql);
void sqlite_bind_text(struct sqlite_connection *connection, int at, struct slice text); /* borrowed until the step */
void sqlite_bind_int(struct sqlite_connection *connection, int at, int64_t value);
enum sqlite_step sqlite_step(struct sqlite_connection *connection);
struct slice sqlite_column_text(struct sqlite_connection *connection, int at); /* until the next step; NUL behind it */
int64_t sqlite_column_int(struct sqlite_connection *connection, int at);

/* Steps a statement that gives no rows, and makes it ready to be bound again. */
bool sqlite_run(struct sqlite_connection *connection);

/* Rows that the last statement wrote. */
int sqlite_change_count(struct sqlite_connection *connection);

/* The connection's last error: UNAVAILABLE with what to do about it, or INVALID if a table's rules refused a row. */
enum status sqlite_failed(struct sqlite_connection *connection, const char *action, struct error *error);

/* What a write does between BEGIN and COMMIT; another status than STATUS_OK rolls back and is the transaction's. */
typedef enum status (*sqlite_body_fn)(struct sqlite_connection *connection, void *ctx, struct error *error);

/* STATUS_UNKNOWN: the commit failed in a way that leaves its outcome open. */
enum status sqlite_transact(struct sqlite_file *file, sqlite_body_fn body, void *ctx,
                            struct error *error) STATUS_MUST_CHECK;

#endif
