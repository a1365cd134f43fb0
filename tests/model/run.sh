#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks the protocol's models with spin: run.sh [--list | NAME...]. Called by "make check"; the last line is "N passed, N failed".
#
# Each line of the table below is a model with its definitions, and what must come of it:
#   holds   every state was visited (nothing cut off by depth, memory or time), every statement reached, no promise broken
#   breaks  a rule is left out, or too much is promised: spin finds a run that breaks a promise. The shortest is searched for; its
#           steps are printed by: run.sh --trail NAME
#
# Everything is built in a temporary folder. Up to four at once, at most 500 MB each. Without spin it is a skip (77), with CI=true a
# failure.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
memory_mb=500

table() {
    # name                           model   wanted  definitions
    sed 's/ *#.*//; /^ *$/d' <<'TABLE'
        cache                        cache   holds
        page                         list    holds
        page-lost-marks              list    holds   LOST_MARKS
        cache-lost-marks             cache   holds   LOST_MARKS
        cache-3-writers              cache   holds   WRITERS=3 PROCESSES=1 READERS=1
        cache-3-writers-lost-marks   cache   holds   WRITERS=3 PROCESSES=1 READERS=1 LOST_MARKS
        outbox                       outbox  holds
        outbox-flight                outbox  holds   WRITERS=1 FLIGHTS=1
        outbox-two-links             outbox  holds   WRITERS=1 LINKS=2
        outbox-grouped               outbox  holds   GROUPED
        outbox-flight-grouped        outbox  holds   WRITERS=1 FLIGHTS=1 GROUPED
        epoch                        epoch   holds
        epoch-grouped                epoch   holds   GROUPED
        restore                      restore holds
        restore-in-place             restore holds   IN_PLACE
        split                        split   holds
        election                     election holds
        l1                           l1      holds
        l1-lost-marks                l1      holds   LOST_MARKS
        l1-leases                    l1_leases holds  WRITERS=1
        l1-leases-2-writers          l1_leases holds  RENEWS=1
        l1-leases-lost-marks         l1_leases holds  WRITERS=1 RENEWS=1 LOST_MARKS
        l1-leases-lost-holders       l1_leases holds  WRITERS=1 RENEWS=1 LOST_HOLDERS
        slots                        slots   holds
        slots-2-writers              slots   holds   WRITERS=2 MOVES=1
        slots-failover               slots   holds   MOVES=1 FAILOVERS
        slots-other-slot             slots   holds   MOVES=1 SERIALS=3 OTHER_SLOT
        slots-even-late              slots   holds   MOVES=1 EVEN_LATE
        queue                        queue   holds
        queue-3-writes               queue   holds   WRITES=3

        # the mutants of the design: history alone is asked for, and for those that last also that things come right in the end
        mutant-1-ignores-writers     cache   breaks  ONLY_HISTORY MUTANT_ACQUIRE_IGNORES_WRITERS
        mutant-2-ignores-overlap     cache   breaks  ONLY_HISTORY MUTANT_PUBLISH_IGNORES_OVERLAP
        mutant-2-for-good            cache   breaks  ONLY_QUIET MUTANT_PUBLISH_IGNORES_OVERLAP
        mutant-3-joiners-take        cache   breaks  ONLY_HISTORY MUTANT_JOINERS_TAKE_REFUSED
        mutant-4-lost-mark-untold    cache   breaks  ONLY_HISTORY LOST_MARKS MUTANT_LOST_MARK_UNTOLD
        mutant-4-for-good            cache   breaks  ONLY_QUIET LOST_MARKS MUTANT_LOST_MARK_UNTOLD

        # others
        mutant-time-ends-marks       cache   breaks  ONLY_HISTORY MUTANT_TIME_ENDS_MARKS
        mutant-time-ends-for-good    cache   breaks  ONLY_QUIET MUTANT_TIME_ENDS_MARKS
        mutant-page-time-ends-marks  list    breaks  ONLY_HISTORY MUTANT_TIME_ENDS_MARKS
        mutant-fill-without-lease    cache   breaks  ONLY_HISTORY MUTANT_FILL_WITHOUT_LEASE
        mutant-unknown-is-unfenced   cache   breaks  ONLY_HISTORY MUTANT_UNKNOWN_IS_UNFENCED
        mutant-unfence-keeps-entry   cache   breaks  ONLY_HISTORY LOST_MARKS MUTANT_UNFENCE_DELETES_NOTHING
        mutant-page-ignores-writers  list    breaks  ONLY_HISTORY MUTANT_ACQUIRE_IGNORES_WRITERS
        mutant-page-fence-keeps      list    breaks  ONLY_HISTORY MUTANT_FENCE_KEEPS_GENERATION
        mutant-page-unfence-keeps    list    breaks  ONLY_HISTORY LOST_MARKS MUTANT_UNFENCE_KEEPS_GENERATION
        mutant-page-joined-takes     list    breaks  ONLY_HISTORY MUTANT_JOINED_COMPARE_NOTHING
        mutant-trust-before-drain    outbox  breaks  MUTANT_TRUST_BEFORE_DRAIN
        mutant-record-after-write    outbox  breaks  MUTANT_RECORD_AFTER_WRITE
        mutant-record-after-group    outbox  breaks  GROUPED MUTANT_RECORD_AFTER_WRITE
        mutant-joiners-take-cut      outbox  breaks  WRITERS=1 FLIGHTS=1 MUTANT_JOINERS_TAKE_WHAT_WAS_CUT
        mutant-epoch-no-look         epoch   breaks  MUTANT_NO_LOOK
        mutant-epoch-looks-early     epoch   breaks  MUTANT_LOOK_BEFORE_COMMIT
        mutant-epoch-moves-in-group  epoch   breaks  GROUPED MUTANT_EPOCH_MOVES_IN_A_GROUP
        mutant-epoch-removes-early   epoch   breaks  MUTANT_REMOVED_UNDER_OLD_EPOCH
        mutant-epoch-untold          epoch   breaks  MUTANT_LOST_MARK_UNTOLD
        mutant-outbox-removes-changed outbox breaks  MUTANT_REMOVES_WHAT_CHANGED
        mutant-outbox-unclosed-late  outbox  breaks  MUTANT_UNSETTLED_AND_OVERDUE
        mutant-epoch-counter         restore breaks  MUTANT_COUNTER
        mutant-restore-no-beat       restore breaks  MUTANT_NO_BEAT
        mutant-restore-own-memory    restore breaks  MUTANT_OWN_MEMORY
        mutant-restore-told-back     restore breaks  MUTANT_TOLD_GOES_BACK
        mutant-restore-left-untold   restore breaks  MUTANT_LEFT_UNTOLD
        mutant-restore-epoch-after   restore breaks  IN_PLACE MUTANT_EPOCH_AFTERWARDS
        mutant-split-no-bound        split   breaks  MUTANT_NO_BOUND
        mutant-election-untold       election breaks  MUTANT_UNTOLD
        mutant-election-told-late    election breaks  MUTANT_TOLD_AFTER_UNFENCE
        mutant-election-unheeded     election breaks  MUTANT_UNHEEDED
        mutant-l1-raises-late        l1      breaks  MUTANT_RAISES_LATE
        mutant-l1-raises-once        l1      breaks  LOST_MARKS MUTANT_RAISES_ONCE
        mutant-l1-notes-late         l1      breaks  MUTANT_NOTES_LATE
        mutant-l1-compares-nothing   l1      breaks  MUTANT_COMPARES_NOTHING
        mutant-publish-late-fence    outbox  breaks  MUTANT_PUBLISH_THOUGH_A_FENCE_IS_LATE
        mutant-l1-no-wait            l1_leases breaks WRITERS=1 MUTANT_NO_WAIT
        mutant-l1-lease-from-reply   l1_leases breaks WRITERS=1 MUTANT_LEASE_FROM_REPLY
        mutant-l1-join-keeps-table   l1_leases breaks WRITERS=1 MUTANT_JOIN_KEEPS_TABLE
        mutant-l1-clears-early       l1_leases breaks WRITERS=1 MUTANT_CLEARS_BEFORE_JOIN
        mutant-l1-wait-from-sending  l1_leases breaks WRITERS=1 MUTANT_WAIT_FROM_SENDING
        mutant-l1-told-before-fence  l1_leases breaks WRITERS=1 MUTANT_TOLD_BEFORE_FENCE
        mutant-l1-valid-before-applied l1_leases breaks WRITERS=1 MUTANT_VALID_BEFORE_APPLIED
        mutant-l1-ack-before-applied l1_leases breaks WRITERS=1 MUTANT_ACK_BEFORE_APPLIED
        mutant-l1-keeps-late         l1_leases breaks WRITERS=1 MUTANT_KEEPS_LATE
        mutant-l1-cached-clock       l1_leases breaks WRITERS=1 MUTANT_CACHED_CLOCK
        mutant-l1-renew-registers    l1_leases breaks INCARNATIONS=1 MUTANT_RENEW_REGISTERS
        mutant-l1-ack-names-nothing  l1_leases breaks INCARNATIONS=1 MUTANT_ACK_NAMES_NOTHING
        mutant-l1-expels-renewed     l1_leases breaks INCARNATIONS=1 MUTANT_EXPEL_THE_RENEWED
        mutant-l1-renew-empties-box  l1_leases breaks INCARNATIONS=1 MUTANT_RENEW_EMPTIES_BOX
        mutant-l1-gap-is-applied     l1_leases breaks INCARNATIONS=1 OTHER_TODO MUTANT_GAP_IS_APPLIED
        mutant-l1-lost-mark-untold   l1_leases breaks WRITERS=1 LOST_MARKS MUTANT_LOST_MARK_UNTOLD
        mutant-l1-lost-mark-no-wait  l1_leases breaks WRITERS=1 LOST_MARKS MUTANT_LOST_MARK_NO_WAIT
        mutant-slots-epoch-of-primary slots  breaks  SERIALS=3 MUTANT_EPOCH_OF_PRIMARY
        mutant-slots-follow-moved    slots   breaks  MOVES=1 EVEN_LATE MUTANT_FOLLOW_MOVED
        mutant-slots-no-look         slots   breaks  MOVES=1 MUTANT_NO_LOOK
        mutant-slots-lease-first     slots   breaks  MOVES=1 MUTANT_LEASE_BEFORE_MARK
        mutant-slots-entry-first     slots   breaks  MOVES=1 MUTANT_ENTRY_BEFORE_LEASE
        mutant-slots-before-drain    slots   breaks  MUTANT_TRUST_BEFORE_DRAIN
        mutant-slots-drain-leaves-keys slots breaks  MUTANT_DRAIN_LEAVES_KEYS
        mutant-slots-brought-anywhere slots  breaks  MUTANT_BROUGHT_ANYWHERE
        mutant-slots-hearsay         slots   breaks  MOVES=1 SERIALS=3 EVEN_LATE MUTANT_HEARSAY
        mutant-slots-name-kept       slots   breaks  FAILOVERS MUTANT_NAME_KEPT
        mutant-queue-owner-unlooked  queue   breaks  MUTANT_OWNER_UNLOOKED
        mutant-queue-bookmark-unlooked queue breaks  MUTANT_BOOKMARK_UNLOOKED
        mutant-queue-bookmark-after  queue   breaks  MUTANT_BOOKMARK_AFTER
        mutant-queue-bookmark-in-todo queue  breaks  MUTANT_BOOKMARK_IN_TODO
        mutant-queue-settle-early    queue   breaks  MUTANT_SETTLE_EARLY
        mutant-queue-settle-unawaited queue  breaks  MUTANT_SETTLE_UNAWAITED
        mutant-queue-dead-unmarked   queue   breaks  MUTANT_DEAD_UNMARKED

        # the weaker promise is no excess of caution
        restore-too-soon             restore breaks  SOON
        lost-marks-promise-all       cache   breaks  ONLY_HISTORY LOST_MARKS PROMISE_ALL
TABLE
}

