# Unit tests: a program per topic, made of one file and the libraries under test.
# To add one: its name in check_PROGRAMS and two lines at the end; other rooms' libraries go before $(UNIT_LIBS).
UNIT_LIBS = libbase.a $(BASE_LIBS) $(CMOCKA_LIBS) -lm
UNIT_GOLDEN = $(AM_CPPFLAGS) -DGOLDEN_DIR='"$(abs_srcdir)/tests/unit/golden"'

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/test_arena \
	tests/unit/test_breaker \
	tests/unit/test_buf \
	tests/unit/test_condition \
	tests/unit/test_cursor \
	tests/unit/test_date \
	tests/unit/test_directive \
	tests/unit/test_error \
	tests/unit/test_etag \
	tests/unit/test_figures \
	tests/unit/test_fold \
	tests/unit/test_json_read \
	tests/unit/test_json_write \
	tests/unit/test_l1 \
	tests/unit/test_log \
	tests/unit/test_media \
	tests/unit/test_mem \
	tests/unit/test_prefer \
	tests/unit/test_query \
	tests/unit/test_random \
	tests/unit/test_settings \
	tests/unit/test_slice \
	tests/unit/test_slot \
	tests/unit/test_stats \
	tests/unit/test_todo \
	tests/unit/test_todo_json \
	tests/unit/test_todo_version \
	tests/unit/test_trail
else
check-local:
	@echo "make check: install libcmocka-dev, liblua5.1-0-dev and libssl-dev, and run configure again" >&2; exit 1
endif

