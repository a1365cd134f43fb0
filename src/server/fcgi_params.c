/* SPDX-License-Identifier: MIT */
/*
 * The parameters of a FastCGI request, which the table REQUEST_PARAMS names (api/request.h).
 *
 * nginx sends them in one order, the table's. So the search for each begins behind the one that was found last, and
 * most are found at once.
 */
#include "server/fcgi_params.h"

#include <string.h>

/* One row of REQUEST_PARAMS. */
struct wanted_param {
    const char *prefix; /* "NAME=" */
    size_t len;
    size_t offset; /* of the member of struct request */
};

static bool param_is(const char *param, const struct wanted_param *wanted)
{
    return param[0] == wanted->prefix[0] && strncmp(param, wanted->prefix, wanted->len) == 0;
}

/* A header field of several lines is one list (RFC 9110 5.3): all its values, with commas between them. */
static struct slice params_joined(char **params, const struct wanted_param *wanted, struct arena *arena)
{
    size_t len = 0;
    for (char **param = params; *param; param++)
        if (param_is(*param, wanted))
            len += strlen(*param) - wanted->len + 2;
    char *text = arena_alloc(arena, len + 1), *at = text;
    const char *between = "";
    for (char **param = params; *param; param++) {
        if (!param_is(*param, wanted))
            continue;
        at = stpcpy(stpcpy(at, between), *param + wanted->len);
        between = ", ";
    }
    return (struct slice){text, (size_t)(at - text)};
}

/*
 * Fills in the parameters in one pass. The slices point into libfcgi's own strings, which live until FCGX_Finish_r().
 * That is called after the answer, so nothing is copied. Only lines of one header field are: they are joined, once per
 * field, however many there are. Of any other parameter that is sent twice the first one counts.
 */
void fcgi_params_read(struct request *request, char **params)
{
    static const struct wanted_param wanted[] = {
#define REQUEST_PARAM_ROW(member, param) {param "=", sizeof(param), offsetof(struct request, member)},
        REQUEST_PARAMS(REQUEST_PARAM_ROW)
#undef REQUEST_PARAM_ROW
    };
    enum { WANTED_COUNT = sizeof(wanted) / sizeof(wanted[0]) };
    uint32_t joined = 0;
    _Static_assert(WANTED_COUNT <= 32, "a bit for each");
    size_t at = 0;
    for (char **param = params; *param; param++) {
        size_t tried = 0;
        while (tried < WANTED_COUNT && !param_is(*param, &wanted[at])) {
            tried++;
            at = at + 1 == WANTED_COUNT ? 0 : at + 1;
        }
        if (tried == WANTED_COUNT)
            continue;
        struct slice *slice = (struct slice *)((char *)request + wanted[at].offset);
        if (!slice->data) {
            *slice = slice_of(*param + wanted[at].len);
        } else if (!(joined & 1u << at) && strncmp(*param, "HTTP_", 5) == 0) {
            *slice = params_joined(params, &wanted[at], &request->arena);
            joined |= 1u << at;
        }
    }
}

void fcgi_params_forget(struct request *request)
{
#define REQUEST_PARAM_RESET(member, param) request->member = (struct slice){0};
    REQUEST_PARAMS(REQUEST_PARAM_RESET)
#undef REQUEST_PARAM_RESET
    request->body = (struct slice){0};
}
