/* SPDX-License-Identifier: MIT */
/*
 * The archive that mongodump --archive writes.
 *
 *   archive = magic 6d e2 99 81, prelude, { block }
 *   prelude = a document about the dump, { a document {db, collection, ...} per collection }, TERMINATOR
 *   block   = a header {db, collection, EOF: false}, { a document of that collection }, TERMINATOR
 *           | a header {db, collection, EOF: true, CRC}, TERMINATOR
 *   TERMINATOR = ff ff ff ff
 *
 * mongodump dumps several collections at once, so their blocks alternate; blocks of other collections than ours are
 * skipped. The prelude names all collections, so the choice (choice.c) is made before the first row.
 *
 * The end header's CRC-64 (ECMA, as in XZ) over the collection's documents is checked. A mismatch, or an archive that
 * ends before our end header, is an error after the last row, because the rows before it have already been handed out.
 *
 * An archive may be hostile. So memory is that of one document, whatever the prelude and the headers hold.
 *
 * Does not: load more than one collection per run, indexes, or the oplog.
 *
 * Source: mongo-tools, common/archive/spec.md.
 */
#include "load/archive_reader.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "load/bson_reader.h"
#include "load/choice.h"

enum { TERMINATOR_LEN = 4, MAGIC_LEN = 4, NAME_SHOWN_BYTES = 80 };

#define CRC64_POLYNOMIAL UINT64_C(0xC96C5795D7870F42) /* ECMA-182, bits reversed */

struct archive_reader {
    struct reader reader;
    struct choice choice;
    char name[NAME_SHOWN_BYTES + 1]; /* of the collection that is read, fit for a terminal */
    bool in_block;                   /* between a header of ours and its terminator */
    bool ended;                      /* our end header came */
    uint64_t crc;
    uint64_t crc_table[256];
};

static void crc64_fill_table(uint64_t table[256])
{
    for (uint64_t i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ CRC64_POLYNOMIAL : crc >> 1;
        table[i] = crc;
    }
}

static void archive_on_piece(void *ctx, struct slice piece)
{
    struct archive_reader *archive = ctx;
    uint64_t crc = ~archive->crc;
    for (size_t i = 0; i < piece.len; i++)
        crc = archive->crc_table[(crc ^ (unsigned char)piece.data[i]) & 0xff] ^ crc >> 8;
    archive->crc = ~crc;
}

/* Skips a terminator, if one comes next. */
static enum status archive_take_terminator(struct source *source, bool *taken, struct error *error)
{
    struct slice window;
    enum status status = source_peek(source, TERMINATOR_LEN, &window, error);
    if (status != STATUS_OK)
        return status;
    *taken = window.len >= TERMINATOR_LEN && memcmp(window.data, "\xff\xff\xff\xff", TERMINATOR_LEN) == 0;
    if (*taken)
        source_skip(source, TERMINATOR_LEN);
    return STATUS_OK;
}

/* Shows the next document, which must be there. */
static enum status archive_peek_document(struct source *source, struct slice *document, size_t *len,
                                         struct error *error)
{
    enum status status = document_peek(source, document, len, error);
    return status == STATUS_NOT_FOUND ? error_set(error, STATUS_UNAVAILABLE, "the archive is cut off") : status;
}

static enum status archive_choose(struct archive_reader *archive, struct error *error)
{
    log_value(archive->name, sizeof(archive->name), buf_slice(&archive->choice.chosen));
    return choice_end(&archive->choice, "the archive", error);
}

static enum status archive_read_prelude(struct archive_reader *archive, struct source *source, struct error *error)
{
    source_skip(source, MAGIC_LEN);
    for (bool is_first = true;; is_first = false) {
        bool ended;
        enum status status = archive_take_terminator(source, &ended, error);
        if (status != STATUS_OK)
            return status;
        if (ended)
            return archive_choose(archive, error);
        struct slice document;
        size_t len;
        status = archive_peek_document(source, &document, &len, error);
        if (status == STATUS_OK && document.data && !is_first)
            choice_offer(&archive->choice, document_text(document, "db"), document_text(document, "collection"));
        if (status == STATUS_OK)
            status = document_skip(source, len, NULL, NULL, error);
        if (status != STATUS_OK)
            return status;
    }
}

