/* SPDX-License-Identifier: MIT */
/*
 * From a member back to its struct: how a callback that gets a pool job, a reader or a write finds its owner.
 * context  any (pure)
 */
#ifndef BASE_CONTAINER_H
#define BASE_CONTAINER_H

#include <stddef.h>

/* pointer points to the member of a struct of this type; not NULL. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
