/* SPDX-License-Identifier: MIT */
/*
 * The licence in the file's header: until when this machine's processes may answer from the table, and for which epoch.
 *
 * Its time is CLOCK_BOOTTIME, which goes on while the machine sleeps and is never set. Every hit reads it afresh: the
 * loop's time may be from before a turn in which the licence ended. If the machine's clock stops (a paused virtual
 * machine), hits go on as long as it stands still; nothing in here can notice that.
 *
 * Two words without a lock. The agent ends the licence, names the epoch, then names the time. A reader takes them in
 * the opposite order, so that it never finds the time of one epoch beside another.
 *
 * The charge is a lock on the second byte of the file, of the open file as the one on the first byte (file.c): the
 * kernel drops it when the process ends in any way.
 */
#include "l1/licence.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/file_lock.h"
#include "base/hash.h"
#include "l1/memory.h"

bool l1_may_answer(const struct l1_table *table, int64_t epoch)
{
    if (!table->needs_licence || failpoint_is_on(FAILPOINT_LICENCE_UNLOOKED))
        return true;
    int64_t until_us = atomic_load(&table->header->licence_until_us);
    return clock_boot_us() < until_us && atomic_load(&table->header->licence_epoch) == epoch;
}

void l1_licence_extend(struct l1_table *table, int64_t epoch, int64_t until_us)
{
    struct l1_header *header = table->header;
    if (atomic_load(&header->licence_epoch) != epoch) {
        atomic_store(&header->licence_until_us, 0);
        atomic_store(&header->licence_epoch, epoch);
    }
    atomic_store(&header->licence_until_us, until_us);
}

void l1_licence_end(struct l1_table *table)
{
    atomic_store(&table->header->licence_until_us, 0);
}

bool l1_charge_take(struct l1_table *table)
{
    if (table->fd >= 0)
        return file_lock(table->fd, F_WRLCK, L1_CHARGE_BYTE, false);
    unsigned none = 0;
    return atomic_compare_exchange_strong(&table->header->charges, &none, 1);
}

void l1_charge_leave(struct l1_table *table)
{
    if (table->fd >= 0)
        file_lock(table->fd, F_UNLCK, L1_CHARGE_BYTE, false);
    else
        atomic_store(&table->header->charges, 0);
}

uint64_t l1_machine(const struct l1_table *table)
{
    return table->header->incarnation;
}

/* ---- Names, lowest byte first ---- */

void l1_names_print(char *names, const char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t name = hash_bytes(slice_of(ids[i]));
        for (size_t byte = 0; byte < L1_NAME_BYTES; byte++)
            *names++ = (char)(name >> 8 * byte);
    }
}

void l1_raise_names(struct l1_table *table, struct slice names)
{
    for (size_t at = 0; at + L1_NAME_BYTES <= names.len; at += L1_NAME_BYTES) {
        uint64_t name = 0;
        for (size_t byte = 0; byte < L1_NAME_BYTES; byte++)
            name |= (uint64_t)(unsigned char)names.data[at + byte] << 8 * byte;
        atomic_fetch_add(&table->generations[name & (L1_GENERATIONS - 1)], 1);
    }
}

void l1_raise_all(struct l1_table *table)
{
    for (size_t i = 0; i < L1_GENERATIONS; i++)
        atomic_fetch_add(&table->generations[i], 1);
}
