/* Random dialogues with a fault in the last one -> the shortest one, made of their lines, that still has it. First whole
 * dialogues are left out, then lines. */
#include "clients/validate/validate.h"

#include <stdlib.h>
#include <string.h>

struct lines {
    char **at; /* each a unit: a line, or the lines of a datagram and its answer */
    size_t n;
};

struct shrink {
    struct validate *v;
    const struct validate_fault *fault;
    struct lines lines;
    bool by_dialogue; /* units are whole dialogues */
    bool keeps_none;  /* lines that begin and end circuits may go, too */
};

static bool is_datagram(const char *line)
{
    return strncmp(line, "udp", 3) == 0;
}

/* Cut the text into units; `copy` is modified, units point into it. */
static bool cut_units(char *copy, struct lines *lines)
{
    size_t room = 1;
    for (const char *c = copy; *c != '\0'; c++)
        room += *c == '\n';
    lines->at = calloc(room, sizeof *lines->at);
    lines->n = 0;
    char *last = NULL;
    for (char *line = copy; lines->at != NULL && *line != '\0';) {
        char *end = line + strcspn(line, "\n");
        bool goes_on = last != NULL && is_datagram(last) && is_datagram(line);
        last = line;
        if (!goes_on)
            lines->at[lines->n++] = line;
        if (lines->n > 1 && !goes_on)
            line[-1] = '\0';
        line = end + (*end == '\n');
    }
    return lines->at != NULL;
}

static char *join_units(const struct lines *lines, const bool *without, bool by_dialogue)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < lines->n; i++)
        if (!without[i])
            fprintf(out, "%s\n%s", lines->at[i], by_dialogue && i + 1 < lines->n ? VALIDATE_NEXT : "");
    return fclose(out) == 0 ? text : NULL;
}

/* Does it have the same fault without these units, on fresh servers? */
static int try_without(struct shrink *s, const bool *without, bool *has_fault, struct diag *diag)
{
    struct validate_fault fault;
    char *text = join_units(&s->lines, without, s->by_dialogue);
    *has_fault = false;
    if (text == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    int result = validate_restart(s->v, diag);
    if (result == 0)
        result = validate_text(s->v, text, &fault, diag);
    *has_fault = result == 0 && strcmp(fault.text, s->fault->text) == 0;
    free(text);
    return result;
}

static bool begins(const char *unit, const char *text)
{
    return strncmp(unit, text, strlen(text)) == 0;
}

/* Does the circuit of this VERSION have other lines left? */
static bool is_used(const struct lines *lines, const bool *without, const char *version)
{
    const char *arrow = version[0] == 'B' ? "B> " : "> ";
    for (size_t i = 0; i < lines->n; i++)
        if (!without[i] && begins(lines->at[i], arrow) && !begins(lines->at[i] + strlen(arrow), "VERSION"))
            return true;
    return false;
}

/* Lines without which the others are another dialogue: what keeps blocks apart, and what begins and ends a circuit. */
static bool is_kept(const struct shrink *s, const bool *without, size_t i)
{
    const char *unit = s->lines.at[i];
    if (s->by_dialogue)
        return i + 1 == s->lines.n;
    if (*unit == '\0' || begins(unit, "needs"))
        return true;
    if (begins(unit, "> VERSION") || begins(unit, "B> VERSION"))
        return !s->keeps_none || is_used(&s->lines, without, unit);
    return begins(unit, "close") && !s->keeps_none;
}

/* Without its CREATE_CHAN all that is asked of a channel is about an unknown sid: that goes, too. */
static void drop_orphans(const struct lines *lines, bool *without)
{
    char sid[32];
    unsigned cid;
    for (size_t i = 0; i < lines->n; i++) {
        const char *create = without[i] ? strstr(lines->at[i], "CREATE_CHAN cid=") : NULL;
        if (create == NULL || sscanf(create, "CREATE_CHAN cid=%u", &cid) != 1)
            continue;
        snprintf(sid, sizeof sid, "sid=@%u ", cid);
        for (size_t k = 0; k < lines->n; k++)
            without[k] |= strstr(lines->at[k], sid) != NULL;
    }
}

/* Leave out ever smaller runs of units, as long as the fault stays. */
static int shrink_units(struct shrink *s, bool *without, struct diag *diag)
{
    size_t n = s->lines.n;
    bool *tried = calloc(n + 1, sizeof *tried), has_fault;
    int result = tried != NULL ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    for (size_t run = n / 2 + 1; run >= 1 && result == 0; run /= 2)
        for (size_t from = 0; from < n && result == 0; from += run) {
            memcpy(tried, without, n * sizeof *tried);
            for (size_t i = from; i < from + run && i < n; i++)
                tried[i] |= !is_kept(s, without, i);
            if (!s->by_dialogue)
                drop_orphans(&s->lines, tried);
            bool is_new = memcmp(tried, without, n * sizeof *tried) != 0;
            result = is_new ? try_without(s, tried, &has_fault, diag) : 0;
            if (is_new && result == 0 && has_fault)
                memcpy(without, tried, n * sizeof *tried);
        }
    free(tried);
    return result;
}

/* One empty line is as good as ten. */
static void squeeze(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++)
        if (!(*from == '\n' && from[1] == '\n' && from[2] == '\n'))
            *to++ = *from;
    *to = '\0';
}

/* Cut at the lines that separate dialogues. */
static bool cut_dialogues(char *copy, struct lines *lines)
{
    size_t room = 2;
    for (const char *at = copy; (at = strstr(at, VALIDATE_NEXT)) != NULL; at++)
        room++;
    lines->at = calloc(room, sizeof *lines->at);
    lines->n = 0;
    while (lines->at != NULL && copy != NULL) {
        lines->at[lines->n++] = copy;
        copy = strstr(copy, VALIDATE_NEXT);
        if (copy != NULL) {
            *copy = '\0';
            copy += strlen(VALIDATE_NEXT);
        }
    }
    return lines->at != NULL;
}

/* One pass over `text`. *shorter: a new text, or NULL if the fault did not come again. */
static int shrink_text(struct shrink *s, const char *text, char **shorter, struct diag *diag)
{
    bool again = false;
    char *copy = strdup(text);
    bool is_cut = copy != NULL && (s->by_dialogue ? cut_dialogues(copy, &s->lines) : cut_units(copy, &s->lines));
    bool *without = is_cut ? calloc(s->lines.n + 1, sizeof *without) : NULL;
    int result = without != NULL ? try_without(s, without, &again, diag) : diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    *shorter = NULL;
    if (result == 0 && again)
        result = shrink_units(s, without, diag);
    if (result == 0 && again && (*shorter = join_units(&s->lines, without, s->by_dialogue)) == NULL)
        result = diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    free(without);
    free(s->lines.at);
    free(copy);
    s->lines = (struct lines){.n = 0};
    return result;
}

/* Nothing is printed meanwhile. */
int validate_shrink(struct validate *v, const char *text, const struct validate_fault *fault, char **shortest, struct diag *diag)
{
    struct shrink s = {.v = v, .fault = fault, .by_dialogue = true};
    FILE *out = v->out;
    char *few = NULL, *fewer = NULL;
    v->out = NULL;
    *shortest = NULL;
    int result = shrink_text(&s, text, &few, diag);
    s.by_dialogue = false;
    if (result == 0 && few != NULL)
        result = shrink_text(&s, few, &fewer, diag);
    s.keeps_none = true;
    if (result == 0 && fewer != NULL)
        result = shrink_text(&s, fewer, shortest, diag);
    if (*shortest != NULL)
        squeeze(*shortest);
    v->out = out;
    free(few);
    free(fewer);
    return result;
}
