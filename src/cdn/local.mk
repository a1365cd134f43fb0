# Telling caches in front (a CDN, Varnish) what a write has made old.
noinst_LIBRARIES += libcdn.a
libcdn_a_SOURCES = \
	src/cdn/purge_item.c src/cdn/purge_item.h \
	src/cdn/purge_lane.c src/cdn/purge_lane.h \
	src/cdn/purge_record.c src/cdn/purge_record.h \
	src/cdn/purge_target.c src/cdn/purge_target.h \
	src/cdn/purger.c src/cdn/purger.h
