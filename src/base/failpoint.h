/* SPDX-License-Identifier: MIT */
/*
 * Failpoints: named places where a test build can be told to die, to wait, or to skip a rule of the protocol.
 *
 * Without configure --enable-failpoints every use below is an empty expression, and the program holds no name of a
 * point. The text that arms them comes from above (program.c reads it from TODO_FAILPOINTS): points separated by
 * commas,
 *
 *   NAME=kill[@CHANCE]        the process ends there as by kill -9
 *   NAME=delay:MS[@CHANCE]    the thread sleeps there; for pool threads only, the loop never waits
 *   NAME=on                   for switches: the rule is skipped
 *
 * A point may be armed to delay and to kill; it delays first. CHANCE is from 0 to 1, 1 by default, drawn at each pass.
 * context  failpoint_setup: before any thread; the rest: any thread
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* A row: name in C, name in the text, what may be armed there, where it is or which rule is skipped. */
#define FAILPOINTS(X)                                                                                                  \
    X(WRITE_AFTER_FENCE, "write_after_fence", POOL, "the fence stands, the store hasn't been asked")                   \
    X(WRITE_AFTER_COMMIT, "write_after_commit", POOL,                                                                  \
      "the store has answered a write; one of a group isn't committed")                                                \
    X(GROUP_BEFORE_COMMIT, "group_before_commit", POOL, "the writes of a group are made, and not committed")           \
    X(GROUP_AFTER_COMMIT, "group_after_commit", POOL, "a group is committed, and no writer knows of it")               \
    X(WRITE_BEFORE_UNFENCE, "write_before_unfence", LOOP, "the unfence is about to be sent")                           \
    X(FILL_BEFORE, "fill_before", POOL, "the store has answered a read, the fill hasn't been sent")                    \
    X(DRAIN_BEFORE_REMOVE, "drain_before_remove", POOL, "Redis has the outbox's records, the store still holds them")  \
    X(QUEUE_BEFORE_APPLY, "queue_before_apply", POOL,                                                                  \
      "a batch of queued writes is fenced, the store hasn't been asked")                                               \
    X(QUEUE_AFTER_COMMIT, "queue_after_commit", POOL,                                                                  \
      "the store has answered a batch, nobody knows of it; one of a group isn't committed")                            \
    X(QUEUE_BEFORE_SETTLE, "queue_before_settle", LOOP, "a batch is committed and unfenced, the journal isn't told")   \
    X(FILL_WITHOUT_LEASE, "fill_without_lease", SWITCH, "a fill needs no lease")                                       \
    X(ACQUIRE_IGNORE_WRITERS, "acquire_ignore_writers", SWITCH, "leases are given while writes are under way")         \
    X(JOINERS_TAKE_REFUSED, "joiners_take_refused", SWITCH,                                                            \
      "a read that joined a flight takes its value after a refused fill")                                              \
    X(PUBLISH_IGNORE_OVERLAP, "publish_ignore_overlap", SWITCH,                                                        \
      "a publish leaves its entry if another write overlapped")                                                        \
    X(FENCE_UNMET, "fence_unmet", SWITCH, "writes of one todo whose fences share a call don't see each other")         \
    X(LOST_MARK_UNTOLD, "lost_mark_untold", SWITCH, "a writer that finds its mark lost doesn't record it")             \
    X(EPOCH_UNLOOKED, "epoch_unlooked", SWITCH, "a write doesn't check whether the epoch has moved")                   \
    X(BEAT_UNLOOKED, "beat_unlooked", SWITCH, "nobody checks whether the store has gone back in time")                 \
    X(WATERMARK_UNTOLD, "watermark_untold", SWITCH, "writers don't tell Redis how far the store has come")             \
    X(RUN_ID_UNLOOKED, "run_id_unlooked", SWITCH, "another Redis doesn't move the epoch on")                           \
    X(DRAIN_UNANSWERED, "drain_unanswered", SWITCH, "a drain removes records that Redis hasn't answered for")          \
    X(FOLLOW_EPOCH_UNLOOKED, "follow_epoch_unlooked", SWITCH,                                                          \
      "the follower doesn't check whether the epoch has moved")                                                        \
    X(GENERATION_UNLOOKED, "generation_unlooked", SWITCH, "a page of any generation is answered")                      \
    X(L1_UNCOMPARED, "l1_uncompared", SWITCH, "the L1 answers what was kept before its generation was raised")         \
    X(L1_NOTED_LATE, "l1_noted_late", SWITCH, "the L1 keeps a value under the generation of now")                      \
    X(L1_RAISE_LATE, "l1_raise_late", SWITCH, "a write doesn't raise the L1's generations before the store is asked")  \
    X(L1_RAISE_ONCE, "l1_raise_once", SWITCH, "a write doesn't raise the L1's generations before its answer")          \
    X(L1_DRAIN_UNRAISED, "l1_drain_unraised", SWITCH, "a drain doesn't raise the L1's generations")                    \
    X(LICENCE_UNLOOKED, "licence_unlooked", SWITCH, "the L1 answers without a licence")                                \
    X(LICENCE_FROM_REPLY, "licence_from_reply", SWITCH, "a licence counts from when its renew is answered")            \
    X(JOIN_UNCLEARED, "join_uncleared", SWITCH, "a machine that joins keeps its table")                                \
    X(JOIN_CLEARED_EARLY, "join_cleared_early", SWITCH, "a machine clears its table before its join is answered")      \
    X(EXPULSION_IGNORED, "expulsion_ignored", SWITCH, "a machine that was expelled goes on as a holder")               \
    X(BOX_GAP_IGNORED, "box_gap_ignored", SWITCH, "a machine that finds a gap in its box keeps its table")             \
    X(NAMES_UNAPPLIED, "names_unapplied", SWITCH, "a machine acknowledges what it was told and doesn't apply it")      \
    X(TELL_UNAWAITED, "tell_unawaited", SWITCH, "a write doesn't wait for other machines")                             \
    X(TELL_ONCE, "tell_once", SWITCH, "a write whose mark was lost doesn't tell other machines again")                 \
    X(TELL_AGAIN_UNAWAITED, "tell_again_unawaited", SWITCH, "a write tells other machines again and doesn't wait")     \
    X(APPLIED_UNNUMBERED, "applied_unnumbered", SWITCH, "a writer takes any acknowledgement for its own")              \
    X(EXPEL_RENEWED, "expel_renewed", SWITCH, "a writer expels a machine that has renewed since")                      \
    X(BOOKMARK_UNLOOKED, "bookmark_unlooked", SWITCH, "an applier begins with writes that are applied")                \
    X(OWNER_UNLOOKED, "owner_unlooked", SWITCH, "a batch of an applier that was replaced is applied")                  \
    X(JOURNAL_UNLOOKED, "journal_unlooked", SWITCH, "a queue's journal is used whosever store it is for")              \
    X(SETTLE_EARLY, "settle_early", SWITCH, "a queued write is settled before the store has committed it")             \
    X(KEY_FORGOTTEN, "key_forgotten", SWITCH, "a request that takes over a key makes a todo of its own")               \
    X(SLOT_EPOCH_KEPT, "slot_epoch_kept", SWITCH, "a slot keeps its epoch under another owner")                        \
    X(SLOT_EPOCH_OF_OWNER, "slot_epoch_of_owner", SWITCH, "a slot gets the epoch that its owner's other slots have")   \
    X(SLOT_LIST_UNHEARD, "slot_list_unheard", SWITCH, "a drain removes a record that the list's shard has not taken")  \
    X(SLOT_KEYS_LEFT, "slot_keys_left", SWITCH, "keys on their way to another server are left, and count as met")

#define FAILPOINT_ENUM(upper, name, kind, where) FAILPOINT_##upper,
enum failpoint { FAILPOINTS(FAILPOINT_ENUM) FAILPOINT_COUNT };
#undef FAILPOINT_ENUM

/* How a point kills the process and how it sleeps: base does no such calls by itself. */
struct failpoint_effects {
    void (*kill)(void);
    void (*sleep_ms)(uint32_t ms);
};

#ifdef FAILPOINTS_ENABLED

/* Arms what text says; an empty one arms nothing. STATUS_INVALID: a part of it can't be understood. */
enum status failpoint_setup(struct slice text, const struct failpoint_effects *effects,
                            struct error *error) STATUS_MUST_CHECK;

void failpoint_pass(enum failpoint point);
bool failpoint_is_on(enum failpoint point);

#else

#define failpoint_pass(point)  ((void)0)
#define failpoint_is_on(point) false

#endif

#endif
