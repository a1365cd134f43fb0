# The cache-aside protocol. Only redis.c sees hiredis; the scripts are embedded at build time.
noinst_LIBRARIES += libcache.a
libcache_a_CFLAGS = $(AM_CFLAGS) $(HIREDIS_CFLAGS)
CACHE_LIBS = $(HIREDIS_LIBS)
libcache_a_SOURCES =
