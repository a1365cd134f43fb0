# What machines on one Redis tell each other about their L1: licences, boxes, writers that wait.
noinst_LIBRARIES += libpeers.a
libpeers_a_SOURCES = \
	src/peers/agent.c src/peers/agent.h \
	src/peers/options.h \
	src/peers/peers.c src/peers/peers.h \
	src/peers/peers_state.h \
	src/peers/tell.c src/peers/tell.h
nodist_libpeers_a_SOURCES = src/peers/peers_embedded.h

PEERS_LUA = src/peers/expel.lua src/peers/join.lua src/peers/renew.lua src/peers/tell.lua
EXTRA_DIST += $(PEERS_LUA)
BUILT_SOURCES += src/peers/peers_embedded.h
CLEANFILES += src/peers/peers_embedded.h
src/peers/peers_embedded.h: $(PEERS_LUA) src/redis/embed.sh
	$(AM_V_GEN)$(MKDIR_P) src/peers && \
	  sh $(srcdir)/src/redis/embed.sh PEERS_SCRIPTS $(srcdir) $(PEERS_LUA) > $@.new && mv $@.new $@
src/peers/peers.$(OBJEXT): src/peers/peers_embedded.h
