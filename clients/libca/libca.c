/* caplay-libca: the C client under test, libca as EPICS Base ships it, and Base's repeater.
 *
 *     caplay-libca JOB.json      runs one job, prints one JSON line; exits 0, or 1 with "error" in the line
 *     caplay-libca --repeater    runs the CA repeater in the foreground, until SIGINT or SIGTERM
 *
 * Jobs and lines are those of the Python adapters (clients/adapters/adapter.py). */
#include "base/clock.h"
#include "clients/libca/repeater.h"
#include "clients/libca/tasks.h"

#include <epicsVersion.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(struct task *task, struct diag *diag);
} kinds[] = {
    {"setup", task_setup}, {"connect", task_connect}, {"monitor", task_monitor},
    {"read", task_read},   {"watch", task_watch},     {"snapshot", task_snapshot},
};

static int run_task(struct task *task, struct diag *diag)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, task->job->task) == 0)
            return kinds[i].run(task, diag);
    return diag_fail(diag, DIAG_USAGE, "unknown task '%s'", task->job->task);
}

/* One JSON line for the parent; 0 if the job went well. */
static int print_line(json_t *line, const char *error)
{
    json_object_set_new(line, "ok", json_boolean(error == NULL));
    json_object_set_new(line, "error", error != NULL ? json_string(error) : json_null());
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    bool written = fflush(stdout) == 0;
    json_decref(line);
    return error == NULL && written ? 0 : 1;
}

static int run_job(const char *path)
{
    json_t *line = json_pack("{s:s, s:s}", "client", "libca", "version", EPICS_VERSION_FULL);
    struct diag diag;
    struct job job;
    if (job_load(&job, path, &diag) < 0) {
        job_fini(&job);
        return print_line(line, diag.text);
    }
    json_object_set_new(line, "task", json_string(job.task));
    if (!job.preemptive)
        json_object_set_new(line, "client", json_string("libca_nopreempt"));
    struct session session;
    struct task task = {.job = &job, .session = &session, .line = line};
    struct task_stage stage;
    task_begin(&stage);
    int result = session_setup(&session, job.preemptive, job.timeout_s, &diag);
    task_set_ns(&task, "setup_ns", task_end(&task, &stage, "setup"));
    if (result == 0)
        result = run_task(&task, &diag);
    int code = print_line(line, result < 0 ? diag.text : NULL);
    session_end(&session, task.channels, task.channels != NULL ? job.nnames + 1 : 0);
    task_fini(&task);
    job_fini(&job);
    return code;
}

int main(int argc, char **argv)
{
    struct diag diag;
    if (argc == 2 && strcmp(argv[1], "--repeater") == 0)
        return repeater_run(&diag) < 0 ? diag_report(&diag) : DIAG_GOOD;
    if (argc == 2 && argv[1][0] != '-')
        return run_job(argv[1]);
    fputs("usage: caplay-libca JOB.json | --repeater\n", stderr);
    return DIAG_USAGE;
}
