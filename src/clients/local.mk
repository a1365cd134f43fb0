# What is kept for clients: how often each asks (in Redis), and the answers of idempotency keys (in the store).
noinst_LIBRARIES += libclients.a
libclients_a_SOURCES = \
	src/clients/kept_answer.c src/clients/kept_answer.h \
	src/clients/limit.c src/clients/limit.h
nodist_libclients_a_SOURCES = src/clients/limit_embedded.h

CLIENTS_LUA = src/clients/limit.lua
EXTRA_DIST += $(CLIENTS_LUA)
BUILT_SOURCES += src/clients/limit_embedded.h
CLEANFILES += src/clients/limit_embedded.h
src/clients/limit_embedded.h: $(CLIENTS_LUA) src/redis/embed.sh
	$(AM_V_GEN)$(MKDIR_P) src/clients && \
	  sh $(srcdir)/src/redis/embed.sh LIMIT_SCRIPTS $(srcdir) $(CLIENTS_LUA) > $@.new && mv $@.new $@
src/clients/limit.$(OBJEXT): src/clients/limit_embedded.h
