/* SPDX-License-Identifier: MIT */
/*
 * The table of settings. A row: name, default, least, most, unit, help.
 *
 * For TEXT, least and most are lengths in bytes. For CHOICE, the value is one of an enum's, so the default is an enum
 * value, least is 0, most is the number of values (which the enum's last entry counts), and the unit column lists the
 * words that stand for them in the enum's order.
 *
 * To add one: a row here, an entry in etc/todo.conf, and a paragraph in doc/todo.conf.5; the lint test says what is
 * missing.
 */
#ifndef BASE_SETTINGS_TABLE_H
#define BASE_SETTINGS_TABLE_H

enum log_level_choice { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_CHOICES };
enum write_policy_choice { WRITE_INVALIDATE, WRITE_PUBLISH, WRITE_CHOICES };
enum cache_down_choice { CACHE_DOWN_ALLOW, CACHE_DOWN_REFUSE, CACHE_DOWN_CHOICES };

#define SETTINGS(TEXT, INT, BOOL, CHOICE)                                                                              \
    TEXT(store, "sqlite:todo.db", 1, 1000, "URI",                                                                      \
         "The database behind the cache: sqlite:FILE, or a mongodb:// or mongodb+srv:// URI whose path names the "     \
         "database.")                                                                                                  \
    TEXT(redis, "unix:/run/redis/redis-server.sock", 1, 500, "address",                                                \
         "The cache: unix:PATH, unix:PATH?db=N, HOST:PORT, HOST:PORT/DB, "                                             \
         "sentinel://HOST:PORT,HOST:PORT/NAME[/DB], or cluster://HOST:PORT,HOST:PORT.")                                \
    TEXT(redis_user, "", 0, 100, "name", "ACL user for AUTH; empty: the default user.")                                \
    TEXT(redis_password_file, "", 0, 500, "file", "File whose first line is the password for AUTH; empty: no AUTH.")   \
    TEXT(sentinel_user, "", 0, 100, "name", "ACL user for AUTH at the sentinels; empty: the default user.")            \
    TEXT(sentinel_password_file, "", 0, 500, "file",                                                                   \
         "File whose first line is the sentinels' own password; empty: no AUTH there.")                                \
    INT(redis_timeout_ms, 100, 10, 10000, "ms",                                                                        \
        "Redis that is silent for this long while a command waits is away: reads go to the store.")                    \
    INT(redis_reconnect_max_ms, 1000, 50, 60000, "ms", "Longest pause between attempts to reconnect to Redis.")        \
    CHOICE(on_cache_down, CACHE_DOWN_ALLOW, 0, CACHE_DOWN_CHOICES, "allow|refuse",                                     \
           "A write while Redis is away: allow records the invalidation in the store first; refuse answers 503.")      \
    CHOICE(write_policy, WRITE_INVALIDATE, 0, WRITE_CHOICES, "invalidate|publish",                                     \
           "After a write: invalidate leaves no entry; publish leaves the new one if no other write overlapped.")      \
    INT(todo_ttl_s, 300, 1, 604800, "s", "Lifetime of a cached todo; each entry's is shorter by up to 10 % (jitter).") \
    INT(todo_soft_ttl_s, 0, 0, 604800, "s",                                                                            \
        "From this age on a cached todo is still answered, but refreshed in the background; 0: never.")                \
    INT(xfetch_beta, 1, 0, 100, "factor",                                                                              \
        "How eagerly entries are refreshed before they expire, by their cost to read (XFetch); 0: never.")             \
    INT(stale_if_error_s, 0, 0, 604800, "s",                                                                           \
        "For how long after its end a cached todo may be answered if the store is away; 0: never.")                    \
    INT(hits_without_store_s, 0, 0, 604800, "s",                                                                       \
        "How long hits go on after the last good look at the store, at least 2 s; 0: as long as entries live.")        \
    INT(l1_mbytes, 32, 0, 65536, "MB", "Memory of each machine for hits that needn't ask Redis (the L1); 0: none.")    \
    INT(negative_ttl_s, 60, 1, 86400, "s", "Lifetime of a cached 'there is no such todo'.")                            \
    INT(list_ttl_s, 60, 1, 86400, "s", "Lifetime of a cached list page.")                                              \
    INT(lease_ms, 3000, 100, 60000, "ms", "How long one reader may take to fill an entry before another may try.")     \
    INT(lease_wait_ms, 200, 0, 10000, "ms",                                                                            \
        "How long a reader waits for another's fill before it reads the store itself.")                                \
    INT(write_deadline_ms, 10000, 1000, 120000, "ms",                                                                  \
        "How long a write's fence lasts if its worker dies; longer than the store may take to apply the write.")       \
    INT(store_timeout_ms, 2000, 50, 60000, "ms", "Longest time that one store call may take.")                         \
    INT(store_concurrency, 8, 1, 128, "calls", "Store reads under way at once, per worker, and as many writes.")       \
    INT(store_queue, 1000, 0, 100000, "calls", "Store calls that may wait, per worker; beyond that readers get 503.")  \
    TEXT(write_queue, "", 0, 500, "address",                                                                           \
         "The write queue's journal: redis://HOST:PORT[/DB] or redis://unix:PATH, a durable Redis of its own; "        \
         "file:DIR; empty: no queue.")                                                                                 \
    TEXT(queue_user, "", 0, 100, "name", "ACL user for AUTH at the queue's Redis; empty: the default user.")           \
    TEXT(queue_password_file, "", 0, 500, "file",                                                                      \
         "File whose first line is the password of the queue's Redis; empty: no AUTH.")                                \
    INT(queue_depth_max, 200000, 1, 100000000, "writes", "Queued writes that may wait; beyond that clients get 503.")  \
    INT(queue_age_max_s, 300, 1, 604800, "s",                                                                          \
        "While a shard's oldest queued write waits longer than this, it takes no more: clients get 503.")              \
    BOOL(follow, false, 0, 1, "on|off",                                                                                \
         "Follow the store's change stream, so that others' writes to it are invalidated too; needs a replica set.")   \
    INT(audit_rate, 1000, 0, 1000000, "hits",                                                                          \
        "One in so many hits is compared with the store 1, 10 and 60 s later; 0: none.")                               \
    BOOL(require_if_match, false, 0, 1, "on|off",                                                                      \
         "Answer 428 to PUT, PATCH and DELETE of a todo without If-Match, so that no edit is lost by mistake.")        \
    TEXT(todo_cache_control, "no-cache", 0, 200, "directives",                                                         \
         "Cache-Control of a todo; with the default caches may keep it but must ask each time.")                       \
    TEXT(list_cache_control, "no-cache", 0, 200, "directives", "Cache-Control of a page of the list.")                 \
    TEXT(todo_cdn_cache_control, "", 0, 200, "directives",                                                             \
         "CDN-Cache-Control of a todo (RFC 9213); empty: none is sent.")                                               \
    TEXT(list_cdn_cache_control, "", 0, 200, "directives", "CDN-Cache-Control of a page of the list; empty: none.")    \
    INT(not_found_max_age_s, 0, 0, 86400, "s",                                                                         \
        "How long caches may keep 'there is no such todo'; above 0 only behind a CDN that is purged. 0: no-store.")    \
    BOOL(surrogate_keys, false, 0, 1, "on|off",                                                                        \
         "Send Surrogate-Key, Cache-Tag and Cache-Groups, by which a CDN purges what a write changed.")                \
    TEXT(purge_url, "", 0, 1000, "URLs",                                                                               \
         "Caches in front that each write purges: varnish+http://HOST:PORT, or http(s)://..., with blanks between.")   \
    INT(purge_wait_ms, 50, 0, 5000, "ms",                                                                              \
        "Longest wait of a write's answer for those caches; then it says Purge-Status: pending.")                      \
    INT(purge_again_ms, 2000, 0, 60000, "ms",                                                                          \
        "After this a purge is sent once more, for reads that were under way; 0: once only.")                          \
    TEXT(purge_header_file, "", 0, 500, "file",                                                                        \
         "File with header fields for purges of http(s):// URLs, one a line: tokens, for instance; empty: none.")      \
    BOOL(server_timing, false, 0, 1, "on|off", "Send Server-Timing: the milliseconds spent in Redis and the store.")   \
    BOOL(public_stats, true, 0, 1, "on|off", "Answer GET /stats: how many reads the caches answered, for everybody.")  \
    TEXT(write_token_file, "", 0, 500, "file",                                                                         \
         "File whose first line is the bearer token that writes must show; empty: all clients may write.")             \
    INT(idempotency_ttl_s, 86400, 60, 2592000, "s", "How long the answer to an Idempotency-Key is kept.")              \
    INT(rate_limit_per_minute, 0, 0, 6000000, "requests",                                                              \
        "Requests that one client address may make in a minute, evenly; 0: no limit.")                                 \
    INT(rate_limit_burst, 60, 1, 100000, "requests", "Requests that a client may make at once within that limit.")     \
    INT(body_max_bytes, 65536, 1024, 1048576, "bytes", "Largest request body; nginx' client_max_body_size equals it.") \
    INT(connections_max, 1024, 1, 65536, "connections", "FastCGI connections that one worker keeps open.")             \
    INT(changes_max, 10000, 0, 65536, "clients",                                                                       \
        "Clients that may wait for changes and queued writes, per worker; 0: none may.")                               \
    INT(idle_timeout_s, 75, 1, 3600, "s",                                                                              \
        "An idle FastCGI connection is closed after this; longer than nginx' keepalive_timeout for the upstream.")     \
    INT(drain_timeout_ms, 4000, 100, 60000, "ms", "On SIGTERM: longest wait for requests under way.")                  \
    TEXT(stats_file, "", 0, 500, "file",                                                                               \
         "File that the workers share for counters and events; empty: each worker counts for itself.")                 \
    INT(stats_slots, 64, 1, 1024, "slots", "Workers and tools that the counters' file has room for.")                  \
    CHOICE(log_level, LOG_LEVEL_INFO, 0, LOG_LEVEL_CHOICES, "error|warn|info|debug", "Least serious event to log.")    \
    TEXT(log_file, "", 0, 500, "file",                                                                                 \
         "File that the workers append their log to, opened again on SIGHUP or SIGUSR2; empty: standard error.")

#endif
