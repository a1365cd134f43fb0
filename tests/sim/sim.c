/* SPDX-License-Identifier: MIT */
/*
 * The simulator: the workers' own code, whole, over a simulated world, in one process and one thread.
 *
 *   sim                      schedules of fresh seeds, for a minute, on all cores
 *   sim SEED                 this one
 *   sim SEED --trace         its story, shrunk: without faults and clients that don't matter, and as short as it can be
 *   sim --cluster            all of them have a Redis Cluster
 *   sim --seeds FILE         those that a file keeps: a seed in each line, and what it once found
 *
 * What is real: api/, cache/, peers/ and queue/ with their scripts, cdn/, clients/, follow/, audit/, l1/ but for its file,
 * redis/ with hiredis, the pool, the janitor, the backend, todoctl's purge. What is simulated: time and chance, the
 * network, Redis and the queue's journal (sim_redis.h), the store (store_trip.h), machines with their memory and clocks
 * (machine.h), caches in front, clients. The same seed makes the same schedule, on any machine and in any build; its
 * hash says so.
 *
 * Half of the schedules have one machine beside an SQLite database; the others one to three, which need licences for
 * their L1s and tell each other what they write. One in four may have a write queue (schedule_queue.c), and one in four
 * has a Redis Cluster (cluster.c).
 *
 * A schedule (schedule.c) is at least 300 steps with faults (fault.c), and the calm after them (calm.c). What is checked
 * stands in truth.c and client.c. A rule of the protocol can be left out (--mutant), and must then be missed soon.
 *
 * What it can't see: nginx and FastCGI's codec, kernels and their sockets, real disks, threads, and the own logic of
 * libmongoc, SQLite and of the stores above them. tests/faults runs real processes for these. Nor what the store's fake,
 * tests/unit/fake_store.c, and the real ones might do differently: tests/store, and test_same_redis.c for Redis.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "cluster.h"
#include "fault.h"
#include "schedule.h"

enum { EXIT_BROKEN = 1, EXIT_USAGE = 2, LANES_MAX = 64 };

struct run {
    uint64_t seed, schedules; /* schedules 0: until the time is over */
    double minutes;           /* 0: not given */
    const char *seeds_path;
    bool has_seed, traces, goes_on;
};

struct totals {
    uint64_t schedules, steps, faults, hash;
};

static uint64_t current_seed; /* for a crash */

static const char *commit(void)
{
    const char *name = getenv("SIM_COMMIT");
    return name ? name : "unknown";
}

/* ---- Crashes ---- */

/* bug_abort() has printed what is wrong. */
static void on_crash(int signal_number)
{
    char line[128];
    int len = snprintf(line, sizeof(line), "sim: seed %" PRIu64 " ends with signal %d (commit %s)\n", current_seed,
                       signal_number, commit());
    (void)!write(STDERR_FILENO, line, (size_t)len);
    _exit(EXIT_BROKEN);
}

static void say_broken(const struct schedule *schedule, const struct schedule_result *result)
{
    printf("sim: seed %" PRIu64 " (commit %s) breaks a rule after %" PRIu64
           " steps:\n    %s\n    faults and their weights:",
           schedule->seed, commit(), result->steps, result->rule);
    for (size_t i = 0; i < fault_count(); i++)
        if (result->faults_enabled >> i & 1)
            printf(" %s*%u", fault_name(i), fault_weight(i));
    printf("\n    ./dev sim %" PRIu64 " --trace tells its story\n", schedule->seed);
}

/* ---- Many schedules ---- */

static bool run_one(uint64_t seed, struct totals *totals)
{
    const struct schedule schedule = {.seed = seed};
    current_seed = seed;
    struct schedule_result result = schedule_run(&schedule);
    totals->schedules++;
    totals->steps += result.steps;
    totals->faults += result.faults;
    totals->hash ^= result.hash;
    if (result.is_broken)
        say_broken(&schedule, &result);
    return !result.is_broken;
}

