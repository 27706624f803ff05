/* A result file of `caplay bench`, as `caplay compare` reads it (docs/bench.schema.json). What is asked for is borrowed from the
 * file, which is checked as a whole when it is read: nothing asked for later is missing. */
#ifndef CAPLAY_CLIENTS_COMPARE_RESULT_H
#define CAPLAY_CLIENTS_COMPARE_RESULT_H

#include "base/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct result {
    const char *path;
    json_t *root;
};

/* 0, or -1 with DIAG_USAGE that names the file and what is wrong: not there, cut, no result, another version. */
int result_read(struct result *r, const char *path, struct diag *diag);
void result_free(struct result *r);

size_t result_count(const struct result *r, const char *what); /* "servers", "clients", "steps", "runs" */
const char *result_step(const struct result *r, size_t i);
const char *result_server(const struct result *r, size_t i);
const char *result_client(const struct result *r, size_t i);
const char *result_version(const struct result *r, size_t client);

/* A client that was asked for and is not installed: why; NULL: it is. */
const char *result_missing(const struct result *r, size_t client);

/* The cell of a step's name, or NULL. */
const json_t *result_cell(const struct result *r, const char *step, const char *server, const char *client);

/* The first run with this outcome that is the last word ("repeated" is not), or with any bad outcome but invalid (NULL). */
const json_t *result_bad_run(const struct result *r, bool invalid);

#endif
