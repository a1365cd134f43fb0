/* SPDX-License-Identifier: MIT */
/*
 * The changes of the collection todos, as a MongoDB replica set or sharded cluster streams them. The contracts are those of
 * follow.h.
 */
#ifndef STORE_MONGO_STREAM_H
#define STORE_MONGO_STREAM_H

#include "store/mongo_driver.h"
#include "store/store_ops.h"

enum status mongo_stream_open(struct mongo_server *server, struct store *store, const struct resume_token *resume_after,
                              struct store_stream **stream, struct error *error) STATUS_MUST_CHECK;
enum status mongo_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                              struct error *error) STATUS_MUST_CHECK;
void mongo_stream_close(struct store_stream *stream);

#endif
