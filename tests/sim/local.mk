# The simulated Redis, which runs the real scripts: unit tests stand on it too.
check_LIBRARIES = tests/sim/libsimredis.a
SIM_LIBS = tests/sim/libsimredis.a $(LUA_LIBS)
tests_sim_libsimredis_a_CFLAGS = $(AM_CFLAGS) $(LUA_CFLAGS)
tests_sim_libsimredis_a_SOURCES = \
	tests/sim/dice.h \
	tests/sim/sim_redis.c tests/sim/sim_redis.h \
	tests/sim/sim_redis_client.h \
	tests/sim/sim_redis_channels.c tests/sim/sim_redis_channels.h \
	tests/sim/sim_redis_commands.c tests/sim/sim_redis_commands.h \
	tests/sim/sim_redis_keys.c tests/sim/sim_redis_keys.h \
	tests/sim/sim_redis_lua.c tests/sim/sim_redis_lua.h \
	tests/sim/sim_redis_resp.c tests/sim/sim_redis_resp.h \
	tests/sim/sim_redis_server.c \
	tests/sim/sim_redis_slots.c tests/sim/sim_redis_slots.h \
	tests/sim/sim_redis_streams.c tests/sim/sim_redis_streams.h

# The simulated Redis by itself, and against a real one.
if HAVE_CMOCKA
check_PROGRAMS += tests/sim/test_same_redis tests/sim/test_same_cluster tests/sim/test_sim_redis
endif

tests_sim_test_sim_redis_SOURCES = tests/sim/test_sim_redis.c tests/unit/testing.h
tests_sim_test_sim_redis_LDADD = $(SIM_LIBS) libredis.a $(UNIT_LIBS)

tests_sim_test_same_redis_SOURCES = tests/sim/test_same_redis.c tests/sim/redis_steps.c tests/sim/redis_steps.h \
	tests/unit/redis_process.c tests/unit/redis_process.h tests/unit/testing.h
tests_sim_test_same_redis_CPPFLAGS = $(AM_CPPFLAGS) -DFROZEN_CLOCK_LIBRARY='"tests/sim/frozen_clock.so"'
tests_sim_test_same_redis_LDADD = $(SIM_LIBS) libcache.a libpeers.a libredis.a libl1.a $(UNIT_LIBS)
EXTRA_tests_sim_test_same_redis_DEPENDENCIES = tests/sim/frozen_clock.so

tests_sim_test_same_cluster_SOURCES = tests/sim/test_same_cluster.c tests/unit/redis_process.c tests/unit/redis_process.h \
	tests/unit/testing.h
tests_sim_test_same_cluster_LDADD = $(SIM_LIBS) libredis.a libbase.a $(UNIT_LIBS)

# Loaded into redis-server by LD_PRELOAD.
EXTRA_DIST += tests/sim/frozen_clock.c
CLEANFILES += tests/sim/frozen_clock.so
tests/sim/frozen_clock.so: tests/sim/frozen_clock.c
	$(AM_V_CC)$(MKDIR_P) tests/sim && $(CC) -std=c11 $(WARNINGS) -O2 -D_GNU_SOURCE -fPIC -shared -o $@ $(srcdir)/tests/sim/frozen_clock.c

# The simulated store has other names here, because the real ones are linked as well; tests/store/run.sh runs it.
if HAVE_CMOCKA
check_LIBRARIES += tests/sim/libfakedstore.a
EXTRA_PROGRAMS += tests/sim/test_same_store
check_DATA += tests/sim/test_same_store$(EXEEXT)
CLEANFILES += tests/sim/test_same_store$(EXEEXT)
endif

tests_sim_libfakedstore_a_SOURCES = tests/sim/faked_names.h tests/unit/fake_apply.c tests/unit/fake_store.c tests/unit/fake_store.h tests/unit/fake_store_inside.h \
	tests/unit/fake_purges.c tests/unit/fake_purges.h
tests_sim_libfakedstore_a_CPPFLAGS = $(AM_CPPFLAGS) -include $(srcdir)/tests/sim/faked_names.h
tests_sim_test_same_store_SOURCES = tests/sim/test_same_store.c tests/sim/store_calls.c tests/sim/store_calls.h \
	tests/store/fixture.c tests/store/fixture.h tests/unit/fake_events.c tests/unit/fake_events.h \
	tests/unit/fake_journal.c tests/unit/fake_journal.h tests/unit/testing.h
tests_sim_test_same_store_CFLAGS = $(AM_CFLAGS) $(MONGOC_CFLAGS) $(BSON_CFLAGS)
tests_sim_test_same_store_LDADD = tests/sim/libfakedstore.a libstore.a libbase.a $(STORE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS) \
	-lm -lpthread
tests_sim_test_same_store_LDFLAGS = $(FAKE_CLOCK)

