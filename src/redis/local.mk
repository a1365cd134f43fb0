# The connection to Redis, which knows nothing of todos. Only redis_wire.c sees hiredis.
noinst_LIBRARIES += libredis.a
libredis_a_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
REDIS_LIBS = $(HIREDIS_LIBS)
libredis_a_SOURCES = \
	src/redis/cluster.c src/redis/cluster.h \
	src/redis/cluster_call.c src/redis/cluster_node.h src/redis/cluster_state.h \
	src/redis/pending.c src/redis/pending.h \
	src/redis/redis.c src/redis/redis.h \
	src/redis/redis_address.c src/redis/redis_address.h \
	src/redis/redis_encode.c src/redis/redis_encode.h \
	src/redis/redis_error.c src/redis/redis_error.h \
	src/redis/redis_info.c src/redis/redis_info.h \
	src/redis/redis_reply.c src/redis/redis_reply.h \
	src/redis/redis_script.c src/redis/redis_script.h \
	src/redis/redis_wire.c src/redis/redis_wire.h \
	src/redis/sentinel.c src/redis/sentinel.h \
	src/redis/slot_map.c src/redis/slot_map.h \
	src/redis/subscription.c src/redis/subscription.h