static double now_s(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC); /* clock_gettime() is the simulated one */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void say_totals(const struct totals *totals, double took_s)
{
    printf("sim: %" PRIu64 " schedules, %" PRIu64 " steps, %" PRIu64
           " faults in %.1f s: %.0f schedules an hour; hash %016" PRIx64 "\n",
           totals->schedules, totals->steps, totals->faults, took_s, (double)totals->schedules / took_s * 3600,
           totals->hash);
}

static bool run_alone(uint64_t seed)
{
    struct totals totals = {0};
    double began_s = now_s();
    bool is_good = run_one(seed, &totals);
    say_totals(&totals, now_s() - began_s);
    return is_good;
}

/* A lane has every lanes-th seed. */
static bool run_lane(const struct run *run, unsigned lane, unsigned lanes, struct totals *totals)
{
    double until_s = now_s() + (run->minutes > 0 ? run->minutes : 1) * 60;
    bool is_good = true;
    for (uint64_t i = lane; run->schedules == 0 || i < run->schedules; i += lanes) {
        is_good = run_one(run->seed + i, totals) && is_good;
        if (!is_good && !run->goes_on)
            break;
        if (run->schedules == 0 && now_s() >= until_s)
            break;
    }
    return is_good;
}

static pid_t lane_start(const struct run *run, unsigned lane, unsigned lanes, int pipe_fd)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct totals totals = {0};
    bool is_good = run_lane(run, lane, lanes, &totals);
    fflush(stdout);
    (void)!write(pipe_fd, &totals, sizeof(totals));
    exit(is_good ? 0 : EXIT_BROKEN); /* not _exit(), for gcov writes its counts now */
}

/* The first lane that finds something ends the others. */
static bool run_all(const struct run *run)
{
    unsigned lanes = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    lanes = lanes > LANES_MAX ? LANES_MAX : lanes;
    pid_t pids[LANES_MAX];
    int fds[2], status;
    bool is_good = pipe(fds) == 0;
    double began_s = now_s();
    printf("sim: seeds from %" PRIu64 " on, commit %s\n", run->seed, commit());
    for (unsigned i = 0; i < lanes; i++)
        pids[i] = lane_start(run, i, lanes, fds[1]);
    for (unsigned i = 0; i < lanes; i++) {
        wait(&status);
        bool is_lane_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        for (unsigned j = 0; j < lanes && !is_lane_good && is_good && !run->goes_on; j++)
            kill(pids[j], SIGTERM);
        is_good = is_good && is_lane_good;
    }
    struct totals all = {0}, lane;
    close(fds[1]);
    while (read(fds[0], &lane, sizeof(lane)) == (ssize_t)sizeof(lane)) {
        all.schedules += lane.schedules;
        all.steps += lane.steps;
        all.faults += lane.faults;
        all.hash ^= lane.hash;
    }
    close(fds[0]);
    say_totals(&all, now_s() - began_s);
    return is_good;
}

/* A line: a seed, then what it once found. */
static bool run_kept(const char *path)
{
    char line[400];
    struct totals totals = {0};
    FILE *file = fopen(path, "r");
    bool is_good = file != NULL;
    double began_s = now_s();
    while (file && fgets(line, sizeof(line), file))
        if (line[0] != '#' && line[0] != '\n')
            is_good = run_one(strtoull(line, NULL, 0), &totals) && is_good;
    if (file)
        fclose(file);
    else
        perror(path);
    say_totals(&totals, now_s() - began_s);
    return is_good;
}

/* ---- One, and its story ---- */

/* In a process of its own, for it may crash. Whether it still breaks a rule, and after how many steps. */
static bool try_out(const struct schedule *schedule, uint64_t *steps)
{
    int fds[2], status;
    if (pipe(fds) != 0)
        return false;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        (void)!freopen("/dev/null", "w", stderr);
        struct schedule_result result = schedule_run(schedule);
        (void)!write(fds[1], &result.run_steps, sizeof(result.run_steps));
        _exit(result.is_broken ? EXIT_BROKEN : 0);
    }
    close(fds[1]);
    waitpid(pid, &status, 0);
    if (read(fds[0], steps, sizeof(*steps)) != (ssize_t)sizeof(*steps))
        *steps = schedule->steps_most;
    close(fds[0]);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

