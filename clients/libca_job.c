#include "clients/libca_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_name(struct job *job, const char *name, struct diag *diag)
{
    if (name == NULL)
        return diag_fail(diag, DIAG_USAGE, "job: every name must be a string");
    const char **more = realloc(job->names, (job->nnames + 1) * sizeof *more);
    if (more == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %zu names", job->nnames + 1);
    job->names = more;
    job->names[job->nnames++] = name;
    return 0;
}

static int take_names(struct job *job, const json_t *names, struct diag *diag)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (add_name(job, json_string_value(json_array_get(names, i)), diag) < 0)
            return -1;
    return 0;
}

/* A name a line; each becomes a string of the job's root, which owns it. */
static int read_names(struct job *job, const char *path, struct diag *diag)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    json_t *names = json_array();
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, " \t\r\n")] = '\0';
        if (line[0] != '\0')
            json_array_append_new(names, json_string(line));
    }
    fclose(file);
    json_object_set_new(job->root, "names", names);
    return take_names(job, names, diag);
}

static int unpack(struct job *job, struct diag *diag)
{
    json_error_t error;
    const json_t *names = NULL, *put = NULL;
    const char *names_file = NULL, *name = NULL, *order = "together";
    json_int_t gets = 2, get_names = 1;
    job->timeout_s = 60;
    if (json_unpack_ex(job->root, &error, 0, "{s:s, s?o, s?s, s?s, s?s, s?I, s?I, s?o, s?F, s?F, s?F}", "task", &job->task,
                       "names", &names, "names_file", &names_file, "name", &name, "order", &order, "gets", &gets, "get_names",
                       &get_names, "put", &put, "seconds", &job->seconds, "warmup_s", &job->warmup_s, "timeout_s",
                       &job->timeout_s) < 0)
        return diag_fail(diag, DIAG_USAGE, "job: %s", error.text);
    if (gets < 0 || get_names < 0 || !(job->timeout_s > 0) || job->seconds < 0 || job->warmup_s < 0)
        return diag_fail(diag, DIAG_USAGE, "job: a negative number of gets, names or seconds");
    job->gets = (uint64_t)gets;
    job->get_names = (size_t)get_names;
    job->sequential = strcmp(order, "sequential") == 0;
    if (json_is_object(put) &&
        json_unpack_ex((json_t *)put, &error, 0, "{s:s, s:o}", "name", &job->put_name, "value", &job->put_value) < 0)
        return diag_fail(diag, DIAG_USAGE, "job: put: %s", error.text);
    if (names_file != NULL)
        return read_names(job, names_file, diag);
    return name != NULL ? add_name(job, name, diag) : take_names(job, names, diag);
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
    if (job->nnames == 0)
        return diag_fail(diag, DIAG_USAGE, "%s: no PV names", path);
    return 0;
}

void job_fini(struct job *job)
{
    free(job->names);
    json_decref(job->root);
    memset(job, 0, sizeof *job);
}
