#include "clients/libca/tasks.h"

#include "base/clock.h"
#include "clients/libca/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void *task_alloc(size_t n, size_t size, struct diag *diag)
{
    void *memory = calloc(n, size);
    if (memory == NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %zu times %zu bytes", n, size);
    return memory;
}

void task_fini(struct task *task)
{
    free(task->channels);
    free(task->answers);
    free(task->frames);
    free(task->watches);
    json_decref(task->updates);
    memset(task, 0, sizeof *task);
}

/* ---- stages ---- */

void task_begin(struct task_stage *stage)
{
    getrusage(RUSAGE_SELF, &stage->used);
    stage->begin_ns = clock_monotonic_ns();
}

static json_int_t cpu_ns(const struct rusage *used)
{
    return (json_int_t)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) * (json_int_t)CLOCK_NS +
           (json_int_t)(used->ru_utime.tv_usec + used->ru_stime.tv_usec) * 1000;
}

uint64_t task_end(struct task *task, const struct task_stage *stage, const char *name)
{
    const uint64_t ns = clock_monotonic_ns() - stage->begin_ns;
    const struct rusage *before = &stage->used;
    struct rusage after;
    getrusage(RUSAGE_SELF, &after);
    json_t *all = json_object_get(task->line, "used");
    if (all == NULL)
        json_object_set_new(task->line, "used", all = json_array());
    json_array_append_new(all,
                          json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "stage", name, "cpu_ns", cpu_ns(&after) - cpu_ns(before),
                                    "switches_waiting", (json_int_t)(after.ru_nvcsw - before->ru_nvcsw), "switches_forced",
                                    (json_int_t)(after.ru_nivcsw - before->ru_nivcsw), "faults_minor",
                                    (json_int_t)(after.ru_minflt - before->ru_minflt), "faults_major",
                                    (json_int_t)(after.ru_majflt - before->ru_majflt)));
    return ns;
}

void task_set_ns(struct task *task, const char *name, uint64_t ns)
{
    json_object_set_new(task->line, name, json_integer((json_int_t)ns));
}

int task_connect_all(struct task *task, struct diag *diag)
{
    const struct job *job = task->job;
    task->channels = task_alloc(job->nnames + 1, sizeof *task->channels, diag);
    if (task->channels == NULL)
        return -1;
    return session_connect(task->session, task->channels, job->names, job->nnames, job->sequential, diag);
}

int task_setup(struct task *task, struct diag *diag)
{
    (void)task;
    (void)diag;
    return 0;
}

/* ---- connect ---- */

static int get_rounds(struct task *task, struct diag *diag)
{
    const struct job *job = task->job;
    size_t n = job->get_names < job->nnames ? job->get_names : job->nnames;
    json_t *get_ns = json_array(), *values = json_array();
    json_object_set_new(task->line, "get_ns", get_ns);
    json_object_set_new(task->line, "values", values);
    task->answers = task_alloc(n + 1, sizeof *task->answers, diag); /* one more for the put */
    if (task->answers == NULL)
        return -1;
    for (uint64_t i = 0; i < job->gets && n > 0; i++) {
        struct task_stage stage;
        char name[32];
        snprintf(name, sizeof name, "get_%" PRIu64, i + 1);
        task_begin(&stage);
        if (session_get(task->channels, n, ANSWER_PLAIN, task->answers, diag) < 0)
            return -1;
        json_array_append_new(get_ns, json_integer((json_int_t)task_end(task, &stage, name)));
        json_array_append_new(values, value_short(task->answers->data, task->answers->type, task->answers->count));
        answers_fini(task->answers, n);
    }
    return 0;
}

/* The channel of that name, connected now if it was not among the job's. */
static struct channel *channel_of(struct task *task, const char *name, struct diag *diag)
{
    const struct job *job = task->job;
    for (size_t i = 0; i < job->nnames; i++)
        if (strcmp(job->names[i], name) == 0)
            return &task->channels[i];
    struct channel *more = &task->channels[job->nnames];
    return session_connect(task->session, more, &name, 1, false, diag) < 0 ? NULL : more;
}

