# The programs: options, settings, start, stop; nothing else.

bin_PROGRAMS += todo-load
todo_load_SOURCES = src/todo_load.c src/options.c src/options.h src/program.c src/program.h src/tool.c src/tool.h
todo_load_LDADD = libload.a libserver.a libaudit.a libfollow.a libcache.a libcdn.a libredis.a libstore.a libbase.a \
	$(LOAD_LIBS) $(SERVER_LIBS) $(CACHE_LIBS) $(REDIS_LIBS) $(STORE_LIBS) $(BASE_LIBS)

bin_PROGRAMS += todoctl
todoctl_SOURCES = src/todoctl.c src/options.c src/options.h src/program.c src/program.h src/tool.c src/tool.h
todoctl_LDADD = libcontrol.a libserver.a libapi.a libclients.a libaudit.a libfollow.a libcache.a libcdn.a libredis.a libstore.a libbase.a \
	$(SERVER_LIBS) $(CACHE_LIBS) $(REDIS_LIBS) $(STORE_LIBS) $(BASE_LIBS)

bin_PROGRAMS += todo-fcgi
todo_fcgi_SOURCES = src/main.c src/options.c src/options.h src/program.c src/program.h
todo_fcgi_LDADD = libserver.a libapi.a libclients.a libaudit.a libfollow.a libcache.a libcdn.a libredis.a libstore.a libbase.a \
	$(SERVER_LIBS) $(CACHE_LIBS) $(REDIS_LIBS) $(STORE_LIBS) $(BASE_LIBS)
