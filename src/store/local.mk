# Two databases behind one seam. Only mongo*.c see libmongoc, only sqlite.c, _file.c and _copy.c sqlite3, only pool.c libuv.
noinst_LIBRARIES += libstore.a
libstore_a_CFLAGS = $(AM_CFLAGS) $(MONGOC_CFLAGS) $(BSON_CFLAGS) $(SQLITE_CFLAGS) $(UV_CFLAGS)
STORE_LIBS = $(MONGOC_LIBS) $(BSON_LIBS) $(SQLITE_LIBS) $(UV_LIBS)
libstore_a_SOURCES = \
	src/store/answer.c src/store/answer.h \
	src/store/apply.c src/store/apply.h \
	src/store/backup.h \
	src/store/bookmark.c src/store/bookmark.h \
	src/store/condition.c \
	src/store/feed.h \
	src/store/fold.c src/store/fold.h \
	src/store/follow.h \
	src/store/foreign.h \
	src/store/journal.h \
	src/store/mongo.c \
	src/store/mongo_adopt.c \
	src/store/mongo_answers.c src/store/mongo_answers.h \
	src/store/mongo_apply.c \
	src/store/mongo_batch.c src/store/mongo_batch.h \
	src/store/mongo_change.c \
	src/store/mongo_document.c src/store/mongo_document.h \
	src/store/mongo_driver.c src/store/mongo_driver.h \
	src/store/mongo_feed.c \
	src/store/mongo_follow.c \
	src/store/mongo_foreign.c \
	src/store/mongo_indexes.c src/store/mongo_indexes.h \
	src/store/mongo_insert.c \
	src/store/mongo_made.c src/store/mongo_made.h \
	src/store/mongo_meta.c \
	src/store/mongo_outbox.c \
	src/store/mongo_purges.c \
	src/store/mongo_read.c \
	src/store/mongo_shards.c src/store/mongo_shards.h \
	src/store/mongo_store.h \
	src/store/mongo_stream.c \
	src/store/mongo_todo.c src/store/mongo_todo.h \
	src/store/mongo_transaction.c src/store/mongo_transaction.h \
	src/store/mongo_uri.c src/store/mongo_uri.h \
	src/store/mongo_watermark.c \
	src/store/pool.c src/store/pool.h \
	src/store/sqlite.c src/store/sqlite.h \
	src/store/sqlite_answers.c \
	src/store/sqlite_apply.c \
	src/store/sqlite_backup.c \
	src/store/sqlite_change.c \
	src/store/sqlite_connection.h \
	src/store/sqlite_copy.c src/store/sqlite_copy.h \
	src/store/sqlite_feed.c \
	src/store/sqlite_file.c \
	src/store/sqlite_journal.c \
	src/store/sqlite_lock.c src/store/sqlite_lock.h \
	src/store/sqlite_meta.c \
	src/store/sqlite_outbox.c \
	src/store/sqlite_purges.c \
	src/store/sqlite_shelf.c src/store/sqlite_shelf.h \
	src/store/sqlite_sql.c src/store/sqlite_sql.h \
	src/store/sqlite_store.c src/store/sqlite_store.h \
	src/store/sqlite_todo.c src/store/sqlite_todo.h \
	src/store/sqlite_transaction.c \
	src/store/sqlite_turn.c src/store/sqlite_turn.h \
	src/store/store_dispatch.c src/store/store.h src/store/store_ops.h
