# What todoctl does to a cache in use; on the cache and the store, without a socket of its own.
noinst_LIBRARIES += libcontrol.a
libcontrol_a_SOURCES = \
	src/control/audit_all.c \
	src/control/backup.c \
	src/control/control.c src/control/control.h \
	src/control/bar.c src/control/bar.h \
	src/control/figures_table.c src/control/figures_table.h \
	src/control/purge.c \
	src/control/queue.c src/control/queue.h \
	src/control/queue_text.c src/control/queue_text.h \
	src/control/roll.c src/control/roll.h \
	src/control/twin.c src/control/twin.h \
	src/control/warm.c \
	src/control/why.c src/control/why.h
dist_man_MANS += doc/todoctl.8
