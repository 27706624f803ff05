/* What a put has changed, in the order in which an IOC posts it. A post is of a field: all PVs of the field have it. */
#include "sim/database_parts.h"

#include <string.h>

static void add(struct database *d, struct db_pv *pv, unsigned mask)
{
    if (d->nposts == d->post_room) {
        unsigned room = d->post_room > 0 ? 2 * d->post_room : 64;
        struct db_post *post = realloc(d->post, room * sizeof *post);
        if (post == NULL)
            abort();
        d->post = post;
        d->post_room = room;
    }
    d->post[d->nposts++] = (struct db_post){.pv = pv, .mask = mask};
}

void db_post_field(struct db_record *r, int field, unsigned mask)
{
    for (struct db_pv *pv = r->pvs; pv != NULL; pv = pv->next)
        if (pv->view.field == field)
            add(r->database, pv, mask);
}

void db_post_named(struct db_record *r, const char *field, unsigned mask)
{
    int found = scenario_field_find(r->is->type, field, strlen(field));
    if (found != SCENARIO_NOWHERE)
        db_post_field(r, found, mask);
}

void db_post_record(struct db_record *r, unsigned mask)
{
    for (struct db_pv *pv = r->pvs; pv != NULL; pv = pv->next)
        add(r->database, pv, mask);
}
