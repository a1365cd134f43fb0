# The event loop, connections, periodic duties. Only fcgi.c sees libfcgi.
noinst_LIBRARIES += libserver.a
libserver_a_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS) $(UV_CFLAGS)
SERVER_LIBS = $(FCGI_LIBS) $(UV_LIBS)
libserver_a_SOURCES =
