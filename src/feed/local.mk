# Clients that wait for changes; stands on the store's feed.
noinst_LIBRARIES += libfeed.a
libfeed_a_SOURCES = src/feed/feed.c src/feed/feed.h
