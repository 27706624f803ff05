/* What a client's one line is worth. It comes from a process under test: nothing in it is trusted. */
#include "base/child.h"
#include "base/frame.h"
#include "clients/bench/bench.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define FIRST_VALUE  0.5                  /* of ten-thousand:00000, on every server */
#define SERIAL_MAX   INT64_C(10000000000) /* 2.6 years at 120 Hz; beyond, it is no frame of ours */
#define ELEMENTS_MAX (INT64_C(1) << 24)

const char *const bench_outcome_names[BENCH_OUTCOMES] = {
    [BENCH_GOOD] = "good",        [BENCH_WRONG] = "wrong value",         [BENCH_FAILED] = "failed",   [BENCH_CRASHED] = "crashed",
    [BENCH_TIMEOUT] = "time-out", [BENCH_GARBAGE] = "unreadable answer", [BENCH_INVALID] = "invalid",
};

/* For a terminal and for JSON: what is not plain ASCII becomes '?'. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static __attribute__((format(printf, 3, 4))) void fail(struct bench_run *run, enum bench_outcome outcome, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(run->why, sizeof run->why, format, args);
    va_end(args);
    make_plain(run->why);
    run->outcome = outcome;
}

static double seconds_of(const json_t *ns)
{
    return json_is_integer(ns) && json_integer_value(ns) >= 0 ? (double)json_integer_value(ns) / (double)CLOCK_NS : NAN;
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

/* ---- connect ---- */

static bool check_values(struct bench_run *run, const json_t *answer)
{
    const json_t *values = json_object_get(answer, "values");
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_array_get(values, i);
        if (json_is_number(value) && json_number_value(value) == FIRST_VALUE) /* NOLINT: exactly equal */
            continue;
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        fail(run, BENCH_WRONG, "get %zu of " BENCH_SCALARS "00000: %.60s, not %g", i + 1, text != NULL ? text : "nothing",
             FIRST_VALUE);
        free(text);
        return false;
    }
    return true;
}

static void judge_connect(struct bench_run *run, const json_t *answer)
{
    json_int_t connected = json_integer_value(json_object_get(answer, "connected"));
    const json_t *gets = json_object_get(answer, "get_ns");
    run->connect = seconds_of(json_object_get(answer, "connect_ns"));
    run->get1 = seconds_of(json_array_get(gets, 0));
    run->rehearse = seconds_of(json_object_get(answer, "rehearse_ns"));
    run->get2 = seconds_of(json_array_get(gets, 1));
    run->put = seconds_of(json_object_get(answer, "put_ns"));
    if (connected != run->step->pvs)
        fail(run, BENCH_WRONG, "%" JSON_INTEGER_FORMAT " of %u PVs connected", connected, run->step->pvs);
    else if (check_values(run, answer) && (isnan(run->connect) || isnan(run->get1) || isnan(run->get2)))
        fail(run, BENCH_GARBAGE, "a stage's time is missing (connect_ns, get_ns)");
    else if (run->outcome == BENCH_GOOD && run->step->pvs == 1 && isnan(run->put))
        fail(run, BENCH_WRONG, "the put was not confirmed");
}

/* ---- monitor ---- */

static bool integer_in(const json_t *array, size_t i, int64_t max, int64_t *value)
{
    const json_t *item = json_array_get(array, i);
    *value = json_integer_value(item);
    return json_is_integer(item) && *value >= 0 && *value < max;
}

static bool read_frame(const json_t *frames, size_t i, struct bench_frame *frame)
{
    int64_t serial, s, ns;
    const json_t *sum = json_array_get(json_object_get(frames, "sum"), i);
    if (!integer_in(json_object_get(frames, "serial"), i, SERIAL_MAX, &serial) ||
        !integer_in(json_object_get(frames, "seconds"), i, INT64_C(1) << 32, &s) ||
        !integer_in(json_object_get(frames, "nanoseconds"), i, (int64_t)CLOCK_NS, &ns) || !json_is_integer(sum))
        return false;
    *frame = (struct bench_frame){(uint64_t)serial, (uint64_t)s * CLOCK_NS + (uint64_t)ns, json_integer_value(sum)};
    return true;
}

/* The client's frames, to be freed; NULL after fail(). */
static struct bench_frame *read_frames(struct bench_run *run, const json_t *answer, size_t *n)
{
    const json_t *frames = json_object_get(answer, "frames");
    *n = json_array_size(json_object_get(frames, "serial"));
    struct bench_frame *list = *n > 0 ? calloc(*n, sizeof *list) : NULL;
    if (list == NULL)
        fail(run, BENCH_FAILED, "no frame was delivered");
    for (size_t i = 0; list != NULL && i < *n; i++)
        if (!read_frame(frames, i, &list[i])) {
            fail(run, BENCH_GARBAGE, "frame %zu of %zu has no readable serial, sum and stamp", i, *n);
            free(list);
            list = NULL;
        }
    return list;
}

static void judge_frames(struct bench_run *run, const struct bench_frame *list, size_t n, size_t elements)
{
    const struct bench_frames *f = &run->frames;
    if (f->wrong_sums > 0)
        fail(run, BENCH_WRONG, "%" PRIu64 " of %zu sums; frame %" PRIu64 ": %" PRId64 ", not %" PRId64, f->wrong_sums, n,
             list[f->first_wrong].serial, list[f->first_wrong].sum, frame_sum(elements, list[f->first_wrong].serial));
    else if (f->unknown > 0)
        fail(run, BENCH_WRONG, "%" PRIu64 " of %zu frames are not in the recording", f->unknown, n);
}