tests_unit_test_arena_SOURCES = tests/unit/test_arena.c tests/unit/testing.h
tests_unit_test_arena_LDADD = $(UNIT_LIBS)
tests_unit_test_breaker_SOURCES = tests/unit/test_breaker.c tests/unit/testing.h
tests_unit_test_breaker_LDADD = $(UNIT_LIBS)
tests_unit_test_buf_SOURCES = tests/unit/test_buf.c tests/unit/testing.h
tests_unit_test_buf_LDADD = $(UNIT_LIBS)
tests_unit_test_condition_SOURCES = tests/unit/test_condition.c tests/unit/testing.h
tests_unit_test_condition_LDADD = $(UNIT_LIBS)
tests_unit_test_cursor_SOURCES = tests/unit/test_cursor.c tests/unit/testing.h
tests_unit_test_cursor_LDADD = $(UNIT_LIBS)
tests_unit_test_date_SOURCES = tests/unit/test_date.c tests/unit/testing.h
tests_unit_test_date_LDADD = $(UNIT_LIBS)
tests_unit_test_directive_SOURCES = tests/unit/test_directive.c tests/unit/testing.h
tests_unit_test_directive_LDADD = $(UNIT_LIBS)
tests_unit_test_error_SOURCES = tests/unit/test_error.c tests/unit/testing.h
tests_unit_test_error_LDADD = $(UNIT_LIBS)
tests_unit_test_etag_SOURCES = tests/unit/test_etag.c tests/unit/testing.h
tests_unit_test_etag_LDADD = $(UNIT_LIBS)
tests_unit_test_figures_SOURCES = tests/unit/test_figures.c tests/unit/testing.h
tests_unit_test_figures_LDADD = libcontrol.a $(UNIT_LIBS)
tests_unit_test_fold_SOURCES = tests/unit/test_fold.c tests/unit/testing.h
tests_unit_test_fold_LDADD = libstore.a $(UNIT_LIBS)
tests_unit_test_json_read_SOURCES = tests/unit/test_json_read.c tests/unit/testing.h
tests_unit_test_json_read_LDADD = $(UNIT_LIBS)
tests_unit_test_json_write_SOURCES = tests/unit/test_json_write.c tests/unit/testing.h
tests_unit_test_json_write_LDADD = $(UNIT_LIBS)
tests_unit_test_l1_SOURCES = tests/unit/test_l1.c tests/unit/testing.h
tests_unit_test_l1_LDADD = libl1.a $(UNIT_LIBS) -lpthread
tests_unit_test_log_SOURCES = tests/unit/test_log.c tests/unit/testing.h
tests_unit_test_log_LDADD = $(UNIT_LIBS)
tests_unit_test_media_SOURCES = tests/unit/test_media.c tests/unit/testing.h
tests_unit_test_media_LDADD = $(UNIT_LIBS)
tests_unit_test_mem_SOURCES = tests/unit/test_mem.c tests/unit/testing.h
tests_unit_test_mem_LDADD = $(UNIT_LIBS)
tests_unit_test_prefer_SOURCES = tests/unit/test_prefer.c tests/unit/testing.h
tests_unit_test_prefer_LDADD = $(UNIT_LIBS)
tests_unit_test_query_SOURCES = tests/unit/test_query.c tests/unit/testing.h
tests_unit_test_query_LDADD = $(UNIT_LIBS)
tests_unit_test_random_SOURCES = tests/unit/test_random.c tests/unit/testing.h
tests_unit_test_random_LDADD = $(UNIT_LIBS)
tests_unit_test_settings_SOURCES = tests/unit/test_settings.c tests/unit/golden.h tests/unit/testing.h
tests_unit_test_settings_CPPFLAGS = $(UNIT_GOLDEN)
tests_unit_test_settings_LDADD = $(UNIT_LIBS)
tests_unit_test_slice_SOURCES = tests/unit/test_slice.c tests/unit/testing.h
tests_unit_test_slice_LDADD = $(UNIT_LIBS)
tests_unit_test_slot_SOURCES = tests/unit/test_slot.c tests/unit/testing.h
tests_unit_test_slot_LDADD = $(UNIT_LIBS)
tests_unit_test_stats_SOURCES = tests/unit/test_stats.c tests/unit/testing.h
tests_unit_test_stats_LDADD = $(UNIT_LIBS)
tests_unit_test_todo_SOURCES = tests/unit/test_todo.c tests/unit/fields.h tests/unit/testing.h
tests_unit_test_todo_LDADD = $(UNIT_LIBS)
tests_unit_test_todo_json_SOURCES = tests/unit/test_todo_json.c tests/unit/fields.h tests/unit/golden.h tests/unit/testing.h
tests_unit_test_todo_json_CPPFLAGS = $(UNIT_GOLDEN)
tests_unit_test_todo_json_LDADD = $(UNIT_LIBS)
tests_unit_test_todo_version_SOURCES = tests/unit/test_todo_version.c tests/unit/testing.h
tests_unit_test_todo_version_LDADD = $(UNIT_LIBS)
tests_unit_test_trail_SOURCES = tests/unit/test_trail.c tests/unit/testing.h
tests_unit_test_trail_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/unit/golden

