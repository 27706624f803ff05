#include "clients/compare/result.h"

#include "clients/bench/report.h"

#include <string.h>

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ---- is it one? ---- */

static bool is_cell(json_t *cell)
{
    const char *step, *server, *client;
    json_t *figures;
    return json_unpack(cell, "{s:{s:s}, s:s, s:s, s:o}", "step", "name", &step, "server", &server, "client", &client, "figures",
                       &figures) == 0 &&
           json_is_object(figures);
}

static bool is_client(json_t *client)
{
    const char *name, *version;
    return json_unpack(client, "{s:s, s:s}", "client", &name, "version", &version) == 0;
}

static bool is_run(json_t *run)
{
    const char *step, *client, *server, *outcome, *why;
    int repeated, warmup;
    return json_unpack(run, "{s:s, s:s, s:s, s:s, s:s, s:b, s:b}", "step", &step, "client", &client, "server", &server, "outcome",
                       &outcome, "why", &why, "repeated", &repeated, "warmup", &warmup) == 0;
}

static bool is_step(json_t *step)
{
    const char *name;
    return json_unpack(step, "{s:s}", "name", &name) == 0;
}

static bool is_name(json_t *name)
{
    return json_is_string(name);
}

/* NULL: all is there; else what is not. */
static const char *find_lack(const json_t *root)
{
    static const struct {
        const char *name;
        bool (*is)(json_t *);
    } arrays[] = {{"servers", is_name}, {"clients", is_client}, {"steps", is_step}, {"cells", is_cell}, {"runs", is_run}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        const json_t *array = json_object_get(root, arrays[i].name);
        if (!json_is_array(array))
            return arrays[i].name;
        for (size_t k = 0; k < json_array_size(array); k++)
            if (!arrays[i].is(json_array_get(array, k)))
                return arrays[i].name;
    }
    return NULL;
}

static int check(const struct result *r, struct diag *diag)
{
    const char *format = text(r->root, "format");
    const json_t *version = json_object_get(r->root, "version");
    if (format == NULL || strcmp(format, BENCH_FORMAT) != 0)
        return diag_fail(diag, DIAG_USAGE, "%s: no result of `caplay bench` (\"format\" is not \"" BENCH_FORMAT "\")", r->path);
    if (json_integer_value(version) != BENCH_FORMAT_VERSION)
        return diag_fail(diag, DIAG_USAGE,
                         "%s: version %" JSON_INTEGER_FORMAT " of the format, this caplay reads version %d: measure it again",
                         r->path, json_integer_value(version), BENCH_FORMAT_VERSION);
    const char *lack = find_lack(r->root);
    return lack == NULL ? 0 : diag_fail(diag, DIAG_USAGE, "%s: \"%s\" is not as docs/bench.schema.json has it", r->path, lack);
}

int result_read(struct result *r, const char *path, struct diag *diag)
{
    json_error_t error;
    FILE *file = fopen(path, "re");
    *r = (struct result){.path = path};
    if (file == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    r->root = json_loadf(file, 0, &error);
    fclose(file);
    if (r->root == NULL)
        return diag_fail(diag, DIAG_USAGE, "%s: cut, or no JSON: line %d, column %d: %s", path, error.line, error.column,
                         error.text);
    if (check(r, diag) == 0)
        return 0;
    result_free(r);
    return -1;
}

void result_free(struct result *r)
{
    json_decref(r->root);
    r->root = NULL;
}

/* ---- what it says ---- */

const char *result_step(const struct result *r, size_t i)
{
    return text(json_array_get(json_object_get(r->root, "steps"), i), "name");
}

size_t result_count(const struct result *r, const char *what)
{
    return json_array_size(json_object_get(r->root, what));
}

const char *result_server(const struct result *r, size_t i)
{
    return json_string_value(json_array_get(json_object_get(r->root, "servers"), i));
}

const char *result_client(const struct result *r, size_t i)
{
    return text(json_array_get(json_object_get(r->root, "clients"), i), "client");
}

const char *result_version(const struct result *r, size_t client)
{
    return text(json_array_get(json_object_get(r->root, "clients"), client), "version");
}

const char *result_missing(const struct result *r, size_t client)
{
    const json_t *c = json_array_get(json_object_get(r->root, "clients"), client);
    return json_is_true(json_object_get(c, "asked_for")) ? text(c, "not_installed") : NULL;
}

const json_t *result_cell(const struct result *r, const char *step, const char *server, const char *client)
{
    const json_t *cells = json_object_get(r->root, "cells");
    for (size_t i = 0; i < json_array_size(cells); i++) {
        const json_t *cell = json_array_get(cells, i);
        if (strcmp(text(json_object_get(cell, "step"), "name"), step) == 0 && strcmp(text(cell, "server"), server) == 0 &&
            strcmp(text(cell, "client"), client) == 0)
            return cell;
    }
    return NULL;
}

const json_t *result_bad_run(const struct result *r, bool invalid)
{
    const json_t *runs = json_object_get(r->root, "runs");
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        const char *outcome = text(run, "outcome");
        const bool is_invalid = strcmp(outcome, bench_outcome_names[BENCH_INVALID]) == 0;
        if (strcmp(outcome, bench_outcome_names[BENCH_GOOD]) == 0 || is_invalid != invalid ||
            json_is_true(json_object_get(run, "repeated")))
            continue;
        return run;
    }
    return NULL;
}