static void judge_monitor(struct bench_run *run, const json_t *answer, const struct bench_posts *posts)
{
    size_t n;
    int64_t elements = json_integer_value(json_object_get(answer, "native_count"));
    if (elements < 4 || elements > ELEMENTS_MAX || (posts->elements != 0 && (size_t)elements != posts->elements)) {
        fail(run, BENCH_WRONG, "%" PRId64 " elements a frame, not %zu", elements, posts->elements);
        return;
    }
    struct bench_frame *list = read_frames(run, answer, &n);
    if (list == NULL)
        return;
    if (bench_count_frames(list, n, posts, (size_t)elements, &run->frames))
        judge_frames(run, list, n, (size_t)elements);
    else
        fail(run, BENCH_INVALID, "out of memory for %zu frames", n);
    free(list);
}

/* ---- both ---- */

/* What a shell ends with where there is no such command, or none that may be run. */
enum { SHELL_MAY_NOT = 126, SHELL_FOUND_NONE = 127 };

/* A line for the shell that it could not run is a client that is not installed; under a tool the code may be the tool's. */
static bool is_missing(const struct bench_run *run, const struct bench_client *client)
{
    return client->custom && run->tool == COUNTING_NONE &&
           (run->exit_code == SHELL_MAY_NOT || run->exit_code == SHELL_FOUND_NONE);
}

static void judge_silence(struct bench_run *run, const struct bench_process *p, struct bench_client *client)
{
    char words[BENCH_WORDS_BYTES];
    bench_process_words(p, words);
    const char *colon = words[0] != '\0' ? ": " : "";
    if (p->timed_out)
        fail(run, BENCH_TIMEOUT, "no answer within %.1f s%s%s", (double)p->spec.timeout_ns / (double)CLOCK_NS, colon, words);
    else if (WIFSIGNALED(p->status))
        fail(run, BENCH_CRASHED, "killed by signal %d%s%s", WTERMSIG(p->status), colon, words);
    else
        fail(run, BENCH_CRASHED, "exit code %d without an answer%s%s", run->exit_code, colon, words);
    if (!p->timed_out && is_missing(run, client))
        snprintf(client->missing, sizeof client->missing, "%.150s", run->why);
}

/* Exactly one line, of one JSON object. */
static json_t *read_line(struct bench_run *run, const struct bench_process *p)
{
    const char *end = memchr(p->answer, '\n', p->answer_bytes);
    json_error_t error = {.text = "it is cut short"};
    json_t *answer = end == NULL ? NULL : json_loadb(p->answer, (size_t)(end - p->answer), 0, &error);
    if (!json_is_object(answer))
        fail(run, BENCH_GARBAGE, "not a JSON object (%.60s): %.60s", error.text, p->answer);
    else if (end + 1 != p->answer + p->answer_bytes)
        fail(run, BENCH_GARBAGE, "more than one line; behind the first: %.60s", end + 1);
    return answer;
}

static void judge_error(struct bench_run *run, const json_t *answer, struct bench_client *client)
{
    const char *error = json_string_value(json_object_get(answer, "error"));
    static const char missing[] = "not installed: ";
    fail(run, BENCH_FAILED, "%.190s", error != NULL ? error : "it did not say why");
    if (error != NULL && strncmp(error, missing, strlen(missing)) == 0)
        snprintf(client->missing, sizeof client->missing, "%.150s", run->why + strlen(missing));
}

/* It answered, and then did not end well: the sample stays. */
static void note_death(struct bench_run *run, const struct bench_process *p)
{
    run->died_at_exit = true;
    if (run->outcome == BENCH_GOOD)
        snprintf(run->why, sizeof run->why, "%s, exit code %d: %.120s", p->timed_out ? "hung" : "crashed", run->exit_code,
                 p->said);
}

static void copy_samples(struct bench_run *run, const struct bench_process *p)
{
    run->exit_code = child_exit_code(p->status);
    run->udp_drops = bench_total_drops(&p->drops);
    run->udp_known = p->drops.read;
    run->cpu_s = seconds(&p->used.ru_utime) + seconds(&p->used.ru_stime);
    run->cpu = p->cpu;
    run->rss = p->rss;
    run->rss_peak = (double)p->rss_peak;
    bench_counts_take(&run->counts, &p->used, &p->held, p->instructions);
    run->setup = run->rehearse = run->connect = run->get1 = run->get2 = run->put = NAN;
    bench_stages_take(&run->stages, NULL);
}

void bench_run_judge(struct bench_run *run, const struct bench_process *p, struct bench_client *client,
                     const struct bench_posts *posts)
{
    run->outcome = BENCH_GOOD;
    copy_samples(run, p);
    if (p->answer_bytes == 0) {
        judge_silence(run, p, client);
        return;
    }
    json_t *answer = read_line(run, p);
    if (run->outcome == BENCH_GOOD) {
        const char *version = json_string_value(json_object_get(answer, "version"));
        snprintf(client->version, sizeof client->version, "%.39s", version != NULL ? version : "?");
        make_plain(client->version);
        run->setup = seconds_of(json_object_get(answer, "setup_ns"));
        bench_stages_take(&run->stages, json_object_get(answer, "used"));
        if (!json_is_true(json_object_get(answer, "ok")))
            judge_error(run, answer, client);
        else if (run->step->kind == BENCH_CONNECT)
            judge_connect(run, answer);
        else
            judge_monitor(run, answer, posts);
        if (json_is_true(json_object_get(answer, "ok")) && run->exit_code != 0)
            note_death(run, p);
    }
    json_decref(answer);
}
