/* What a put has changed, in the order in which an IOC posts it. A post is of a field: all PVs of the field have it. */
#include "sim/database_parts.h"

#include <string.h>

static bool is_number(const struct db_pv *pv)
{
    return pv->elements == 1 && pv->base != WIRE_STRING && pv->pv.value.count == 1;
}

/* Room for another may move the posts: their bytes are pointed to only while they are given out. */
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
    struct db_post *post = &d->post[d->nposts++];
    db_pv_refresh(pv);
    *post = (struct db_post){.pv = pv, .mask = mask, .value = pv->pv.value};
    if (is_number(pv))
        memcpy(post->bytes, pv->pv.value.data, wire_base_size((enum wire_base)pv->base));
}

struct db_pv *db_post_next(struct database *d, unsigned *mask)
{
    if (d->posted > 0)
        db_pv_refresh(d->post[d->posted - 1].pv);
    if (d->posted == d->nposts)
        return NULL;
    struct db_post *post = &d->post[d->posted++];
    struct wire_value *value = &post->pv->pv.value;
    *value = post->value;
    if (is_number(post->pv))
        value->data = post->bytes;
    *mask = post->mask;
    return post->pv;
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
