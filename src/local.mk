# The programs: options, settings, start, stop; nothing else.

bin_PROGRAMS += todo-load
todo_load_SOURCES = src/todo_load.c src/program.c src/program.h
todo_load_LDADD = libload.a libserver.a libcache.a libstore.a libbase.a \
	$(LOAD_LIBS) $(SERVER_LIBS) $(CACHE_LIBS) $(STORE_LIBS) $(BASE_LIBS)
