# Does what the cache holds equal the store? Stands on the cache, and watches it.
noinst_LIBRARIES += libaudit.a
libaudit_a_SOURCES = \
	src/audit/audit.c src/audit/audit.h \
	src/audit/auditor.c src/audit/auditor.h \
	src/audit/census.c src/audit/census.h \
	src/audit/scan.c src/audit/scan.h
