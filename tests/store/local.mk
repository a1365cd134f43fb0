# Tests of kind store: one suite over both stores, each store's own cases, and the pool.
STORE_TEST_LDADD = libstore.a libbase.a $(STORE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS) -lpthread
STORE_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(MONGOC_CFLAGS) $(BSON_CFLAGS) $(SQLITE_CFLAGS) $(UV_CFLAGS)

if HAVE_CMOCKA
check_PROGRAMS += tests/store/test_pool tests/store/test_sqlite tests/store/test_sqlite_changes tests/store/test_sqlite_feed \
	tests/store/test_sqlite_groups

# These two need a MongoDB, which run.sh looks for.
EXTRA_PROGRAMS += tests/store/test_store tests/store/test_mongo
check_DATA += tests/store/test_store$(EXEEXT) tests/store/test_mongo$(EXEEXT)
CLEANFILES += tests/store/test_store$(EXEEXT) tests/store/test_mongo$(EXEEXT)
TESTS += tests/store/run.sh
endif

tests_store_test_pool_SOURCES = tests/store/test_pool.c
tests_store_test_pool_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_pool_LDADD = $(STORE_TEST_LDADD)

tests_store_test_sqlite_SOURCES = tests/store/test_sqlite.c tests/store/fixture.c tests/store/fixture.h
tests_store_test_sqlite_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_sqlite_LDADD = $(STORE_TEST_LDADD)

tests_store_test_sqlite_changes_SOURCES = tests/store/test_sqlite_changes.c tests/store/fixture.c tests/store/fixture.h
tests_store_test_sqlite_changes_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_sqlite_changes_CPPFLAGS = $(AM_CPPFLAGS) -DSTORE_TEST_DIR='"$(abs_srcdir)/tests/store"'
tests_store_test_sqlite_changes_LDADD = $(STORE_TEST_LDADD)

tests_store_test_sqlite_feed_SOURCES = tests/store/test_sqlite_feed.c tests/store/fixture.c tests/store/fixture.h
tests_store_test_sqlite_feed_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_sqlite_feed_LDADD = $(STORE_TEST_LDADD)

tests_store_test_sqlite_groups_SOURCES = tests/store/test_sqlite_groups.c tests/store/power_cut.c tests/store/power_cut.h \
	tests/store/crowd.c tests/store/crowd.h \
	tests/store/fixture.c tests/store/fixture.h
tests_store_test_sqlite_groups_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_sqlite_groups_LDADD = $(STORE_TEST_LDADD)

tests_store_test_store_SOURCES = tests/store/test_store.c \
	tests/store/test_store_answers.c tests/store/test_store_answers.h \
	tests/store/test_store_apply.c tests/store/test_store_apply.h \
	tests/store/test_store_changes.c tests/store/test_store_changes.h \
	tests/store/test_store_lists.c tests/store/test_store_lists.h \
	tests/store/test_store_loads.c tests/store/test_store_loads.h \
	tests/store/test_store_meta.c tests/store/test_store_meta.h \
	tests/store/test_store_purges.c tests/store/test_store_purges.h \
	tests/store/crowd.c tests/store/crowd.h tests/store/fixture.c tests/store/fixture.h tests/unit/fields.h
tests_store_test_store_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_store_LDADD = $(STORE_TEST_LDADD)

tests_store_test_mongo_SOURCES = tests/store/test_mongo.c tests/store/proxy.c tests/store/proxy.h \
	tests/store/test_mongo_apply.c tests/store/test_mongo_apply.h \
	tests/store/test_mongo_changes.c tests/store/test_mongo_changes.h tests/store/test_mongo_documents.c \
	tests/store/test_mongo_documents.h tests/store/test_mongo_feed.c tests/store/test_mongo_feed.h tests/store/test_mongo_foreign.c tests/store/test_mongo_foreign.h \
	tests/store/fixture.c tests/store/fixture.h
tests_store_test_mongo_CFLAGS = $(STORE_TEST_CFLAGS)
tests_store_test_mongo_LDADD = $(STORE_TEST_LDADD)

EXTRA_DIST += tests/store/version-1.sql tests/store/run.sh
