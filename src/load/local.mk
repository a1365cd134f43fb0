# The loader's readers, its row maker and its flow. Only bson_reader.c sees libbson, only source.c and sink.c zlib.
noinst_LIBRARIES += libload.a
libload_a_CFLAGS = $(AM_CFLAGS) $(BSON_CFLAGS) $(ZLIB_CFLAGS)
LOAD_LIBS = $(BSON_LIBS) $(ZLIB_LIBS)
libload_a_SOURCES = \
	src/load/archive_reader.c src/load/archive_reader.h \
	src/load/array_reader.c src/load/array_reader.h \
	src/load/batch.c src/load/batch.h \
	src/load/bson_reader.c src/load/bson_reader.h \
	src/load/choice.c src/load/choice.h \
	src/load/csv_reader.c src/load/csv_reader.h \
	src/load/export.c src/load/export.h \
	src/load/faker.c src/load/faker.h \
	src/load/foreign_reader.c src/load/foreign_reader.h \
	src/load/format.c src/load/format.h \
	src/load/guard.c src/load/guard.h \
	src/load/id_set.c src/load/id_set.h \
	src/load/input.c src/load/input.h \
	src/load/jsonl_reader.c src/load/jsonl_reader.h \
	src/load/load.c src/load/load.h \
	src/load/progress.c src/load/progress.h \
	src/load/reader.c src/load/reader.h \
	src/load/rejects.c src/load/rejects.h \
	src/load/row.c src/load/row.h \
	src/load/sink.c src/load/sink.h \
	src/load/source.c src/load/source.h
dist_man_MANS += doc/todo-load.1
