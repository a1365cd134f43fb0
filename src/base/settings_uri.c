/* SPDX-License-Identifier: MIT */
/*
 * A URI or an address as it may be shown: in --show-config, in the log, in an error.
 *
 * A MongoDB URI can hold secrets in two places: the password before the host, and options in its query (the key file's
 * password, and authMechanismProperties, which carries AWS session tokens). Both become "***". User, hosts, database
 * and the other options stay, because people need them when a connection fails. The settings redis and purge_url take
 * no password; if an operator writes one there all the same, it is masked in the same way, with or without a scheme.
 *
 * The URI may be invalid, because it is shown before it is parsed. A password may hold special characters that should
 * have been percent-encoded, and must not show even then. So everything from the first ':' to the last '@' is masked.
 * The price: in a URI without a password but with an '@' in an option, too much is masked.
 *
 * Does not: check, decode or normalise. A file (sqlite:FILE, unix:PATH, file:DIR) has no secrets and stays as it is.
 */
#include "base/settings.h"

#include <string.h>
#include <strings.h>

/* Appends one "name=value" of a URI's query; the value is masked if it may be a secret. */
static void append_uri_option(struct buf *out, struct slice option)
{
    static const char *const secrets[] = {"tlscertificatekeyfilepassword", "sslclientcertificatekeypassword",
                                          "authmechanismproperties"};
    struct slice value;
    struct slice name = slice_split(option, '=', &value);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (value.data && strlen(secrets[i]) == name.len && strncasecmp(name.data, secrets[i], name.len) == 0) {
            buf_append_slice(out, name);
            buf_append_text(out, "=***");
            return;
        }
    }
    buf_append_slice(out, option);
}

static void append_uri_query(struct buf *out, const char *query)
{
    while (*query) {
        size_t len = strcspn(query, "&;");
        append_uri_option(out, (struct slice){query, len});
        query += len;
        if (*query)
            buf_append_char(out, *query++);
    }
}

void settings_mask_uri(struct buf *out, const char *uri)
{
    if (strncmp(uri, "sqlite:", 7) == 0 || strncmp(uri, "unix:", 5) == 0 || strncmp(uri, "file:", 5) == 0) {
        buf_append_text(out, uri);
        return;
    }
    const char *scheme = strstr(uri, "://");
    const char *authority = scheme ? scheme + strlen("://") : uri;
    buf_append(out, uri, (size_t)(authority - uri));

    const char *at = strrchr(authority, '@');
    const char *colon = strchr(authority, ':');
    if (at && colon && colon < at) {
        buf_append(out, authority, (size_t)(colon - authority));
        buf_append_text(out, ":***");
        authority = at;
    }
    size_t path_len = strcspn(authority, "?");
    buf_append(out, authority, path_len);
    if (authority[path_len] == '?') {
        buf_append_char(out, '?');
        append_uri_query(out, authority + path_len + 1);
    }
}
