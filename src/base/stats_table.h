/* SPDX-License-Identifier: MIT */
/*
 * The table of metrics. A row: name in C, metric family, labels, help. Rows of one family stand
 * together; its help is the first row's. Counters end in _total; times are in seconds when printed.
 *
 * To add one: a row here, and stats_add() or stats_time() where it happens. A gauge has one word more: how the values
 * of the workers that run make one (the sum, the largest), or that each has a line of its own, with its slot's number.
 * It is set in server/gauges.c, or where it is known.
 */
#ifndef BASE_STATS_TABLE_H
#define BASE_STATS_TABLE_H

#define STATS_COUNTERS(X)                                                                                              \
    X(HIT, "todo_cache_reads_total", "result=\"hit\"", "Reads of a todo, by what the cache had.")                      \
    X(NEGATIVE_HIT, "todo_cache_reads_total", "result=\"negative_hit\"", "")                                           \
    X(MISS, "todo_cache_reads_total", "result=\"miss\"", "")                                                           \
    X(BYPASS, "todo_cache_reads_total", "result=\"bypass\"", "")                                                       \
    X(REQUEST, "todo_cache_reads_total", "result=\"request\"", "")                                                     \
    X(ABSENT_READ, "todo_absent_reads_total", "",                                                                      \
      "Reads of todos that do not exist, of those that the store answered.")                                           \
    X(LIST_HIT, "todo_list_reads_total", "result=\"hit\"", "Reads of a list page, by what the cache had.")             \
    X(LIST_MISS, "todo_list_reads_total", "result=\"miss\"", "")                                                       \
    X(LIST_BYPASS, "todo_list_reads_total", "result=\"bypass\"", "")                                                   \
    X(LIST_REQUEST, "todo_list_reads_total", "result=\"request\"", "")                                                 \
    X(L1_HIT, "todo_l1_reads_total", "result=\"hit\"", "Reads that asked the L1 first, by whether it had the todo.")   \
    X(L1_MISS, "todo_l1_reads_total", "result=\"miss\"", "")                                                           \
    X(L1_KEPT, "todo_l1_keeps_total", "result=\"kept\"", "Entries offered to the L1, by what it did.")                 \
    X(L1_EVICTED, "todo_l1_keeps_total", "result=\"evicted\"", "")                                                     \
    X(L1_REFUSED, "todo_l1_keeps_total", "result=\"refused\"", "")                                                     \
    X(LICENCE_JOINED, "todo_l1_licences_total", "event=\"joined\"",                                                    \
      "What became of this machine's licence to answer from its L1.")                                                  \
    X(LICENCE_RENEWED, "todo_l1_licences_total", "event=\"renewed\"", "")                                              \
    X(LICENCE_LOST, "todo_l1_licences_total", "event=\"lost\"", "")                                                    \
    X(TELL_APPLIED, "todo_l1_waits_total", "result=\"applied\"",                                                       \
      "Writes that waited for other machines' L1s, by how that ended.")                                                \
    X(TELL_OVER, "todo_l1_waits_total", "result=\"over\"", "")                                                         \
    X(FILL, "todo_fills_total", "result=\"stored\"", "Entries and pages offered to the cache after a miss.")           \
    X(FILL_REFUSED, "todo_fills_total", "result=\"refused\",kind=\"todo\"", "")                                        \
    X(NEGATIVE_REFUSED, "todo_fills_total", "result=\"refused\",kind=\"negative\"", "")                                \
    X(PAGE_REFUSED, "todo_fills_total", "result=\"refused\",kind=\"page\"", "")                                        \
    X(FILL_FAILED, "todo_fills_total", "result=\"failed\"", "")                                                        \
    X(FILL_TOO_LARGE, "todo_fills_total", "result=\"too_large\"", "")                                                  \
    X(REFRESH, "todo_refreshes_total", "", "Refreshes begun in the background, ahead of an entry's end.")              \
    X(STALE, "todo_stale_answers_total", "", "Entries answered past their end because the store was away.")            \
    X(PUBLISHED, "todo_publishes_total", "result=\"stored\"",                                                          \
      "Entries that writes published, by what the cache answered.")                                                    \
    X(PUBLISH_REFUSED, "todo_publishes_total", "result=\"refused\"", "")                                               \
    X(WAIT, "todo_lease_waits_total", "", "Misses that waited for another worker's fill.")                             \
    X(COLLAPSED, "todo_collapsed_reads_total", "", "Reads that joined a flight of their own worker.")                  \
    X(FENCE, "todo_fences_total", "kind=\"fence\"", "Marks that writers set and removed, by id.")                      \
    X(UNFENCE, "todo_fences_total", "kind=\"unfence\"", "")                                                            \
    X(MARKS_CLEARED, "todo_marks_cleared_total", "",                                                                   \
      "Ids whose marks past their deadline were removed after the store had shown where it stands.")                   \
    X(FENCE_LOST, "todo_fence_lost_total", "", "Fences that were gone when their writer came to remove them.")         \
    X(OUTBOX_ADDED, "todo_outbox_total", "kind=\"added\"",                                                             \
      "Invalidations that Redis could not take, kept in the store.")                                                   \
    X(OUTBOX_DRAINED, "todo_outbox_total", "kind=\"drained\"", "")                                                     \
    X(PURGE_SENT, "todo_purges_total", "kind=\"sent\"", "Purges of caches in front, by outcome.")                      \
    X(PURGE_ACKNOWLEDGED, "todo_purges_total", "kind=\"acknowledged\"", "")                                            \
    X(PURGE_FAILED, "todo_purges_total", "kind=\"failed\"", "")                                                        \
    X(PURGE_PENDING, "todo_purges_total", "kind=\"pending\"", "")                                                      \
    X(PURGE_DRAINED, "todo_purges_total", "kind=\"drained\"", "")                                                      \
    X(EPOCH_MOVED, "todo_epoch_moves_total", "",                                                                       \
      "Times that this worker moved the epoch after it found another Redis or store.")                                 \
    X(LOOK_OK, "todo_store_looks_total", "result=\"ok\"", "Looks at the epoch in the store, by result.")               \
    X(LOOK_FAILED, "todo_store_looks_total", "result=\"failed\"", "")                                                  \
    X(STORE_UNSEEN, "todo_store_unseen_seconds_total", "",                                                             \
      "Seconds in which a worker trusted Redis more than 2 s after its last good look at the store.")                  \
    X(HIT_UNSEEN, "todo_unseen_hits_total", "", "Hits on todos and pages in these seconds.")                           \
    X(FOLLOW_INVALIDATED, "todo_follow_changes_total", "result=\"invalidated\"",                                       \
      "Changes that the store reported, by what happened to the entry.")                                               \
    X(FOLLOW_KEPT, "todo_follow_changes_total", "result=\"kept\"", "")                                                 \
    X(FOLLOW_ANEW, "todo_follow_anew_total", "", "Times that the changes' history was lost: the epoch was moved.")     \
    X(FOLLOW_FAILED, "todo_follow_failures_total", "", "Times that following the store's changes failed.")             \
    X(AUDIT_CONSISTENT, "todo_audit_total", "kind=\"todo\",result=\"consistent\"",                                     \
      "Comparisons of cached todos with the store, by result.")                                                        \
    X(AUDIT_INCONSISTENT, "todo_audit_total", "kind=\"todo\",result=\"inconsistent\"", "")                             \
    X(AUDIT_CHANGED, "todo_audit_total", "kind=\"todo\",result=\"changed\"", "")                                       \
    X(AUDIT_UNANSWERED, "todo_audit_total", "kind=\"todo\",result=\"unanswered\"", "")                                 \
    X(AUDIT_NEGATIVE_CONSISTENT, "todo_audit_total", "kind=\"negative\",result=\"consistent\"", "")                    \
    X(AUDIT_NEGATIVE_INCONSISTENT, "todo_audit_total", "kind=\"negative\",result=\"inconsistent\"", "")                \
    X(AUDIT_NEGATIVE_CHANGED, "todo_audit_total", "kind=\"negative\",result=\"changed\"", "")                          \
    X(AUDIT_NEGATIVE_UNANSWERED, "todo_audit_total", "kind=\"negative\",result=\"unanswered\"", "")                    \
    X(STORE_GET_OK, "todo_store_calls_total", "call=\"get\",outcome=\"ok\"", "Store calls, by kind and outcome.")      \
    X(STORE_GET_ABSENT, "todo_store_calls_total", "call=\"get\",outcome=\"absent\"", "")                               \
    X(STORE_GET_FAILED, "todo_store_calls_total", "call=\"get\",outcome=\"failed\"", "")                               \
    X(STORE_LIST_OK, "todo_store_calls_total", "call=\"list\",outcome=\"ok\"", "")                                     \
    X(STORE_LIST_FAILED, "todo_store_calls_total", "call=\"list\",outcome=\"failed\"", "")                             \
    X(STORE_WRITE_OK, "todo_store_calls_total", "call=\"write\",outcome=\"ok\"", "")                                   \
    X(STORE_WRITE_REFUSED, "todo_store_calls_total", "call=\"write\",outcome=\"refused\"", "")                         \
    X(STORE_WRITE_FAILED, "todo_store_calls_total", "call=\"write\",outcome=\"failed\"", "")                           \
    X(STORE_WRITE_UNKNOWN, "todo_store_calls_total", "call=\"write\",outcome=\"unknown\"", "")                         \
    X(STORE_BUSY_READ, "todo_store_busy_total", "lane=\"read\"",                                                       \
      "Store calls refused because their lane's queue was full.")                                                      \
    X(STORE_BUSY_WRITE, "todo_store_busy_total", "lane=\"write\"", "")                                                 \
    X(STORE_BUSY_CARE, "todo_store_busy_total", "lane=\"care\"", "")                                                   \
    X(STORE_AWAY_READ, "todo_store_away_total", "lane=\"read\"",                                                       \
      "Store calls refused while their lane waited to try the store again.")                                           \
    X(STORE_AWAY_WRITE, "todo_store_away_total", "lane=\"write\"", "")                                                 \
    X(STORE_AWAY_CARE, "todo_store_away_total", "lane=\"care\"", "")                                                   \
    X(REDIS_TIMEOUT, "todo_redis_errors_total", "kind=\"timeout\"", "Redis errors, by kind.")                          \
    X(REDIS_CONNECT, "todo_redis_errors_total", "kind=\"connect\"", "")                                                \
    X(REDIS_LOST, "todo_redis_errors_total", "kind=\"lost\"", "")                                                      \
    X(REDIS_SENTINEL, "todo_redis_errors_total", "kind=\"sentinel\"", "")                                              \
    X(REDIS_NOSCRIPT, "todo_redis_errors_total", "kind=\"noscript\"", "")                                              \
    X(REDIS_OOM, "todo_redis_errors_total", "kind=\"oom\"", "")                                                        \
    X(REDIS_READONLY, "todo_redis_errors_total", "kind=\"readonly\"", "")                                              \
    X(REDIS_MASTERDOWN, "todo_redis_errors_total", "kind=\"masterdown\"", "")                                          \
    X(REDIS_LOADING, "todo_redis_errors_total", "kind=\"loading\"", "")                                                \
    X(REDIS_BUSY, "todo_redis_errors_total", "kind=\"busy\"", "")                                                      \
    X(REDIS_WRONGTYPE, "todo_redis_errors_total", "kind=\"wrongtype\"", "")                                            \
    X(REDIS_OTHER, "todo_redis_errors_total", "kind=\"other\"", "")                                                    \
    X(REDIRECT_MOVED, "todo_redis_redirects_total", "kind=\"moved\"",                                                  \
      "Answers of a Redis Cluster's servers that they do not have all of a command's keys, by kind.")                  \
    X(REDIRECT_ASK, "todo_redis_redirects_total", "kind=\"ask\"", "")                                                  \
    X(REDIRECT_AGAIN, "todo_redis_redirects_total", "kind=\"tryagain\"", "")                                           \
    X(REDIRECT_DOWN, "todo_redis_redirects_total", "kind=\"clusterdown\"", "")                                         \
    X(KEPT_AGAIN, "todo_kept_answers_total", "result=\"again\"",                                                       \
      "Requests with an Idempotency-Key, by what was kept.")                                                           \
    X(KEPT_NEW, "todo_kept_answers_total", "result=\"new\"", "")                                                       \
    X(QUEUE_ACCEPTED, "todo_queue_writes_total", "event=\"accepted\"", "Queued writes, by what became of them.")       \
    X(QUEUE_REFUSED, "todo_queue_writes_total", "event=\"refused\"", "")                                               \
    X(QUEUE_APPLIED, "todo_queue_writes_total", "event=\"applied\"", "")                                               \
    X(QUEUE_REJECTED, "todo_queue_writes_total", "event=\"rejected\"", "")                                             \
    X(QUEUE_DEAD, "todo_queue_writes_total", "event=\"dead\"", "")                                                     \
    X(QUEUE_BATCHES, "todo_queue_batches_total", "", "Batches of queued writes that the store has taken.")             \
    X(LIMIT_ADMITTED, "todo_limit_total", "verdict=\"admitted\"", "Requests checked against rate_limit_per_minute.")   \
    X(LIMIT_REFUSED, "todo_limit_total", "verdict=\"refused\"", "")                                                    \
    X(LIMIT_UNKNOWN, "todo_limit_total", "verdict=\"unknown\"", "")                                                    \
    X(CONNECTION, "todo_connections_total", "kind=\"accepted\"", "FastCGI connections.")                               \
    X(CONNECTION_REFUSED, "todo_connections_total", "kind=\"refused\"", "")                                            \
    X(CONNECTION_BROKEN, "todo_connections_total", "kind=\"broken\"", "")

