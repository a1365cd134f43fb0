/* SPDX-License-Identifier: MIT */
/*
 * Media types in Content-Type and Accept (RFC 9110 8.3, 12.5.1), codings in Accept-Encoding (12.5.3).
 * context  any (pure)
 */
#ifndef BASE_MEDIA_H
#define BASE_MEDIA_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * Whether a Content-Type field names type ("application/json"). Parameters are ignored; an absent field names nothing.
 */
bool media_is(struct slice content_type, struct slice type);

/*
 * Whether an Accept field takes type: the most specific range that fits decides. An absent or empty field takes any
 * type.
 */
bool media_accepted(struct slice accept, struct slice type);

/* Whether an Accept-Encoding field takes coding. An absent or empty field takes none. */
bool media_coding_accepted(struct slice accept_encoding, struct slice coding);

#endif
