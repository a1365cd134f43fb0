# Routes and handlers; sees no socket and no third-party header.
noinst_LIBRARIES += libapi.a
libapi_a_SOURCES = \
	src/api/api.h \
	src/api/cache_health.c \
	src/api/changes.c \
	src/api/changes_text.c src/api/changes_text.h \
	src/api/coding.c src/api/coding.h \
	src/api/demand.c \
	src/api/freshness.c src/api/freshness.h \
	src/api/handlers.h \
	src/api/health.c \
	src/api/idempotency.c src/api/idempotency.h \
	src/api/limit.c src/api/limit.h \
	src/api/preference.c \
	src/api/problem.c src/api/problem.h \
	src/api/queue_answer.c src/api/queue_answer.h \
	src/api/queue_get.c \
	src/api/queued_write.c src/api/queued_write.h \
	src/api/request.c src/api/request.h \
	src/api/route.c \
	src/api/services.h \
	src/api/summary.c \
	src/api/todo_answer.c src/api/todo_answer.h \
	src/api/todo_body.c src/api/todo_body.h \
	src/api/todo_change.c \
	src/api/todo_get.c \
	src/api/todo_insert.c \
	src/api/todo_list.c \
	src/api/trace.c