# The loader's room: its own library, over fakes of what lies below where a test needs them.
UNIT_LOAD_LIBS = libload.a $(UNIT_LIBS) $(LOAD_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/test_load_bson \
	tests/unit/test_load_faker \
	tests/unit/test_load_flow \
	tests/unit/test_load_report \
	tests/unit/test_load_row \
	tests/unit/test_load_text
endif

tests_unit_test_load_bson_SOURCES = tests/unit/test_load_bson.c tests/unit/load_testing.h tests/unit/testing.h
tests_unit_test_load_bson_LDADD = $(UNIT_LOAD_LIBS)
tests_unit_test_load_faker_SOURCES = tests/unit/test_load_faker.c tests/unit/load_testing.h tests/unit/testing.h
tests_unit_test_load_faker_LDADD = $(UNIT_LOAD_LIBS)
tests_unit_test_load_flow_SOURCES = tests/unit/test_load_flow.c tests/unit/load_bed.c tests/unit/load_bed.h \
	tests/unit/load_testing.h tests/unit/testing.h
tests_unit_test_load_flow_LDADD = $(UNIT_LOAD_LIBS)
tests_unit_test_load_report_SOURCES = tests/unit/test_load_report.c tests/unit/load_testing.h tests/unit/testing.h
tests_unit_test_load_report_LDADD = $(UNIT_LOAD_LIBS)
tests_unit_test_load_row_SOURCES = tests/unit/test_load_row.c tests/unit/fields.h tests/unit/load_testing.h tests/unit/testing.h
tests_unit_test_load_row_LDADD = $(UNIT_LOAD_LIBS)
tests_unit_test_load_text_SOURCES = tests/unit/test_load_text.c tests/unit/load_testing.h tests/unit/testing.h
tests_unit_test_load_text_LDADD = $(UNIT_LOAD_LIBS)

# The server's room, over an API that tells what reached it.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_fcgi tests/unit/test_stats_file
endif

tests_unit_test_fcgi_SOURCES = tests/unit/test_fcgi.c \
	tests/unit/fcgi_client.c tests/unit/fcgi_client.h \
	tests/unit/fcgi_worker.c tests/unit/fcgi_worker.h tests/unit/testing.h
tests_unit_test_fcgi_LDADD = libserver.a $(UNIT_LIBS) $(SERVER_LIBS)
tests_unit_test_stats_file_SOURCES = tests/unit/test_stats_file.c tests/unit/testing.h
tests_unit_test_stats_file_LDADD = libserver.a $(UNIT_LIBS)

# The cache's and the API's rooms: their real code, over a Redis, a store and a pool that tests move by hand. The fakes are linked
# as objects in place of redis.c, pool.c and the stores (of libstore.a only the rules are taken: condition.c, answer.c, fold.c); --wrap puts the code under test on the fakes' clock,
# and lets them name lives.
FAKE_REPLY = tests/unit/fake_reply.c tests/unit/fake_reply.h
FAKES = $(FAKE_REPLY) tests/unit/cache_bed.c tests/unit/cache_bed.h \
	tests/unit/fake_events.c tests/unit/fake_events.h tests/unit/fake_follow.c tests/unit/fake_follow.h tests/unit/fake_http.c tests/unit/fake_http.h \
	tests/unit/fake_purges.c tests/unit/fake_purges.h tests/unit/fake_journal.c tests/unit/fake_journal.h \
	tests/unit/fake_pool.c tests/unit/fake_pool.h tests/unit/fake_redis.c tests/unit/fake_redis.h \
	tests/unit/fake_subscription.c tests/unit/fake_subscription.h \
	tests/unit/fake_server.c tests/unit/fake_server.h tests/unit/fake_apply.c tests/unit/fake_store.c tests/unit/fake_store.h tests/unit/fake_store_inside.h \
	tests/unit/testing.h
# For the queue's: the journal in memory.
FAKE_QUEUE = $(FAKES) tests/unit/fake_queue_journal.c tests/unit/fake_queue_journal.h
FAKE_API = $(FAKES) tests/unit/api_bed.c tests/unit/api_bed.h tests/unit/fake_queue.c tests/unit/fake_queue.h
REDIS_BED = tests/unit/poll_events.c tests/unit/poll_events.h tests/unit/redis_bed.c tests/unit/redis_bed.h \
	tests/unit/redis_process.c tests/unit/redis_process.h tests/unit/testing.h
QUEUE_BED = tests/unit/queue_bed.c tests/unit/queue_bed.h
UNIT_CACHE_LIBS = libfeed.a libclients.a libaudit.a libfollow.a libqueue.a libcache.a libpeers.a libcdn.a libredis.a libl1.a libstore.a $(SIM_LIBS) $(UNIT_LIBS) \
	$(REDIS_LIBS) $(CACHE_LIBS)
FAKE_CLOCK = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime -Wl,--wrap=life_new

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/test_api \
	tests/unit/test_api_golden \
	tests/unit/test_api_keys \
	tests/unit/test_api_limit \
	tests/unit/test_api_queue \
	tests/unit/test_api_causes \
	tests/unit/test_api_rules \
	tests/unit/test_changes \
	tests/unit/test_entry \
	tests/unit/test_file_journal \
	tests/unit/test_errors \
	tests/unit/test_flight \
	tests/unit/test_follow \
	tests/unit/test_follow_feed \
	tests/unit/test_history \
	tests/unit/test_beat \
	tests/unit/test_trust \
	tests/unit/test_unseen \
	tests/unit/test_l1_read \
	tests/unit/test_peers \
	tests/unit/test_list_read \
	tests/unit/test_outbox \
	tests/unit/test_outcome \
	tests/unit/test_purge \
	tests/unit/test_purge_target \
	tests/unit/test_check_cluster \
	tests/unit/test_cluster \
	tests/unit/test_redis \
	tests/unit/test_redis_connect \
	tests/unit/test_redis_errors \
	tests/unit/test_redis_journal \
	tests/unit/test_real_cluster \
	tests/unit/test_redis_reply \
	tests/unit/test_sentinel \
	tests/unit/test_slot_map \
	tests/unit/test_slots \
	tests/unit/test_subscription \
	tests/unit/test_applier \
	tests/unit/test_queue_wait \
	tests/unit/test_queued \
	tests/unit/test_ticket \
	tests/unit/test_write
endif

tests_unit_test_flight_SOURCES = tests/unit/test_flight.c $(FAKES)
tests_unit_test_flight_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_flight_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_follow_SOURCES = tests/unit/test_follow.c $(FAKES)
tests_unit_test_follow_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_follow_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_follow_feed_SOURCES = tests/unit/test_follow_feed.c $(FAKES)
tests_unit_test_follow_feed_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_follow_feed_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_errors_SOURCES = tests/unit/test_errors.c $(FAKES)
tests_unit_test_errors_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_errors_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_beat_SOURCES = tests/unit/test_beat.c $(FAKES)
tests_unit_test_beat_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_beat_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_trust_SOURCES = tests/unit/test_trust.c $(FAKES)
tests_unit_test_trust_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_trust_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_unseen_SOURCES = tests/unit/test_unseen.c $(FAKES)
tests_unit_test_unseen_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_unseen_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_purge_SOURCES = tests/unit/test_purge.c $(FAKES)
tests_unit_test_purge_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_purge_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_purge_target_SOURCES = tests/unit/test_purge_target.c tests/unit/testing.h
tests_unit_test_purge_target_LDADD = libcdn.a $(UNIT_LIBS)
tests_unit_test_write_SOURCES = tests/unit/test_write.c $(FAKES)
tests_unit_test_write_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_write_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_outbox_SOURCES = tests/unit/test_outbox.c $(FAKES)
tests_unit_test_outbox_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_outbox_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_history_SOURCES = tests/unit/test_history.c $(FAKES)
tests_unit_test_history_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_history_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_peers_SOURCES = tests/unit/test_peers.c $(FAKES)
tests_unit_test_peers_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_peers_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_l1_read_SOURCES = tests/unit/test_l1_read.c $(FAKES)
tests_unit_test_l1_read_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_l1_read_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_list_read_SOURCES = tests/unit/test_list_read.c $(FAKES)
tests_unit_test_list_read_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_list_read_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_entry_SOURCES = tests/unit/test_entry.c $(FAKE_REPLY) tests/unit/fields.h tests/unit/testing.h
tests_unit_test_entry_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_api_SOURCES = tests/unit/test_api.c $(FAKE_API)
tests_unit_test_api_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_api_golden_SOURCES = tests/unit/test_api_golden.c tests/unit/golden.h $(FAKE_API)
tests_unit_test_api_golden_CPPFLAGS = $(UNIT_GOLDEN)
tests_unit_test_api_golden_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_golden_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_api_limit_SOURCES = tests/unit/test_api_limit.c $(FAKE_API)
tests_unit_test_api_limit_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_limit_LDFLAGS = $(FAKE_CLOCK) -Wl,--wrap=cluster_send
tests_unit_test_api_queue_SOURCES = tests/unit/test_api_queue.c $(FAKE_API)
tests_unit_test_api_queue_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_queue_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_api_causes_SOURCES = tests/unit/test_api_causes.c $(FAKE_API)
tests_unit_test_api_causes_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_causes_LDFLAGS = $(FAKE_CLOCK)

tests_unit_test_api_rules_SOURCES = tests/unit/test_api_rules.c $(FAKE_API)
tests_unit_test_api_rules_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_rules_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_changes_SOURCES = tests/unit/test_changes.c $(FAKE_API)
tests_unit_test_changes_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_changes_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_api_keys_SOURCES = tests/unit/test_api_keys.c $(FAKE_API)
tests_unit_test_api_keys_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_unit_test_api_keys_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_check_cluster_SOURCES = tests/unit/test_check_cluster.c tests/unit/fake_node.c tests/unit/fake_node.h $(REDIS_BED)
tests_unit_test_check_cluster_LDADD = libserver.a $(UNIT_CACHE_LIBS)
tests_unit_test_cluster_SOURCES = tests/unit/test_cluster.c tests/unit/fake_node.c tests/unit/fake_node.h $(REDIS_BED)
tests_unit_test_cluster_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_real_cluster_SOURCES = tests/unit/test_real_cluster.c $(REDIS_BED)
tests_unit_test_real_cluster_CPPFLAGS = $(AM_CPPFLAGS) -DCLUSTER_PROGRAM='"$(abs_srcdir)/tests/e2e/redis_cluster.py"'
tests_unit_test_real_cluster_LDADD = $(UNIT_CACHE_LIBS) $(STORE_LIBS)
tests_unit_test_redis_SOURCES = tests/unit/test_redis.c $(REDIS_BED)
tests_unit_test_redis_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_redis_connect_SOURCES = tests/unit/test_redis_connect.c $(REDIS_BED)
tests_unit_test_redis_connect_LDADD = $(UNIT_CACHE_LIBS)

tests_unit_test_redis_errors_SOURCES = tests/unit/test_redis_errors.c $(REDIS_BED)
tests_unit_test_redis_errors_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_file_journal_SOURCES = tests/unit/test_file_journal.c $(QUEUE_BED) $(REDIS_BED)
tests_unit_test_file_journal_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS)
tests_unit_test_file_journal_LDADD = $(UNIT_CACHE_LIBS) $(STORE_LIBS)
tests_unit_test_file_journal_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=statvfs
tests_unit_test_redis_journal_SOURCES = tests/unit/test_redis_journal.c $(QUEUE_BED) $(REDIS_BED)
tests_unit_test_redis_journal_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_redis_reply_SOURCES = tests/unit/test_redis_reply.c tests/unit/testing.h
tests_unit_test_redis_reply_LDADD = libredis.a $(UNIT_LIBS)
tests_unit_test_sentinel_SOURCES = tests/unit/test_sentinel.c $(REDIS_BED) \
	tests/unit/fake_sentinel.c tests/unit/fake_sentinel.h
