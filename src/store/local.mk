# Two databases behind one seam. Only mongo.c sees libmongoc, only sqlite.c sqlite3, only pool.c libuv.
noinst_LIBRARIES += libstore.a
libstore_a_CFLAGS = $(AM_CFLAGS) $(MONGOC_CFLAGS) $(BSON_CFLAGS) $(SQLITE_CFLAGS) $(UV_CFLAGS)
STORE_LIBS = $(MONGOC_LIBS) $(BSON_LIBS) $(SQLITE_LIBS) $(UV_LIBS)
libstore_a_SOURCES = \
	src/store/mongo.c \
	src/store/pool.c src/store/pool.h \
	src/store/sqlite.c \
	src/store/store.c src/store/store.h src/store/store_ops.h
