#include "clients/bench/counting_run.h"

#include "clients/bench/report.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bench_counting *bench_add_counting(struct bench_result *r)
{
    if (r->ncounting == r->counting_room) {
        const size_t room = r->counting_room == 0 ? 64 : 2 * r->counting_room;
        struct bench_counting *more = realloc(r->counting, room * sizeof *more);
        if (more == NULL)
            abort(); /* as in bench_add_run() */
        r->counting = more;
        r->counting_room = room;
    }
    struct bench_counting *c = &r->counting[r->ncounting++];
    memset(c, 0, sizeof *c);
    c->total = c->start = NAN;
    for (unsigned s = 0; s < BENCH_STAGES; s++)
        c->stage[s] = NAN;
    return c;
}

/* ---- what the tool wrote ---- */

static void read_file(struct bench_counting *c, const char *path, bool is_client)
{
    struct counted counted;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    counting_read(c->tool, file, &counted);
    fclose(file);
    unlink(path);
    if (!isnan(counted.total))
        c->total = (isnan(c->total) ? 0 : c->total) + counted.total;
    if (!is_client)
        return;
    c->start = counting_start(&counted, &c->run.stages);
    for (unsigned s = 0; s < BENCH_STAGES; s++)
        c->stage[s] = counting_stage(&counted, &c->run.stages, (enum bench_stage)s);
}

/* strace writes one file, callgrind one a process: stages are told by the client's own. */
static void read_files(struct bench_counting *c, const char *folder, const char *name, pid_t pid)
{
    char own[COUNTING_PATH], path[2 * COUNTING_PATH];
    DIR *dir = opendir(folder);
    snprintf(own, sizeof own, "%s.%d", name, (int)pid);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        const size_t length = strlen(name);
        if (strncmp(entry->d_name, name, length) != 0 || (entry->d_name[length] != '\0' && entry->d_name[length] != '.'))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        read_file(c, path, entry->d_name[length] == '\0' || strcmp(entry->d_name, own) == 0);
    }
    if (dir != NULL)
        closedir(dir);
}

void bench_counting_gather(struct bench_counting *c, const struct bench_options *o, pid_t pid)
{
    char path[COUNTING_PATH];
    bench_counted_path(o, c->run.client, path);
    read_files(c, o->folder, strrchr(path, '/') + 1, pid);
}

void bench_counting_take(struct bench_result *r, const struct bench_run *run, pid_t pid)
{
    struct bench_counting *c = bench_add_counting(r);
    c->tool = run->tool;
    c->run = *run;
    bench_counting_gather(c, &r->options, pid);
    if (c->run.outcome != BENCH_GOOD || !isnan(c->total))
        return;
    c->run.outcome = BENCH_INVALID;
    snprintf(c->run.why, sizeof c->run.why, "%s wrote no count", counting_programs[c->tool]);
}

void bench_counting_attach(struct bench_result *r, size_t first, const struct bench_server_report *report)
{
    for (size_t i = first; i < r->ncounting && report->died; i++) {
        r->counting[i].run.outcome = BENCH_INVALID;
        snprintf(r->counting[i].run.why, sizeof r->counting->run.why, "the server died");
    }
}

/* ---- JSON ---- */

json_t *bench_counting_write(const struct bench_result *r, const struct bench_counting *c)
{
    char step[80];
    json_t *stages = json_object();
    bench_name_step(c->run.step, step, sizeof step);
    if (!isnan(c->start))
        json_object_set_new(stages, "start", json_real(c->start));
    for (unsigned s = 0; s < BENCH_STAGES; s++)
        if (!isnan(c->stage[s]))
            json_object_set_new(stages, bench_stage_names[s], json_real(c->stage[s]));
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:o, s:o}", "step", step, "client", r->clients[c->run.client].name,
                     "server", r->servers[c->run.server].name, "round", c->run.round, "count", counting_figures[c->tool], "by",
                     counting_by[c->tool], "outcome", bench_outcome_names[c->run.outcome], "why", c->run.why, "total",
                     report_number(c->total), "stages", stages);
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

void bench_counting_read(struct bench_counting *c, const json_t *json)
{
    const char *by = json_string_value(json_object_get(json, "by"));
    const json_t *stages = json_object_get(json, "stages");
    for (unsigned tool = COUNTING_NONE + 1; tool < COUNTING_TOOLS; tool++)
        if (by != NULL && strcmp(counting_by[tool], by) == 0)
            c->tool = (enum counting_tool)tool;
    c->total = number_of(json, "total");
    c->start = number_of(stages, "start");
    for (unsigned s = 0; s < BENCH_STAGES; s++)
        c->stage[s] = number_of(stages, bench_stage_names[s]);
}
