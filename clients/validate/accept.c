/* The reviewed list of differences that are accepted. */
#include "clients/validate/validate.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPTED_MAX 64

static int parse_line(const char *path, unsigned number, const char *line, struct validate_accepted *entry, struct diag *diag)
{
    int end = 0;
    *entry = (struct validate_accepted){.line = number};
    if (sscanf(line, "%31s %31s %63[^: \t] :%n", entry->command, entry->field, entry->dialogue, &end) != 3 || end == 0 ||
        line[end + (int)strspn(line + end, " \t\n")] == '\0')
        return diag_fail(diag, DIAG_USAGE, "%s line %u: 'COMMAND FIELD DIALOGUE: REASON' expected", path, number);
    line += end + (int)strspn(line + end, " \t");
    snprintf(entry->reason, sizeof entry->reason, "%.*s", (int)strcspn(line, "\n"), line);
    if (strpbrk(entry->command, "*?") != NULL || strpbrk(entry->field, "*?") != NULL || strpbrk(entry->dialogue, "*?") != NULL)
        return diag_fail(diag, DIAG_USAGE, "%s line %u: an accepted difference names one command, field and dialogue", path,
                         number);
    return 0;
}

static int read_lines(FILE *f, const char *path, struct validate_list *list, struct diag *diag)
{
    char line[512];
    for (unsigned number = 1; fgets(line, sizeof line, f) != NULL; number++) {
        const char *start = line + strspn(line, " \t\n");
        if (*start == '\0' || *start == '#')
            continue;
        if (list->n == ACCEPTED_MAX)
            return diag_fail(diag, DIAG_USAGE, "%s line %u: more than %d entries", path, number, ACCEPTED_MAX);
        if (parse_line(path, number, start, &list->at[list->n], diag) < 0)
            return -1;
        list->n++;
    }
    return 0;
}

int validate_list_read(const char *path, struct validate_list *list, struct diag *diag)
{
    *list = (struct validate_list){.n = 0};
    if (path == NULL)
        return 0;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    list->at = calloc(ACCEPTED_MAX, sizeof *list->at);
    int result = list->at != NULL ? read_lines(f, path, list, diag) : diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    fclose(f);
    return result;
}

void validate_list_free(struct validate_list *list)
{
    free(list->at);
    *list = (struct validate_list){.n = 0};
}

static struct validate_accepted *find(struct validate_list *list, const char *dialogue, const char *command, const char *field)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->at[i].command, command) == 0 && strcmp(list->at[i].field, field) == 0 &&
            strcmp(list->at[i].dialogue, dialogue) == 0)
            return &list->at[i];
    return NULL;
}

bool validate_list_accepts(struct validate_list *list, const char *dialogue, const struct judge_difference *difference)
{
    char fields[JUDGE_FIELDS_BYTES], *rest = fields;
    struct validate_accepted *found[JUDGE_FIELDS_BYTES];
    size_t n = 0;
    memcpy(fields, difference->fields, sizeof fields);
    for (char *field; (field = strsep(&rest, ",")) != NULL; n++)
        if ((found[n] = find(list, dialogue, difference->command, field)) == NULL)
            return false;
    while (n > 0)
        found[--n]->used++;
    return true;
}
