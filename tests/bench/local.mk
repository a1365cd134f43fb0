# Tests of kind bench.

# The yardstick for throughput, and what server/ alone costs beside it.
EXTRA_PROGRAMS += tests/bench/bare_fcgi
tests_bench_bare_fcgi_SOURCES = tests/bench/bare_fcgi.c
tests_bench_bare_fcgi_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)
tests_bench_bare_fcgi_LDADD = $(FCGI_LIBS)

# A network between workers and Redis; hop.sh runs it.
EXTRA_PROGRAMS += tests/bench/slow_hop
tests_bench_slow_hop_SOURCES = tests/bench/slow_hop.c

# The yardstick for todo-load; load.sh runs both.
EXTRA_PROGRAMS += tests/bench/bench_mongo_load
tests_bench_bench_mongo_load_SOURCES = tests/bench/bench_mongo_load.c
tests_bench_bench_mongo_load_CFLAGS = $(AM_CFLAGS) $(MONGOC_CFLAGS) $(BSON_CFLAGS)
tests_bench_bench_mongo_load_LDADD = libload.a libbase.a $(LOAD_LIBS) $(MONGOC_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/bench/cluster.py tests/bench/cluster.sh
EXTRA_DIST += tests/bench/frozen.sh tests/bench/hop.py tests/bench/hop.sh tests/bench/load.sh tests/bench/machines.py tests/bench/machines.sh tests/bench/posts.sh
EXTRA_DIST += tests/bench/instructions.py tests/bench/instructions.sh
EXTRA_DIST += tests/bench/ladder.lua tests/bench/ladder.py tests/bench/ladder.sh tests/bench/ladder_places.py
EXTRA_DIST += tests/bench/ladder_read.lua tests/bench/ladder_report.py
EXTRA_DIST += tests/bench/scale.py tests/bench/units.json tests/bench/units.py tests/bench/units.sh
