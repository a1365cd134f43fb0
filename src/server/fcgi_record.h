/* SPDX-License-Identifier: MIT */
/*
 * The records of an answer (FastCGI 1.0, 3.3), for requests that libfcgi has no memory of any more.
 * context  any (pure)
 */
#ifndef SERVER_FCGI_RECORD_H
#define SERVER_FCGI_RECORD_H

#include <stdint.h>

#include "base/buf.h"

/* Appends bytes of the answer, in as many records as they need. */
void fcgi_record_output(struct buf *out, uint16_t request_id, struct slice bytes);

/* Appends the end of the answer and of the request. */
void fcgi_record_end(struct buf *out, uint16_t request_id);

#endif
