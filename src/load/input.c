/* SPDX-License-Identifier: MIT */
/*
 * From a path to a reader.
 *
 *   dump/                  mongodump's folder, or one database of it
 *     app/
 *       todos.bson         a collection, or todos.bson.gz (mongodump --gzip)
 *       todos.metadata.json
 *
 * A folder's collections are offered to the choice (choice.c) as an archive's are, in the order of their names. The
 * name of a database is that of its folder. Here alone a file's name tells what it is: its content has no name of a
 * collection. What is in the file, and whether it is packed, is told by its content, as ever.
 *
 * Does not: look deeper than two levels, decode the %XX that mongodump writes for odd characters of a name, or read
 * more than one collection.
 */
#include "load/input.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "load/choice.h"

struct folder {
    struct choice choice;
    char file[PATH_MAX]; /* of the choice so far */
};

static bool is_folder(const char *path)
{
    struct stat found;
    return strcmp(path, "-") != 0 && stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* The collection that a file is named for; absent if it is none. */
static struct slice collection_of(const char *name)
{
    static const char *const ends[] = {".bson", ".bson.gz"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t end_len = strlen(ends[i]);
        if (len > end_len && strcmp(name + len - end_len, ends[i]) == 0)
            return (struct slice){.data = name, .len = len - end_len};
    }
    return (struct slice){0};
}

/* Offers the files of path, and those of its folders if levels is 2. */
static enum status folder_offer(struct folder *folder, const char *path, int levels, struct error *error)
{
    char whole[PATH_MAX];
    struct dirent **entries;
    int count = realpath(path, whole) ? scandir(path, &entries, NULL, alphasort) : -1;
    if (count < 0)
        return error_set(error, STATUS_UNAVAILABLE, "%s can't be read: %s", path, strerror(errno));
    const char *database = strrchr(whole, '/') + 1;
    enum status status = STATUS_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char inner[PATH_MAX];
        bool fits = snprintf(inner, sizeof(inner), "%s/%s", path, name) < (int)sizeof(inner);
        struct slice collection = collection_of(name);
        if (fits && status == STATUS_OK && levels > 1 && name[0] != '.' && is_folder(inner))
            status = folder_offer(folder, inner, levels - 1, error);
        else if (fits && collection.data && choice_offer(&folder->choice, slice_of(database), collection))
            memcpy(folder->file, inner, sizeof(inner));
        free(entries[i]);
    }
    free(entries);
    return status;
}

static enum status input_open_file(struct reader **reader, const char *path, const struct format_options *options,
                                   struct error *error)
{
    struct source *source;
    enum status status = source_open(&source, path, error);
    return status == STATUS_OK ? format_open(reader, source, options, error) : status;
}

enum status input_open(struct reader **reader, const char *path, const struct format_options *options,
                       struct error *error)
{
    if (!is_folder(path))
        return input_open_file(reader, path, options, error);
    struct format_options of_file = {.now_ms = options->now_ms};
    struct folder *folder = mem_zalloc(sizeof(*folder));
    choice_init(&folder->choice, options->collection);
    enum status status = folder_offer(folder, path, 2, error);
    if (status == STATUS_OK)
        status = choice_end(&folder->choice, "the folder", error);
    if (status == STATUS_OK)
        status = input_open_file(reader, folder->file, &of_file, error);
    choice_fini(&folder->choice);
    free(folder);
    return status;
}