/* What a job writes: one value or a list of them, texts as DBR_STRING, numbers as DBR_DOUBLE; the server converts. free() it. */
static void *put_data(const json_t *json, chtype *type, unsigned long *count, struct diag *diag)
{
    bool is_list = json_is_array(json);
    const json_t *first = is_list ? json_array_get(json, 0) : json;
    *count = is_list ? json_array_size(json) : 1;
    *type = json_is_string(first) ? DBR_STRING : DBR_DOUBLE;
    char *data = task_alloc(*count + 1, *type == DBR_STRING ? sizeof(dbr_string_t) : sizeof(dbr_double_t), diag);
    for (size_t i = 0; data != NULL && i < *count; i++) {
        const json_t *item = is_list ? json_array_get(json, i) : json;
        const char *text = json_string_value(item);
        if (*type == DBR_DOUBLE)
            ((dbr_double_t *)data)[i] = json_number_value(item);
        else if (text != NULL)
            strncpy(((dbr_string_t *)data)[i], text, sizeof(dbr_string_t) - 1);
    }
    return data;
}

static int put(struct task *task, struct diag *diag)
{
    struct channel *channel = channel_of(task, task->job->put_name, diag);
    chtype type;
    unsigned long count;
    void *data = channel != NULL ? put_data(task->job->put_value, &type, &count, diag) : NULL;
    if (data == NULL)
        return -1;
    struct task_stage stage;
    task_begin(&stage);
    int result = session_put(channel, type, count, data, task->answers, diag);
    if (result == 0)
        task_set_ns(task, "put_ns", task_end(task, &stage, "put"));
    free(data);
    return result;
}

int task_connect(struct task *task, struct diag *diag)
{
    json_object_set_new(task->line, "put_ns", json_null());
    struct task_stage stage;
    task_begin(&stage);
    int result = task_connect_all(task, diag);
    task_set_ns(task, "connect_ns", task_end(task, &stage, "connect"));
    pthread_mutex_lock(&task->session->lock);
    json_object_set_new(task->line, "connected", json_integer((json_int_t)task->session->connected));
    pthread_mutex_unlock(&task->session->lock);
    if (result < 0 || get_rounds(task, diag) < 0)
        return -1;
    return task->job->put_name != NULL ? put(task, diag) : 0;
}

/* ---- read ---- */

static json_t *description(chid id, const struct answer *time, const struct answer *ctrl)
{
    json_t *pv = json_object();
    json_object_set_new(pv, "type", json_string(value_type_name(ca_field_type(id))));
    json_object_set_new(pv, "count", json_integer((json_int_t)ca_element_count(id)));
    json_object_set_new(pv, "access", json_integer((json_int_t)(ca_read_access(id) | ca_write_access(id) << 1)));
    value_add_value(pv, time->data, time->type, time->count);
    value_add_stamp(pv, time->data);
    value_add_metadata(pv, ctrl->data, ctrl->type);
    return pv;
}

int task_read(struct task *task, struct diag *diag)
{
    size_t n = task->job->nnames;
    if (task_connect_all(task, diag) < 0)
        return -1;
    struct answer *ctrl = task->answers = task_alloc(2 * n, sizeof *task->answers, diag);
    if (ctrl == NULL || session_get(task->channels, n, ANSWER_CTRL, ctrl, diag) < 0 ||
        session_get(task->channels, n, ANSWER_TIME, ctrl + n, diag) < 0)
        return -1;
    json_t *pvs = json_object();
    json_object_set_new(task->line, "pvs", pvs);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(pvs, task->job->names[i], description(task->channels[i].id, &ctrl[n + i], &ctrl[i]));
    answers_fini(ctrl, 2 * n);
    return 0;
}
