# Routes and handlers; sees no socket and no third-party header.
noinst_LIBRARIES += libapi.a
libapi_a_SOURCES =
