/* SPDX-License-Identifier: MIT */
/* Whose a file is that root makes for other processes: theirs. Others than root change no owner. context  any thread */
#ifndef BASE_FILE_OWNER_H
#define BASE_FILE_OWNER_H

#include <sys/types.h>

/* Makes an empty file that belongs to its folder's owner, unless there is one. 0, or errno. */
int file_owner_make(const char *path, mode_t mode);

/* The same for a folder. */
int file_owner_make_folder(const char *path, mode_t mode);

/* For a file beside the one at path: its owner and rights to read and write; without one, its folder's owner. */
void file_owner_copy(int fd, const char *path);

#endif