/* Skips the documents of a block that is not ours, up to its terminator. */
static enum status archive_skip_block(struct source *source, struct error *error)
{
    for (;;) {
        bool ended;
        enum status status = archive_take_terminator(source, &ended, error);
        if (status != STATUS_OK || ended)
            return status;
        struct slice document;
        size_t len;
        status = archive_peek_document(source, &document, &len, error);
        if (status == STATUS_OK)
            status = document_skip(source, len, NULL, NULL, error);
        if (status != STATUS_OK)
            return status;
    }
}

static enum status archive_end_collection(struct archive_reader *archive, struct slice header, struct error *error)
{
    archive->ended = true;
    if ((uint64_t)document_integer(header, "CRC") != archive->crc)
        return error_set(error, STATUS_UNAVAILABLE, "the archive is damaged: the check sum of %s is wrong",
                         archive->name);
    return STATUS_OK;
}

/* Reads a block's header. If the block is ours, its documents come next. */
static enum status archive_enter_block(struct archive_reader *archive, struct error *error)
{
    struct source *source = archive->reader.source;
    struct slice header;
    size_t len;
    enum status status = document_peek(source, &header, &len, error);
    if (status == STATUS_NOT_FOUND && !archive->ended)
        return error_set(error, STATUS_UNAVAILABLE, "the archive is cut off before the end of %s", archive->name);
    if (status != STATUS_OK)
        return status;
    if (!header.data)
        return error_set(error, STATUS_UNAVAILABLE, "the archive is damaged: a block's header has %zu bytes", len);
    bool is_ours = choice_is(&archive->choice, document_text(header, "db"), document_text(header, "collection"));
    bool is_end = document_flag(header, "EOF");
    if (is_ours && is_end)
        status = archive_end_collection(archive, header, error);
    archive->in_block = is_ours && !is_end;
    if (status == STATUS_OK)
        status = document_skip(source, len, NULL, NULL, error);
    return status == STATUS_OK && !archive->in_block ? archive_skip_block(source, error) : status;
}

/* Skips to the next document of ours. */
static enum status archive_find_document(struct archive_reader *archive, struct error *error)
{
    for (;;) {
        bool ended = true;
        enum status status = STATUS_OK;
        if (archive->in_block)
            status = archive_take_terminator(archive->reader.source, &ended, error);
        if (status != STATUS_OK || !ended)
            return status;
        archive->in_block = false;
        status = archive_enter_block(archive, error);
        if (status != STATUS_OK)
            return status;
    }
}

static enum status archive_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    struct archive_reader *archive = container_of(reader, struct archive_reader, reader);
    struct slice document;
    size_t len;
    enum status status = archive_find_document(archive, error);
    if (status == STATUS_OK)
        status = archive_peek_document(reader->source, &document, &len, error);
    if (status == STATUS_OK)
        status = document_skip(reader->source, len, archive_on_piece, archive, error);
    if (status != STATUS_OK)
        return status;
    reader->row_number++;
    return document_read_row(reader, document, arena, row, error);
}

static void archive_free(struct reader *reader)
{
    struct archive_reader *archive = container_of(reader, struct archive_reader, reader);
    choice_fini(&archive->choice);
    free(archive);
}

static const struct reader_ops ARCHIVE_OPS = {"mongodump archive", "", archive_next, archive_free};

bool archive_recognise(struct slice window)
{
    return window.len >= MAGIC_LEN && memcmp(window.data, "\x6d\xe2\x99\x81", MAGIC_LEN) == 0;
}

enum status archive_reader_new(struct reader **reader, struct source *source, const char *collection,
                               struct error *error)
{
    struct archive_reader *archive = mem_zalloc(sizeof(*archive));
    archive->reader.ops = &ARCHIVE_OPS;
    choice_init(&archive->choice, collection);
    crc64_fill_table(archive->crc_table);
    enum status status = archive_read_prelude(archive, source, error);
    if (status != STATUS_OK) {
        archive_free(&archive->reader);
        return status;
    }
    *reader = &archive->reader;
    return STATUS_OK;
}