tests_unit_test_sentinel_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_applier_SOURCES = tests/unit/test_applier.c tests/unit/applier_bed.c tests/unit/applier_bed.h $(FAKE_QUEUE)
tests_unit_test_applier_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_applier_LDFLAGS = $(FAKE_CLOCK) -Wl,--wrap=store_apply
tests_unit_test_queue_wait_SOURCES = tests/unit/test_queue_wait.c tests/unit/applier_bed.c tests/unit/applier_bed.h $(FAKE_QUEUE)
tests_unit_test_queue_wait_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_queue_wait_LDFLAGS = $(FAKE_CLOCK) -Wl,--wrap=store_apply
tests_unit_test_queued_SOURCES = tests/unit/test_queued.c tests/unit/fields.h tests/unit/golden.h tests/unit/testing.h
tests_unit_test_queued_CPPFLAGS = $(UNIT_GOLDEN)
tests_unit_test_queued_LDADD = libqueue.a $(UNIT_LIBS)
tests_unit_test_outcome_SOURCES = tests/unit/test_outcome.c tests/unit/testing.h
tests_unit_test_outcome_LDADD = libqueue.a $(UNIT_LIBS)
tests_unit_test_ticket_SOURCES = tests/unit/test_ticket.c tests/unit/testing.h
tests_unit_test_ticket_LDADD = libqueue.a $(UNIT_LIBS)
tests_unit_test_slot_map_SOURCES = tests/unit/test_slot_map.c tests/unit/testing.h
tests_unit_test_slot_map_LDADD = libredis.a $(UNIT_LIBS)
tests_unit_test_slots_SOURCES = tests/unit/test_slots.c tests/unit/testing.h
tests_unit_test_slots_LDADD = libcache.a $(UNIT_LIBS)
tests_unit_test_subscription_SOURCES = tests/unit/test_subscription.c $(REDIS_BED)
tests_unit_test_subscription_LDADD = $(UNIT_CACHE_LIBS)