# The simulator, in the build with failpoints: it needs the protocol's rules as switches. The linker leads system calls, memory
# and the store's calls to the simulated world; hiredis is the archive, for a shared library would call the C library past it.
if FAILPOINTS
EXTRA_PROGRAMS += tests/sim/sim
endif

SIM_WRAPPED = \
	-Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=free -Wl,--wrap=strdup -Wl,--wrap=fopen -Wl,--wrap=fopen64 -Wl,--wrap=clock_gettime \
	-Wl,--wrap=getrandom -Wl,--wrap=uuid7_new -Wl,--wrap=socket -Wl,--wrap=connect -Wl,--wrap=read -Wl,--wrap=write \
	-Wl,--wrap=close -Wl,--wrap=getsockopt -Wl,--wrap=setsockopt -Wl,--wrap=fcntl -Wl,--wrap=poll \
	-Wl,--wrap=redisConnectNonBlock -Wl,--wrap=redisConnectUnixNonBlock -Wl,--wrap=store_prepare -Wl,--wrap=store_get \
	-Wl,--wrap=store_list -Wl,--wrap=store_insert -Wl,--wrap=store_change -Wl,--wrap=store_answer_begin \
	-Wl,--wrap=store_apply -Wl,--wrap=store_apply_claim \
	-Wl,--wrap=store_answer_end -Wl,--wrap=store_answer_forget -Wl,--wrap=store_outbox_put -Wl,--wrap=store_outbox_list \
	-Wl,--wrap=store_outbox_remove -Wl,--wrap=store_purge_put -Wl,--wrap=store_purge_list -Wl,--wrap=store_purge_remove \
	-Wl,--wrap=store_meta_get -Wl,--wrap=store_meta_swap -Wl,--wrap=store_slots_get -Wl,--wrap=store_slots_swap \
	-Wl,--wrap=store_barrier -Wl,--wrap=store_follow_claim \
	-Wl,--wrap=store_follow_keep -Wl,--wrap=store_follow_release -Wl,--wrap=store_watermark -Wl,--wrap=store_raise -Wl,--wrap=store_stream_open \
	-Wl,--wrap=store_stream_read -Wl,--wrap=l1_new -Wl,--wrap=l1_open -Wl,--wrap=l1_free \
	-Wl,--wrap=l1_raise_all -Wl,--wrap=l1_charge_take
tests_sim_sim_SOURCES = \
	tests/sim/calm.c tests/sim/calm.h \
	tests/sim/client.c tests/sim/client.h tests/sim/client_judge.c tests/sim/client_state.h \
	tests/sim/cluster.c tests/sim/cluster.h \
	tests/sim/fault.c tests/sim/fault.h tests/sim/fault_rows.h tests/sim/fault_redis.c tests/sim/fault_world.c tests/sim/fault_peers.c tests/sim/fault_queue.c \
	tests/sim/fiber.c \
	tests/sim/files.c tests/sim/files.h \
	tests/sim/front.c tests/sim/front.h \
	tests/sim/heap.c \
	tests/sim/machine.c tests/sim/machine.h \
	tests/sim/net.c tests/sim/net.h \
	tests/sim/operator.c \
	tests/sim/process.c tests/sim/process.h \
	tests/sim/schedule.c tests/sim/schedule.h \
	tests/sim/schedule_queue.c tests/sim/schedule_queue.h \
	tests/sim/sim.c \
	tests/sim/store_group.c tests/sim/store_group.h \
	tests/sim/store_late.c tests/sim/store_late.h \
	tests/sim/store_queue.c tests/sim/store_queue.h \
	tests/sim/store_trip.c tests/sim/store_trip.h \
	tests/sim/truth.c tests/sim/truth.h \
	tests/sim/truth_queue.c tests/sim/truth_queue.h \
	tests/sim/worker.c tests/sim/worker.h \
	tests/sim/world.c tests/sim/world.h \
	tests/unit/fake_follow.c tests/unit/fake_follow.h \
	tests/unit/fake_purges.c tests/unit/fake_purges.h \
	tests/unit/fake_apply.c tests/unit/fake_store.c tests/unit/fake_store.h tests/unit/fake_store_inside.h
tests_sim_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit
tests_sim_sim_CFLAGS = $(AM_CFLAGS) $(UV_CFLAGS) $(HIREDIS_CFLAGS)
tests_sim_sim_LDADD = libserver.a libcontrol.a libapi.a libqueue.a libfeed.a libclients.a libaudit.a libfollow.a libqueue.a libcache.a libpeers.a libcdn.a libredis.a \
	libl1.a libstore.a $(SIM_LIBS) libbase.a -l:libhiredis.a $(SQLITE_LIBS) $(BASE_LIBS) -lm
tests_sim_sim_LDFLAGS = $(AM_LDFLAGS) $(SIM_WRAPPED)
EXTRA_DIST += tests/sim/seeds tests/sim/test_sim.py tests/sim/coverage.py
