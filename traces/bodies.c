#include "traces/bodies.h"

#include <stdlib.h>

const struct body *bodies_find(struct bodies *b, const struct body_key *key)
{
    struct body *body;
    HASH_FIND(hh, b->table, key, sizeof *key, body);
    if (body != NULL)
        body->was_found = true;
    return body;
}

static bool put(struct bodies *b, struct body *body)
{
    HASH_ADD(hh, b->table, key, sizeof body->key, body);
    if (body->hh.tbl != NULL)
        return true;
    free(body);
    return false;
}

/* Take out the first whose turn it is. It ends: each that is spared is spared once. */
static struct body *forget_one(struct bodies *b)
{
    struct body *body = b->table;
    while (body != NULL && body->was_found) {
        HASH_DEL(b->table, body);
        body->was_found = false;
        (void)put(b, body);
        body = b->table;
    }
    if (body != NULL)
        HASH_DEL(b->table, body);
    return body;
}

bool bodies_add(struct bodies *b, const struct body_key *key, uint64_t offset)
{
    struct body *body = HASH_COUNT(b->table) < BODIES_MAX ? NULL : forget_one(b);
    if (body == NULL)
        body = malloc(sizeof *body);
    if (body == NULL)
        return false;
    *body = (struct body){.key = *key, .offset = offset};
    return put(b, body);
}

void bodies_fini(struct bodies *b)
{
    struct body *body, *next;
    HASH_ITER(hh, b->table, body, next)
    {
        HASH_DEL(b->table, body);
        free(body);
    }
}
