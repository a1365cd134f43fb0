# The simulated Redis, which runs the real scripts: unit tests stand on it too.
check_LIBRARIES = tests/sim/libsimredis.a
SIM_LIBS = tests/sim/libsimredis.a $(LUA_LIBS)
tests_sim_libsimredis_a_CFLAGS = $(AM_CFLAGS) $(LUA_CFLAGS)
tests_sim_libsimredis_a_SOURCES = \
	tests/sim/sim_redis.c tests/sim/sim_redis.h \
	tests/sim/sim_redis_commands.c tests/sim/sim_redis_commands.h \
	tests/sim/sim_redis_keys.c tests/sim/sim_redis_keys.h \
	tests/sim/sim_redis_lua.c tests/sim/sim_redis_lua.h \
	tests/sim/sim_redis_resp.c tests/sim/sim_redis_resp.h
