# Tests of kind bench.

# The yardstick for throughput, and what server/ alone costs beside it.
EXTRA_PROGRAMS += tests/bench/bare_fcgi tests/bench/null_fcgi
tests_bench_bare_fcgi_SOURCES = tests/bench/bare_fcgi.c
tests_bench_bare_fcgi_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS)
tests_bench_bare_fcgi_LDADD = $(FCGI_LIBS)
tests_bench_null_fcgi_SOURCES = tests/bench/null_fcgi.c
tests_bench_null_fcgi_LDADD = libserver.a libbase.a $(SERVER_LIBS) $(BASE_LIBS)
