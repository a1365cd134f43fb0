# The cache-aside protocol; its scripts are embedded at build time.
noinst_LIBRARIES += libcache.a
CACHE_LIBS = -lm
libcache_a_SOURCES = \
	src/cache/audit.c src/cache/audit.h \
	src/cache/auditor.c src/cache/auditor.h \
	src/cache/cache.c src/cache/cache.h src/cache/cache_state.h \
	src/cache/change.c \
	src/cache/demand.c src/cache/demand.h \
	src/cache/entry.c src/cache/entry.h \
	src/cache/epoch.c \
	src/cache/fence.c src/cache/fence.h \
	src/cache/flight.c src/cache/flight.h \
	src/cache/follow.c \
	src/cache/identity.c src/cache/identity.h \
	src/cache/keys.c src/cache/keys.h \
	src/cache/lifetime.c src/cache/lifetime.h \
	src/cache/kept_answer.c src/cache/kept_answer.h \
	src/cache/limit.c src/cache/limit.h \
	src/cache/link.c \
	src/cache/list_read.c \
	src/cache/mutant.h \
	src/cache/outbox.c \
	src/cache/page.c src/cache/page.h \
	src/cache/purge.c src/cache/purge.h src/cache/purge_state.h \
	src/cache/purge_lane.c \
	src/cache/purge_record.c \
	src/cache/purge_target.c src/cache/purge_target.h \
	src/cache/scan.c src/cache/scan.h \
	src/cache/scripts.c src/cache/scripts.h \
	src/cache/todo_read.c \
	src/cache/write.c
if FAILPOINTS
libcache_a_SOURCES += src/cache/mutant.c
endif
EXTRA_DIST += src/cache/mutant.c
nodist_libcache_a_SOURCES = src/cache/scripts_embedded.h

CACHE_LUA = \
	src/cache/scripts/acquire.lua \
	src/cache/scripts/fence.lua \
	src/cache/scripts/fill.lua \
	src/cache/scripts/invalidate.lua \
	src/cache/scripts/limit.lua \
	src/cache/scripts/list_acquire.lua \
	src/cache/scripts/list_fence.lua \
	src/cache/scripts/list_fill.lua \
	src/cache/scripts/list_unfence.lua \
	src/cache/scripts/publish.lua \
	src/cache/scripts/release.lua \
	src/cache/scripts/unfence.lua
EXTRA_DIST += src/cache/scripts/embed.sh $(CACHE_LUA)
BUILT_SOURCES += src/cache/scripts_embedded.h
CLEANFILES += src/cache/scripts_embedded.h
src/cache/scripts_embedded.h: $(CACHE_LUA) src/cache/scripts/embed.sh
	$(AM_V_GEN)$(MKDIR_P) src/cache && \
	  sh $(srcdir)/src/cache/scripts/embed.sh $(srcdir) $(CACHE_LUA) > $@.new && mv $@.new $@
src/cache/scripts.$(OBJEXT): src/cache/scripts_embedded.h
