# The programs: options, settings, start, stop; nothing else.
PROGRAM_SOURCES = src/options.c src/options.h src/program.c src/program.h
TOOL_SOURCES = $(PROGRAM_SOURCES) src/tool.c src/tool.h
# The rooms that all programs stand on, each before those below it.
PROGRAM_LIBS = libserver.a libapi.a libfeed.a libclients.a libaudit.a libfollow.a libqueue.a libcache.a libpeers.a libcdn.a libredis.a \
	libl1.a libstore.a libbase.a $(SERVER_LIBS) $(CACHE_LIBS) $(REDIS_LIBS) $(STORE_LIBS) $(BASE_LIBS)

bin_PROGRAMS += todo-load
todo_load_SOURCES = src/todo_load.c $(TOOL_SOURCES)
todo_load_LDADD = libload.a $(LOAD_LIBS) $(PROGRAM_LIBS)

bin_PROGRAMS += todoctl
todoctl_SOURCES = src/todoctl.c src/todoctl_queue.c src/todoctl_queue.h $(TOOL_SOURCES)
todoctl_LDADD = libcontrol.a $(PROGRAM_LIBS)

bin_PROGRAMS += todo-fcgi
todo_fcgi_SOURCES = src/main.c $(PROGRAM_SOURCES)
todo_fcgi_LDADD = $(PROGRAM_LIBS)
