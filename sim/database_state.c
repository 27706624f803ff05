/* The states of an IOC that have names, true or false: a bo with DTYP "Db State" and OUT "@NAME" sets one, a bi reads it, and the
 * filter sync looks at it. */
#include "sim/database_parts.h"

#include <string.h>

static struct db_state *find(const struct database *d, const char *name)
{
    struct db_state *state = d->states;
    while (state != NULL && strcmp(state->name, name) != 0)
        state = state->next;
    return state;
}

const bool *db_state_find(const struct database *d, const char *name)
{
    const struct db_state *state = find(d, name);
    return state != NULL ? &state->is : NULL;
}

static struct db_state *make(struct database *d, const char *name)
{
    size_t n = strlen(name) + 1;
    struct db_state *state = calloc(1, sizeof *state + n);
    if (state == NULL)
        return NULL;
    memcpy(state->name, name, n);
    state->next = d->states;
    d->states = state;
    return state;
}

/* The text of a device support's choice, "" where the record type has none. */
static const char *device_of(const struct db_record *r)
{
    int field = scenario_field_find(r->is->type, "DTYP", 4);
    const struct scenario_field *is = field != SCENARIO_NOWHERE ? scenario_field_of(r->is, field) : NULL;
    double choice = is != NULL ? db_number(r, field) : 0;
    return is != NULL && is->menu != NULL && choice >= 0 && choice < is->menu->nchoices ? is->menu->choice[(unsigned)choice] : "";
}

/* The name of a record's state, "" where it has none. */
static const char *state_of(const struct db_record *r, bool is_output)
{
    int link = scenario_field_find(r->is->type, is_output ? "OUT" : "INP", 3);
    bool is_binary = is_output || strcmp(r->is->type->name, "bi") == 0;
    if (!is_binary || link == SCENARIO_NOWHERE || strcmp(device_of(r), "Db State") != 0)
        return "";
    const char *text = db_text(r, link);
    return *text == '@' ? text + 1 : "";
}

int db_state_open(struct db_record *r, struct diag *diag)
{
    bool is_output = strcmp(r->is->type->name, "bo") == 0;
    const char *name = state_of(r, is_output);
    if (*name == '\0')
        return 0;
    struct db_state *state = find(r->database, name);
    if (state == NULL && (state = make(r->database, name)) == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the state %s of %s", name, r->is->name);
    r->state = &state->is;
    if (is_output && r->is->flags & SCENARIO_PROCESSED)
        state->is = db_number(r, scenario_field_find(r->is->type, "VAL", 3)) != 0;
    return 0;
}

void db_states_free(struct database *d)
{
    for (struct db_state *state = d->states, *next; state != NULL; state = next) {
        next = state->next;
        free(state);
    }
}