# Failpoints, whether or not this build has them.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_failpoint
endif

tests_unit_test_failpoint_SOURCES = tests/unit/test_failpoint.c src/base/failpoint.c tests/unit/testing.h
tests_unit_test_failpoint_CPPFLAGS = $(AM_CPPFLAGS) -UFAILPOINTS_ENABLED -DFAILPOINTS_ENABLED
tests_unit_test_failpoint_LDADD = $(UNIT_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_audit tests/unit/test_audit_cluster tests/unit/test_flight_wait tests/unit/test_publish tests/unit/test_refresh \
	tests/unit/test_control_queue tests/unit/test_shards_outbox tests/unit/test_shards_record \
	tests/unit/test_shards_writes \
	tests/unit/test_doubt tests/unit/test_shared_fences tests/unit/test_homes tests/unit/test_parted tests/unit/test_shards tests/unit/test_watermark tests/unit/test_write_await \
	tests/unit/test_write_epoch
endif

SHARDS_BED = tests/unit/shards_bed.c tests/unit/shards_bed.h tests/unit/fake_cluster.c tests/unit/fake_cluster.h $(FAKES)
tests_unit_test_audit_cluster_SOURCES = tests/unit/test_audit_cluster.c $(SHARDS_BED)
tests_unit_test_audit_cluster_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_audit_cluster_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c $(FAKES)
tests_unit_test_audit_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_audit_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_flight_wait_SOURCES = tests/unit/test_flight_wait.c $(FAKES)
tests_unit_test_flight_wait_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_flight_wait_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_shared_fences_SOURCES = tests/unit/test_shared_fences.c $(FAKES)
tests_unit_test_shared_fences_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_shared_fences_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_publish_SOURCES = tests/unit/test_publish.c $(FAKES)
tests_unit_test_publish_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_publish_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_refresh_SOURCES = tests/unit/test_refresh.c $(FAKES)
tests_unit_test_refresh_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_refresh_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_write_await_SOURCES = tests/unit/test_write_await.c $(FAKES)
tests_unit_test_write_await_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_write_await_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_write_epoch_SOURCES = tests/unit/test_write_epoch.c $(FAKES)
tests_unit_test_write_epoch_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_write_epoch_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_parted_SOURCES = tests/unit/test_parted.c $(SHARDS_BED)
tests_unit_test_parted_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_parted_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_homes_SOURCES = tests/unit/test_homes.c $(FAKES)
tests_unit_test_homes_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_homes_LDFLAGS = $(FAKE_CLOCK) -Wl,--wrap=home_of -Wl,--wrap=home_of_list
tests_unit_test_control_queue_SOURCES = tests/unit/test_control_queue.c $(FAKE_QUEUE)
tests_unit_test_control_queue_LDADD = libcontrol.a $(UNIT_CACHE_LIBS)
tests_unit_test_control_queue_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_shards_SOURCES = tests/unit/test_shards.c $(SHARDS_BED)
tests_unit_test_shards_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_shards_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_shards_outbox_SOURCES = tests/unit/test_shards_outbox.c $(SHARDS_BED)
tests_unit_test_shards_outbox_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_shards_outbox_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_shards_record_SOURCES = tests/unit/test_shards_record.c $(SHARDS_BED)
tests_unit_test_shards_record_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_shards_record_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_shards_writes_SOURCES = tests/unit/test_shards_writes.c $(SHARDS_BED)
tests_unit_test_shards_writes_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_shards_writes_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_watermark_SOURCES = tests/unit/test_watermark.c $(FAKES)
tests_unit_test_watermark_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_watermark_LDFLAGS = $(FAKE_CLOCK)
tests_unit_test_doubt_SOURCES = tests/unit/test_doubt.c $(FAKES)
tests_unit_test_doubt_LDADD = $(UNIT_CACHE_LIBS)
tests_unit_test_doubt_LDFLAGS = $(FAKE_CLOCK)
