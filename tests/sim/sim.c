/* SPDX-License-Identifier: MIT */
/* The simulator's program (temporary minimal form). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "schedule.h"
#include "fault.h"
static void drop(const char *line, size_t len) { (void)line; (void)len; }
static void show(const char *line, size_t len) { fwrite(line, 1, len, stdout); }
int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], 0, 0) : 1, n = argc > 2 ? strtoull(argv[2], 0, 0) : 1;
    bool story = argc > 3;
    log_init(story ? LOG_INFO : LOG_ERROR, story ? show : drop);
    unsigned bad = 0; uint64_t steps = 0, rsteps = 0; int64_t took=0, calm=0;
    for (uint64_t i = 0; i < n; i++) {
        struct schedule s = {.seed = seed + i, .tells_story = story};
        struct schedule_result r = schedule_run(&s);
        steps += r.steps; rsteps += r.run_steps; took += r.took_us; calm += r.calm_us;
        if (r.is_broken) { bad++; printf("seed %" PRIu64 " hash %016" PRIx64 ": %s\n", s.seed, r.hash, r.rule); 
          for (size_t f = 0; f < fault_count(); f++) if (r.faults_enabled >> f & 1) printf(" %s", fault_name(f)); printf("\n"); fflush(stdout);}
        else if (n < 4) printf("seed %" PRIu64 " hash %016" PRIx64 " steps %" PRIu64 " run %" PRIu64 "\n", s.seed, r.hash, r.steps, r.run_steps);
    }
    printf("%u bad, %" PRIu64 " steps, run %" PRIu64 " took %" PRId64 " ms calm %" PRId64 " ms\n", bad, steps, rsteps, took/1000, calm/1000);
    return bad > 0;
}
