/* SPDX-License-Identifier: MIT */
/*
 * A MongoDB URI, completed with tight limits and safe concerns where the operator's has none.
 * context  any (pure)
 */
#ifndef STORE_MONGO_URI_H
#define STORE_MONGO_URI_H

#include <stdint.h>

#include "base/error.h"

/*
 * full         the completed URI; the caller frees it
 * max_time_ms  the time of each operation on the server: less than timeout_ms, so that the server's answer comes first
 * errors       STATUS_INVALID: no database in the path, or an option that would break what store.h promises
 */
enum status mongo_uri_complete(const char *uri, uint32_t timeout_ms, uint32_t concurrency, char **full,
                               int64_t *max_time_ms, struct error *error) STATUS_MUST_CHECK;

#endif
