# No I/O but clocks, chance, the log and locks. Only json.c sees jansson, only hash.c xxhash and OpenSSL, only gzip.c zlib.
noinst_LIBRARIES += libbase.a
libbase_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS) $(CRYPTO_CFLAGS) $(ZLIB_CFLAGS)
BASE_LIBS = $(JANSSON_LIBS) $(XXHASH_LIBS) $(CRYPTO_LIBS) $(ZLIB_LIBS)
libbase_a_SOURCES = \
	src/base/arena.c src/base/arena.h \
	src/base/breaker.c src/base/breaker.h \
	src/base/buf.c src/base/buf.h \
	src/base/census.h src/base/clock.h src/base/container.h \
	src/base/condition.c src/base/condition.h \
	src/base/cursor.c src/base/cursor.h \
	src/base/date.c src/base/date.h \
	src/base/directive.c src/base/directive.h \
	src/base/error.c src/base/error.h \
	src/base/etag.c src/base/etag.h \
	src/base/events.h \
	src/base/failpoint.h \
	src/base/file_lock.c src/base/file_lock.h \
	src/base/file_owner.c src/base/file_owner.h \
	src/base/figures.c src/base/figures.h \
	src/base/gzip.c src/base/gzip.h \
	src/base/hash.c src/base/hash.h src/base/hex.h \
	src/base/hot.c src/base/hot.h \
	src/base/http_call.h \
	src/base/json.c src/base/json.h \
	src/base/log.c src/base/log.h \
	src/base/media.c src/base/media.h \
	src/base/mem.c src/base/mem.h \
	src/base/prefer.c src/base/prefer.h \
	src/base/query.c src/base/query.h \
	src/base/random.c src/base/random.h \
	src/base/settings.c src/base/settings.h src/base/settings_table.h src/base/settings_uri.c \
	src/base/slice.c src/base/slice.h \
	src/base/slot.c src/base/slot.h \
	src/base/stats.c src/base/stats.h src/base/stats_history.c src/base/stats_history.h src/base/stats_table.h \
	src/base/texts.c src/base/texts.h \
	src/base/todo.c src/base/todo.h \
	src/base/todo_json.c src/base/todo_json.h \
	src/base/todo_version.c src/base/todo_version.h \
	src/base/trail.c src/base/trail.h \
	src/base/word.h

# In a build with failpoints only; their test has it always.
if FAILPOINTS
libbase_a_SOURCES += src/base/failpoint.c
endif
EXTRA_DIST += src/base/failpoint.c