#define STATS_HISTOGRAMS(X)                                                                                            \
    X(REDIS, "todo_layer_seconds", "layer=\"redis\"", "Time spent per call, by layer.")                                \
    X(STORE, "todo_layer_seconds", "layer=\"store\"", "")                                                              \
    X(STORE_WAIT, "todo_layer_seconds", "layer=\"store_queue\"", "")

#define STATS_GAUGES(X)                                                                                                \
    X(RUNS, "todo_workers", "", SUM, "Workers of this machine that run.")                                              \
    X(WITHOUT_REDIS, "todo_workers_without_redis", "", SUM, "Of these, workers that do not trust Redis.")              \
    X(WITHOUT_STORE_READ, "todo_workers_without_store", "lane=\"read\"", SUM,                                          \
      "Of these, workers that refuse a lane's store calls, as several in a row have failed.")                          \
    X(WITHOUT_STORE_WRITE, "todo_workers_without_store", "lane=\"write\"", SUM, "")                                    \
    X(WITHOUT_STORE_CARE, "todo_workers_without_store", "lane=\"care\"", SUM, "")                                      \
    X(CLUSTER_NODES_UNTRUSTED, "todo_cluster_nodes_untrusted", "", MAX,                                                \
      "Primaries of a Redis Cluster that a worker does not trust; 0 with one Redis.")                                  \
    X(CLUSTER_NODES, "todo_cluster_nodes", "", MAX,                                                                    \
      "Primaries of a Redis Cluster that serve slots, as far as a worker is connected; 0 with one Redis.")             \
    X(CLUSTER_UNSERVED, "todo_cluster_slots", "kind=\"unserved\"", MAX,                                                \
      "Slots of a Redis Cluster without a primary, without a trusted one, or whose keys are on their way.")            \
    X(CLUSTER_MOVING, "todo_cluster_slots", "kind=\"moving\"", MAX, "")                                                \
    X(CLUSTER_UNTRUSTED, "todo_cluster_slots", "kind=\"untrusted\"", MAX, "")                                          \
    X(OUTBOX_WAITING, "todo_outbox_waiting_seconds", "", MAX,                                                          \
      "How long the outbox has not been empty, as far as the workers know.")                                           \
    X(PURGES_WAITING, "todo_purges_waiting", "", SUM, "Purges in memory that a cache in front has not acknowledged.")  \
    X(QUEUE_DEPTH, "todo_queue_depth", "", MAX, "Queued writes that wait in the journal.")                             \
    X(QUEUE_OLDEST, "todo_queue_oldest_seconds", "", MAX, "How long the oldest of them has waited.")                   \
    X(QUEUE_DEAD, "todo_queue_dead_letters", "", MAX, "Queued writes that the store refuses for good.")                \
    X(HELD, "todo_clients_waiting", "", SUM, "Clients that wait for changes.")                                         \
    X(DISK_FREE, "todo_store_disk_bytes", "kind=\"free\"", MAX, "The file system of SQLite's file; 0 with MongoDB.")   \
    X(DISK_SIZE, "todo_store_disk_bytes", "kind=\"size\"", MAX, "")                                                    \
    X(STARTED, "todo_worker_start_time_seconds", "", EACH, "When the worker started, in Unix time.")                   \
    X(TURNED, "todo_worker_turn_time_seconds", "", EACH, "When the worker's loop last came round, in Unix time.")      \
    X(RESIDENT, "todo_worker_resident_bytes", "", EACH, "The worker's memory, with what it shares.")                   \
    X(DESCRIPTORS, "todo_worker_descriptors", "kind=\"open\"", EACH, "The worker's descriptors.")                      \
    X(DESCRIPTORS_MAX, "todo_worker_descriptors", "kind=\"max\"", EACH, "")

#endif
