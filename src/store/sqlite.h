/* SPDX-License-Identifier: MIT */
/*
 * One SQLite file and this process' connections to it, without a type of sqlite3. All files of the embedded store use
 * it.
 *
 * A call takes a connection, chooses a statement with sqlite_use(), binds, steps, reads columns, and gives the
 * connection back. All functions behind sqlite_use() concern that statement.
 *
 * errors   a statement that can't be prepared fails at its first step; sqlite_failed() then says why
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

/* Opens nothing: the first call opens one connection to write and reader_count to read, and makes a missing file. */
struct sqlite_file *sqlite_file_new(const char *path, const struct sqlite_schema *schema, uint32_t reader_count,
                                    uint32_t timeout_ms);
void sqlite_file_free(struct sqlite_file *file);

/*
 * STATUS_BUSY: no connection came back in time. STATUS_UNAVAILABLE: the file can't be opened, or was moved away; or it
 * is to write, and another process holds the write lock.
 */
enum status sqlite_take(struct sqlite_file *file, enum sqlite_lane lane, struct sqlite_connection **connection,
                        struct error *error) STATUS_MUST_CHECK;

/* The same for a call that has waited since then, on the monotonic clock; a connection of its own in any case. */
enum status sqlite_take_since(struct sqlite_file *file, enum sqlite_lane lane, int64_t begun_ms,
                              struct sqlite_connection **connection, struct error *error) STATUS_MUST_CHECK;

/* From now on what the connection does may take any time, until it is taken or shared anew. */
void sqlite_take_time(struct sqlite_connection *connection);

/* Ends the statement in use, and with it its locks. */
void sqlite_give_back(struct sqlite_connection *connection);

/*
 * From now on each sqlite_take() of this thread gets this connection, which it has taken; NULL: no more. The result is
 * the one that was shared before.
 */
struct sqlite_connection *sqlite_share(struct sqlite_connection *connection);
bool sqlite_is_shared(const struct sqlite_connection *connection);

void sqlite_use(struct sqlite_connection *connection, enum sqlite_sql sql);
void sqlite_bind_text(struct sqlite_connection *connection, int at, struct slice text); /* borrowed until the step */
void sqlite_bind_int(struct sqlite_connection *connection, int at, int64_t value);
enum sqlite_step sqlite_step(struct sqlite_connection *connection);
struct slice sqlite_column_text(struct sqlite_connection *connection, int at); /* until the next step; NUL behind it */
int64_t sqlite_column_int(struct sqlite_connection *connection, int at);

/* Steps a statement that returns no rows, and makes it ready to be bound again. */
bool sqlite_run(struct sqlite_connection *connection);

/* Rows that the last statement wrote. */
int sqlite_change_count(struct sqlite_connection *connection);

/* The last error of the connection: UNAVAILABLE, with what to do about it; INVALID if a table's rule refused a row. */
enum status sqlite_failed(struct sqlite_connection *connection, const char *action, struct error *error);

/* Whether a COMMIT that failed with this (extended) code has surely applied nothing. any thread */
bool sqlite_commit_is_void(int code);

/*
 * A transaction: BEGIN IMMEDIATE, in this process' turn; COMMIT; and what must follow a begin in any case, the rollback
 * (unless it is over) and the end of the turn.
 * errors   UNKNOWN: the commit failed, and may or may not be applied
 */
enum status sqlite_begin(struct sqlite_connection *connection, struct error *error) STATUS_MUST_CHECK;
enum status sqlite_commit(struct sqlite_connection *connection, struct error *error) STATUS_MUST_CHECK;
void sqlite_end(struct sqlite_connection *connection);

/* False: committed, or rolled back by an error. */
bool sqlite_is_begun(const struct sqlite_connection *connection);

#endif
