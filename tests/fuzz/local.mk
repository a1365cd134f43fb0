# Fuzzers, in a build of their own by clang: "make fuzzers" builds all of them and only what they link.
# To add one: a file fuzz_NAME.c, a folder corpus/NAME with an input or more, its name in FUZZERS, and two lines at the end.
if FUZZERS
FUZZERS = \
	tests/fuzz/fuzz_api \
	tests/fuzz/fuzz_archive \
	tests/fuzz/fuzz_bson \
	tests/fuzz/fuzz_csv \
	tests/fuzz/fuzz_entry \
	tests/fuzz/fuzz_fcgi \
	tests/fuzz/fuzz_field \
	tests/fuzz/fuzz_format \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_page \
	tests/fuzz/fuzz_queued \
	tests/fuzz/fuzz_reply \
	tests/fuzz/fuzz_slots
EXTRA_PROGRAMS += $(FUZZERS)
endif

.PHONY: fuzzers
fuzzers: $(FUZZERS)

FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
FUZZ_ROWS = tests/fuzz/rows.c tests/fuzz/rows.h tests/fuzz/fuzzing.h
FUZZ_HASH = tests/fuzz/hash.c tests/fuzz/hash.h tests/fuzz/fuzzing.h $(FAKE_REPLY)
FUZZ_LOAD_LIBS = libload.a libbase.a $(LOAD_LIBS) $(BASE_LIBS)
FUZZ_CACHE_LIBS = libcache.a libpeers.a libcdn.a libredis.a libl1.a libstore.a libbase.a $(REDIS_LIBS) $(CACHE_LIBS) $(BASE_LIBS)

tests_fuzz_fuzz_api_SOURCES = tests/fuzz/fuzz_api.c tests/fuzz/fuzzing.h $(FAKE_API)
tests_fuzz_fuzz_api_LDADD = libapi.a $(UNIT_CACHE_LIBS)
tests_fuzz_fuzz_api_LDFLAGS = $(FUZZ_LINK) $(FAKE_CLOCK)
tests_fuzz_fuzz_archive_SOURCES = tests/fuzz/fuzz_archive.c $(FUZZ_ROWS)
tests_fuzz_fuzz_archive_LDADD = $(FUZZ_LOAD_LIBS)
tests_fuzz_fuzz_archive_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_bson_SOURCES = tests/fuzz/fuzz_bson.c $(FUZZ_ROWS)
tests_fuzz_fuzz_bson_LDADD = $(FUZZ_LOAD_LIBS)
tests_fuzz_fuzz_bson_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_csv_SOURCES = tests/fuzz/fuzz_csv.c $(FUZZ_ROWS)
tests_fuzz_fuzz_csv_LDADD = $(FUZZ_LOAD_LIBS)
tests_fuzz_fuzz_csv_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_entry_SOURCES = tests/fuzz/fuzz_entry.c $(FUZZ_HASH)
tests_fuzz_fuzz_entry_LDADD = $(FUZZ_CACHE_LIBS)
tests_fuzz_fuzz_entry_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_fcgi_SOURCES = tests/fuzz/fuzz_fcgi.c tests/fuzz/fuzzing.h tests/unit/poll_events.c tests/unit/poll_events.h
tests_fuzz_fuzz_fcgi_LDADD = libserver.a libbase.a $(SERVER_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_fcgi_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_field_SOURCES = tests/fuzz/fuzz_field.c tests/fuzz/fuzzing.h
tests_fuzz_fuzz_field_LDADD = libbase.a $(BASE_LIBS)
tests_fuzz_fuzz_field_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_format_SOURCES = tests/fuzz/fuzz_format.c $(FUZZ_ROWS)
tests_fuzz_fuzz_format_LDADD = $(FUZZ_LOAD_LIBS)
tests_fuzz_fuzz_format_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/fuzzing.h
tests_fuzz_fuzz_json_LDADD = libbase.a $(BASE_LIBS)
tests_fuzz_fuzz_json_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_page_SOURCES = tests/fuzz/fuzz_page.c $(FUZZ_HASH)
tests_fuzz_fuzz_page_LDADD = $(FUZZ_CACHE_LIBS)
tests_fuzz_fuzz_page_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_queued_SOURCES = tests/fuzz/fuzz_queued.c tests/fuzz/fuzzing.h
tests_fuzz_fuzz_queued_LDADD = libqueue.a libstore.a libbase.a $(BASE_LIBS)
tests_fuzz_fuzz_queued_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_reply_SOURCES = tests/fuzz/fuzz_reply.c tests/fuzz/fuzzing.h
tests_fuzz_fuzz_reply_LDADD = libredis.a libbase.a $(BASE_LIBS)
tests_fuzz_fuzz_reply_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_slots_SOURCES = tests/fuzz/fuzz_slots.c tests/fuzz/fuzzing.h
tests_fuzz_fuzz_slots_LDADD = libcache.a libbase.a $(BASE_LIBS)
tests_fuzz_fuzz_slots_LDFLAGS = $(FUZZ_LINK)
