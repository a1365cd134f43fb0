# The L1: todos in memory that the processes of a machine share. It knows neither Redis nor todos.
noinst_LIBRARIES += libl1.a
libl1_a_SOURCES = \
	src/l1/file.c src/l1/file.h \
	src/l1/licence.c src/l1/licence.h \
	src/l1/memory.h \
	src/l1/table.c src/l1/table.h