# build NAME: its pan, in a folder of its own under $room
build() {
    read -r _ model wanted definitions <<LINE
$(table | awk -v name="$1" '$1 == name')
LINE
    [ -n "$model" ] || { echo "run.sh: no configuration is called $1" >&2 && return 1; }
    dir=$room/$1
    mkdir "$dir"
    cp "$here"/*.pml "$dir"
    cd "$dir"
    options=
    for definition in $definitions; do
        options="$options -D$definition"
    done
    # Breadth first finds the shortest; it needs more memory, but ends early.
    case $wanted in
    holds) flags="-O1 -DNOREDUCE" ;;
    *) flags="-O0 -DBFS" ;;
    esac
    # Words to be split; partial order reduction would find nothing to leave out, for all steps touch what all see.
    # shellcheck disable=SC2086
    { spin $options -a "$model.pml" && ${CC:-gcc} -w $flags -DSAFETY -DNOFAIR -DMEMLIM=$memory_mb -o pan pan.c; } >build.log 2>&1
}

# What pan says of a search that has visited everything.
is_complete() {
    ! grep -qiE 'not completed|too small|memlim|out of memory|truncat' pan.log &&
        ! sed -n '/^unreached in/,/^$/p' pan.log | grep 'state [0-9]' | grep -qv '"-end-"'
}

# one NAME: prints its line
one() {
    states=0 steps=0 result=FAILED begun=$(date +%s%N)
    if build "$1" && { timeout 300 ./pan -m50000 -w22 >pan.log 2>&1 || true; }; then
        states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
        steps=$(sed -n 's/.*assertion violated.*(at depth \([0-9]*\)).*/\1/p' pan.log)
        case $wanted in
        holds) ! grep -q 'errors: 0$' pan.log || ! is_complete || result=ok ;;
        breaks) ! grep -q 'errors: 1$' pan.log || [ -z "$steps" ] || result=ok ;;
        esac
    fi
    found="holds"
    [ -z "$steps" ] || found="broken after $((steps + 1)) steps"
    awk -v result="$result" -v name="$1" -v states="${states:-0}" -v found="$found" -v ms=$((($(date +%s%N) - begun) / 1000000)) \
        'BEGIN { printf "%-6s %-28s %9d states %6.1f s  %s\n", result, name, states, ms / 1000, found }'
    [ "$result" = ok ] || sed 's/^/    /' build.log pan.log 2>/dev/null | head -n 60
}

# trail NAME: the shortest run that breaks a promise, in words
trail() {
    build "$1" && { ./pan -m50000 -w22 >pan.log 2>&1 || true; }
    # shellcheck disable=SC2086
    spin -T -t $options "$model.pml" | sed -n '/^spin:.*assert/{s/^spin: //p;q;}; /^[a-z0-9A-Z]/p'
}

if [ "${1-}" = --list ]; then
    table | awk '{ print $1 }'
    exit
fi
if ! command -v spin >/dev/null; then
    echo "run.sh: spin is missing, the models are SKIPPED (Debian: apt-get install spin)" >&2
    [ "${CI-}" = true ] && exit 1
    exit 77
fi
if [ "${1-}" = --one ]; then
    one "$2"
    exit
fi

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
trap 'exit 1' INT TERM HUP
export room
if [ "${1-}" = --trail ]; then
    trail "$2"
    exit
fi

# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(table | awk '{ print $1 }')
jobs=$(nproc)
[ "$jobs" -le 4 ] || jobs=4
printf '%s\n' "$@" | xargs -n 1 -P "$jobs" "$0" --one | tee "$room/lines"
passed=$(grep -c '^ok ' "$room/lines" || true)
failed=$(($# - passed))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
