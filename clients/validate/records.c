#include "clients/validate/records.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (16u << 20)

/* Skip blanks and comments. */
static const char *skip(const char *at)
{
    for (;;) {
        at += strspn(at, " \t\r\n,");
        if (*at != '#')
            return at;
        at += strcspn(at, "\n");
    }
}

/* A word, quoted or not; behind it, or NULL if it does not fit or nothing is there. */
static const char *word(const char *at, char *out, size_t room)
{
    size_t n = 0;
    at = skip(at);
    bool quoted = *at == '"';
    at += quoted;
    while (*at != '\0' && (quoted ? *at != '"' : isalnum((unsigned char)*at) || strchr("_-:.[]<>;$(){}", *at) != NULL)) {
        if (!quoted && (*at == ')' || *at == '{' || *at == '}'))
            break;
        if (n + 1 == room)
            return NULL;
        out[n++] = *at++;
    }
    out[n] = '\0';
    return n > 0 ? at + quoted : NULL;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

/* Fields that make a record more than its value. */
static bool has_links(const char *body, size_t n)
{
    static const char *const links[] = {"INP",  "OUT",  "FLNK", "SCAN", "DOL",  "SIOL", "SIML", "SDIS", "TSEL", "PINI",
                                        "SIMM", "OMSL", "OIF",  "TSE",  "DISV", "DISA", "DTYP", "HYST", "ASG",  NULL};
    char field[16];
    for (const char *at = body; (at = strstr(at, "field(")) != NULL && at < body + n;) {
        at += strlen("field(");
        if (word(at, field, sizeof field) != NULL && is_one_of(field, links))
            return true;
    }
    return false;
}

/* The end of a record's body: the brace that closes it, outside quotes. */
static size_t body_length(const char *body)
{
    bool quoted = false;
    unsigned depth = 0;
    const char *at = body;
    for (; *at != '\0'; at++) {
        if (*at == '"' && (at == body || at[-1] != '\\'))
            quoted = !quoted;
        if (quoted)
            continue;
        depth += *at == '{';
        if (*at == '}' && --depth == 0)
            break;
    }
    return (size_t)(at - body);
}

/* On the wire UCHAR is CHAR; ULONG, INT64 and UINT64 are DOUBLE. */
static bool is_disguised(const char *type, const char *body, size_t n)
{
    static const char *const types[] = {"UCHAR", "ULONG", "INT64", "UINT64", NULL};
    char element[16];
    const char *at = strstr(body, "field(FTVL,");
    if (at == NULL || at >= body + n)
        return strcmp(type, "histogram") == 0 || strncmp(type, "int64", 5) == 0; /* the first is of ULONG */
    return word(at + strlen("field(FTVL,"), element, sizeof element) != NULL && is_one_of(element, types);
}

static const char *take_record(const char *at, struct validate_record *record)
{
    static const char *const values[] = {"ai",     "ao",      "bi",       "bo",        "mbbi",     "mbbo",
                                         "longin", "longout", "stringin", "stringout", "waveform", NULL};
    at = word(at, record->type, sizeof record->type);
    at = at != NULL ? word(at, record->name, sizeof record->name) : NULL;
    if (at == NULL || strchr(record->name, '$') != NULL)
        return NULL;
    const char *body = strchr(at, '{');
    if (body == NULL)
        return NULL;
    size_t n = body_length(body);
    const char *label = strstr(body, "ST, ");
    record->has_labels = label != NULL && label < body + n;
    record->is_disguised = is_disguised(record->type, body, n);
    record->is_writable = is_one_of(record->type, values) && !has_links(body, n);
    return body + n;
}

static int scan(const char *text, struct validate_records *records, const char *path, struct diag *diag)
{
    for (const char *at = text; (at = strstr(at, "record(")) != NULL;) {
        const char *line = at;
        while (line > text && line[-1] != '\n')
            line--;
        bool is_comment = *(line + strspn(line, " \t")) == '#';
        at += strlen("record(");
        struct validate_record *more = realloc(records->at, (records->n + 1) * sizeof *more);
        if (more == NULL)
            return diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
        records->at = more;
        const char *end = is_comment ? NULL : take_record(at, &more[records->n]);
        records->n += end != NULL;
        at = end != NULL ? end : at;
    }
    return records->n > 0 ? 0 : diag_fail(diag, DIAG_USAGE, "%s holds no record", path);
}

int validate_records_read(const char *path, struct validate_records *records, struct diag *diag)
{
    *records = (struct validate_records){.n = 0};
    FILE *f = fopen(path, "re");
    char *text = f != NULL ? malloc(FILE_MAX + 1) : NULL;
    if (text == NULL) {
        diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
        if (f != NULL)
            fclose(f);
        return -1;
    }
    text[fread(text, 1, FILE_MAX, f)] = '\0';
    fclose(f);
    int result = scan(text, records, path, diag);
    free(text);
    if (result < 0)
        validate_records_free(records);
    return result;
}

void validate_records_free(struct validate_records *records)
{
    free(records->at);
    *records = (struct validate_records){.n = 0};
}
