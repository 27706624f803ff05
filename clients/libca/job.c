#include "clients/libca/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int take_names(struct job *job, const json_t *names, struct diag *diag)
{
    size_t n = json_array_size(names);
    job->names = calloc(n + 1, sizeof *job->names);
    if (job->names == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %zu names", n);
    for (; job->nnames < n; job->nnames++) {
        job->names[job->nnames] = json_string_value(json_array_get(names, job->nnames));
        if (job->names[job->nnames] == NULL)
            return diag_fail(diag, DIAG_USAGE, "job: every name must be a string");
    }
    return 0;
}

/* A name a line. */
static json_t *read_names(const char *path, struct diag *diag)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
        return NULL;
    }
    json_t *names = json_array();
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, " \t\r\n")] = '\0';
        if (line[0] != '\0')
            json_array_append_new(names, json_string(line));
    }
    fclose(file);
    return names;
}

/* From whichever of "names", "names_file" and "name" is there. The root owns the texts. */
static int find_names(struct job *job, json_t *names, const char *file, json_t *name, struct diag *diag)
{
    if (file != NULL)
        json_object_set_new(job->root, "names", names = read_names(file, diag));
    else if (name != NULL)
        json_object_set_new(job->root, "names", names = json_pack("[O]", name));
    return file != NULL && names == NULL ? -1 : take_names(job, names, diag);
}

static int unpack(struct job *job, struct diag *diag)
{
    json_error_t error;
    json_t *names = NULL, *put = NULL, *name = NULL;
    const char *names_file = NULL, *order = "together";
    json_int_t gets = 2, get_names = 1;
    int preemptive = true;
    job->timeout_s = 60;
    if (json_unpack_ex(job->root, &error, 0, "{s:s, s?o, s?s, s?o, s?s, s?I, s?I, s?o, s?F, s?F, s?F, s?b}", "task", &job->task,
                       "names", &names, "names_file", &names_file, "name", &name, "order", &order, "gets", &gets, "get_names",
                       &get_names, "put", &put, "seconds", &job->seconds, "warmup_s", &job->warmup_s, "timeout_s",
                       &job->timeout_s, "preemptive", &preemptive) < 0)
        return diag_fail(diag, DIAG_USAGE, "job: %s", error.text);
    if (gets < 0 || get_names < 0 || !(job->timeout_s > 0) || job->seconds < 0 || job->warmup_s < 0)
        return diag_fail(diag, DIAG_USAGE, "job: a negative number of gets, names or seconds");
    job->gets = (uint64_t)gets;
    job->get_names = (size_t)get_names;
    job->preemptive = preemptive;
    job->sequential = strcmp(order, "sequential") == 0;
    if (json_is_object(put) && json_unpack_ex(put, &error, 0, "{s:s, s:o}", "name", &job->put_name, "value", &job->put_value) < 0)
        return diag_fail(diag, DIAG_USAGE, "job: put: %s", error.text);
    return find_names(job, names, names_file, name, diag);
}

int job_load(struct job *job, const char *path, struct diag *diag)
{
    memset(job, 0, sizeof *job);
    json_error_t error;
    job->root = json_load_file(path, 0, &error);
    if (job->root == NULL)
        return diag_fail(diag, DIAG_USAGE, "%s: %s at line %d", path, error.text, error.line);
    if (unpack(job, diag) < 0)
        return -1;
    if (job->nnames == 0 && strcmp(job->task, "setup") != 0)
        return diag_fail(diag, DIAG_USAGE, "%s: no PV names", path);
    return 0;
}

void job_fini(struct job *job)
{
    free(job->names);
    json_decref(job->root);
    memset(job, 0, sizeof *job);
}
