# The loader's readers, its row maker and its flow. Only bson_reader.c sees libbson, only archive input zlib.
noinst_LIBRARIES += libload.a
libload_a_CFLAGS = $(AM_CFLAGS) $(BSON_CFLAGS) $(ZLIB_CFLAGS)
LOAD_LIBS = $(BSON_LIBS) $(ZLIB_LIBS)
libload_a_SOURCES =
