# The cache-aside protocol; its scripts are embedded at build time.
noinst_LIBRARIES += libcache.a
CACHE_LIBS = -lm
libcache_a_SOURCES = \
	src/cache/beat.c src/cache/beat.h \
	src/cache/brought.c src/cache/brought.h \
	src/cache/cache.c src/cache/cache.h src/cache/cache_state.h \
	src/cache/change.c src/cache/change.h \
	src/cache/claim.c src/cache/claim.h \
	src/cache/doubt.c src/cache/doubt.h \
	src/cache/drain.c src/cache/drain.h src/cache/drain_page.c src/cache/drain_page.h \
	src/cache/entry.c src/cache/entry.h \
	src/cache/epoch.c src/cache/epoch.h \
	src/cache/fence.c src/cache/fence.h \
	src/cache/flight.c src/cache/flight.h \
	src/cache/grants.c src/cache/grants.h \
	src/cache/hold.h \
	src/cache/home.h \
	src/cache/identity.c src/cache/identity.h \
	src/cache/keys.c src/cache/keys.h \
	src/cache/l1_entry.c src/cache/l1_entry.h \
	src/cache/lifetime.c src/cache/lifetime.h \
	src/cache/list_read.c src/cache/list_read.h \
	src/cache/mutant.h \
	src/cache/options.h \
	src/cache/outbox.c src/cache/outbox.h \
	src/cache/page.c src/cache/page.h \
	src/cache/parted.c src/cache/parted.h \
	src/cache/reader.c src/cache/reader.h \
	src/cache/record.c src/cache/record.h \
	src/cache/scripts.c src/cache/scripts.h \
	src/cache/shards.c src/cache/shards.h \
	src/cache/shared_fences.c src/cache/shared_fences.h \
	src/cache/sight.c src/cache/sight.h \
	src/cache/slots.c src/cache/slots.h \
	src/cache/todo_read.c src/cache/todo_read.h \
	src/cache/trust.c src/cache/trust.h src/cache/trust_hold.c src/cache/trust_state.h \
	src/cache/watermark.c src/cache/watermark.h \
	src/cache/write.c src/cache/write.h \
	src/cache/write_homes.c src/cache/write_homes.h \
	src/cache/write_step.c src/cache/write_step.h \
	src/cache/write_store.c src/cache/write_store.h
if FAILPOINTS
libcache_a_SOURCES += src/cache/mutant.c
endif
EXTRA_DIST += src/cache/mutant.c
nodist_libcache_a_SOURCES = src/cache/scripts_embedded.h

CACHE_LUA = \
	src/cache/scripts/acquire.lua \
	src/cache/scripts/beat.lua \
	src/cache/scripts/clear.lua \
	src/cache/scripts/discard.lua \
	src/cache/scripts/fence.lua \
	src/cache/scripts/fill.lua \
	src/cache/scripts/invalidate.lua \
	src/cache/scripts/list_acquire.lua \
	src/cache/scripts/list_clear.lua \
	src/cache/scripts/list_fill.lua \
	src/cache/scripts/publish.lua \
	src/cache/scripts/release.lua \
	src/cache/scripts/unfence.lua \
	src/cache/scripts/watermark.lua
EXTRA_DIST += src/redis/embed.sh $(CACHE_LUA)
BUILT_SOURCES += src/cache/scripts_embedded.h
CLEANFILES += src/cache/scripts_embedded.h
src/cache/scripts_embedded.h: $(CACHE_LUA) src/redis/embed.sh
	$(AM_V_GEN)$(MKDIR_P) src/cache && \
	  sh $(srcdir)/src/redis/embed.sh SCRIPTS $(srcdir) $(CACHE_LUA) > $@.new && mv $@.new $@
src/cache/scripts.$(OBJEXT): src/cache/scripts_embedded.h