static void shrink_bits(struct schedule *schedule, uint64_t *bits, unsigned count)
{
    uint64_t steps;
    for (unsigned i = 0; i < count; i++) {
        uint64_t before = *bits;
        *bits |= UINT64_C(1) << i;
        if (!try_out(schedule, &steps))
            *bits = before;
    }
}

/* Fewer faults, fewer clients, then the shortest prefix after which the calm still finds it. */
static void shrink(struct schedule *schedule)
{
    uint64_t steps = 0, most;
    shrink_bits(schedule, &schedule->without_faults, (unsigned)fault_count());
    shrink_bits(schedule, &schedule->without_clients, 12);
    if (!try_out(schedule, &most))
        return;
    for (uint64_t least = 1; least < most;) {
        schedule->steps_most = least + (most - least) / 2;
        if (try_out(schedule, &steps))
            most = schedule->steps_most;
        else
            least = schedule->steps_most + 1;
    }
    schedule->steps_most = most;
}

static bool run_story(const struct run *run)
{
    struct schedule schedule = {.seed = run->seed};
    uint64_t steps;
    current_seed = run->seed;
    bool is_shrunk = try_out(&schedule, &steps);
    if (is_shrunk)
        shrink(&schedule);
    schedule.tells_story = true;
    struct schedule_result result = schedule_run(&schedule);
    if (result.is_broken)
        say_broken(&schedule, &result);
    printf("sim: seed %" PRIu64 "%s, %" PRIu64 " steps, %" PRIu64 " faults, hash %016" PRIx64 "\n", run->seed,
           is_shrunk ? ", shrunk (the whole has other figures)" : "", result.steps, result.faults, result.hash);
    return !result.is_broken;
}

/* ---- The command line ---- */

static bool mutant_set(const char *wanted)
{
#define MUTANT_NAME(upper, name, kind, where) name,
    static const char *const names[] = {FAILPOINTS(MUTANT_NAME)};
#undef MUTANT_NAME
    for (int i = 0; i < FAILPOINT_COUNT; i++)
        if (strcmp(names[i], wanted) == 0)
            schedule_mutant = i;
    return schedule_mutant >= 0;
}

static int usage(void)
{
    fputs("usage: sim [SEED] [--schedules N] [--minutes M] [--go-on] [--trace] [--seeds FILE] [--cluster] "
          "[--mutant NAME]\n",
          stderr);
    return EXIT_USAGE;
}

static bool options_read(struct run *run, int argc, char **argv)
{
    static const struct option options[] = {
        {"schedules", required_argument, NULL, 'n'}, {"minutes", required_argument, NULL, 'm'},
        {"go-on", no_argument, NULL, 'g'},           {"trace", no_argument, NULL, 't'},
        {"seeds", required_argument, NULL, 's'},     {"cluster", no_argument, NULL, 'c'},
        {"mutant", required_argument, NULL, 'x'},    {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if (option == 'n')
            run->schedules = strtoull(optarg, NULL, 10);
        else if (option == 'm')
            run->minutes = strtod(optarg, NULL);
        else if (option == 'g')
            run->goes_on = true;
        else if (option == 't')
            run->traces = true;
        else if (option == 's')
            run->seeds_path = optarg;
        else if (option == 'c')
            cluster_world_always = true;
        else if (option != 'x' || !mutant_set(optarg))
            return false;
    run->has_seed = optind < argc;
    if (run->has_seed)
        run->seed = strtoull(argv[optind++], NULL, 0);
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct run run = {.seed = (uint64_t)time(NULL) * 1000003};
    if (!options_read(&run, argc, argv))
        return usage();
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    signal(SIGFPE, on_crash);
    bool is_good;
    if (run.seeds_path)
        is_good = run_kept(run.seeds_path);
    else if (run.traces)
        is_good = run_story(&run);
    else if (run.has_seed && run.schedules == 0 && run.minutes == 0)
        is_good = run_alone(run.seed);
    else
        is_good = run_all(&run);
    return is_good ? 0 : EXIT_BROKEN;
}
