# The event loop, connections, periodic duties. Only fcgi.c sees libfcgi, only loop.c libuv, only
# http_client.c libcurl.
noinst_LIBRARIES += libserver.a
libserver_a_CFLAGS = $(AM_CFLAGS) $(FCGI_CFLAGS) $(UV_CFLAGS) $(CURL_CFLAGS)
SERVER_LIBS = $(FCGI_LIBS) $(UV_LIBS) $(CURL_LIBS)
libserver_a_SOURCES = \
	src/server/backend.c src/server/backend.h \
	src/server/check.c src/server/check.h \
	src/server/check_cluster.c src/server/check_cluster.h \
	src/server/deadline.c src/server/deadline.h \
	src/server/fcgi.c src/server/fcgi.h \
	src/server/gauges.c src/server/gauges.h \
	src/server/fcgi_params.c src/server/fcgi_params.h \
	src/server/fcgi_record.c src/server/fcgi_record.h \
	src/server/http_client.c src/server/http_client.h \
	src/server/janitor.c src/server/janitor.h \
	src/server/listen_socket.c src/server/listen_socket.h \
	src/server/listener.c src/server/listener.h \
	src/server/loop.c src/server/loop.h \
	src/server/ready.c src/server/ready.h \
	src/server/server.c src/server/server.h \
	src/server/stats_file.c src/server/stats_file.h \
	src/server/write_token.c src/server/write_token.h
dist_man_MANS += doc/todo-fcgi.8
