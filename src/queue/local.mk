# Queued writes: the journal that keeps them and what applies them; its scripts are embedded at build time.
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES = \
	src/queue/accept.c src/queue/accept.h \
	src/queue/applier.c src/queue/applier.h \
	src/queue/batch.c src/queue/batch.h \
	src/queue/board.h \
	src/queue/durable.c src/queue/durable.h \
	src/queue/file_call.h \
	src/queue/file_holds.c src/queue/file_holds.h \
	src/queue/file_journal.c \
	src/queue/file_read.c \
	src/queue/journal.h src/queue/journal_open.c src/queue/journal_ops.h \
	src/queue/options.h \
	src/queue/outcome.c src/queue/outcome.h \
	src/queue/queue.c src/queue/queue.h \
	src/queue/queued.c src/queue/queued.h \
	src/queue/readiness.c src/queue/readiness.h \
	src/queue/redis_call.c src/queue/redis_call.h \
	src/queue/redis_journal.c \
	src/queue/redis_read.c \
	src/queue/redis_write.c \
	src/queue/settlement.c src/queue/settlement.h \
	src/queue/ticket.c src/queue/ticket.h \
	src/queue/turns.c src/queue/turns.h \
	src/queue/wait.c src/queue/wait.h
nodist_libqueue_a_SOURCES = src/queue/queue_embedded.h

QUEUE_LUA = \
	src/queue/scripts/append.lua \
	src/queue/scripts/belong.lua \
	src/queue/scripts/find.lua \
	src/queue/scripts/hold.lua \
	src/queue/scripts/look.lua \
	src/queue/scripts/read.lua \
	src/queue/scripts/settle.lua
EXTRA_DIST += $(QUEUE_LUA)
BUILT_SOURCES += src/queue/queue_embedded.h
CLEANFILES += src/queue/queue_embedded.h
src/queue/queue_embedded.h: $(QUEUE_LUA) src/redis/embed.sh
	$(AM_V_GEN)$(MKDIR_P) src/queue && \
	  sh $(srcdir)/src/redis/embed.sh QUEUE_SCRIPTS $(srcdir) $(QUEUE_LUA) > $@.new && mv $@.new $@
src/queue/redis_call.$(OBJEXT): src/queue/queue_embedded.h
