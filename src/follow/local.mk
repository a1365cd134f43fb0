# Taking what others write to the store out of the cache; stands on the cache.
noinst_LIBRARIES += libfollow.a
libfollow_a_SOURCES = src/follow/follow.c src/follow/follow.h
