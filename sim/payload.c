#include "sim/payload.h"

#include "wire/dbr.h"

#include <stdlib.h>
#include <string.h>

struct payload_pool {
    struct sim_pv *pv;
    struct payload_pool *next;
    struct payload *all;
    uint32_t users; /* subscriptions */
    uint32_t count;
    uint8_t base;
    struct memory *memory;
};

static struct payload_pool *find(const struct sim_pv *pv, uint8_t base, uint32_t count)
{
    struct payload_pool *pool = pv->payloads;
    while (pool != NULL && (pool->base != base || pool->count != count))
        pool = pool->next;
    return pool;
}

bool payload_is_shared(const struct sim_pv *pv, uint8_t base, uint32_t count)
{
    unsigned pools = 0;
    for (const struct payload_pool *pool = pv->payloads; pool != NULL; pool = pool->next)
        pools++;
    return pools < PAYLOAD_POOLS || find(pv, base, count) != NULL;
}

static struct payload_pool *make(struct sim_pv *pv, const struct payload_request *r)
{
    struct payload_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    *pool = (struct payload_pool){.pv = pv, .next = pv->payloads, .base = r->base, .count = r->count, .memory = r->memory};
    pv->payloads = pool;
    return pool;
}

/* The last subscription has gone: free what nobody refers to, and the pool with its last payload. */
static void free_unused(struct payload_pool *pool)
{
    if (pool->users > 0)
        return;
    for (struct payload **at = &pool->all, *payload; (payload = *at) != NULL;) {
        if (payload->refs > 0) {
            at = &payload->next;
            continue;
        }
        *at = payload->next;
        memory_give(pool->memory, sizeof *payload + payload->room);
        free(payload);
    }
    if (pool->all != NULL)
        return;
    struct payload_pool **at = &pool->pv->payloads;
    while (*at != pool)
        at = &(*at)->next;
    *at = pool->next;
    free(pool);
}

static int add(struct payload_pool *pool)
{
    struct payload *payload = NULL;
    uint64_t room = wire_dbr_padded(pool->base, pool->count != 0 ? pool->count : pool->pv->count);
    uint64_t bytes = sizeof *payload + room;
    if (memory_take(pool->memory, bytes) && (payload = malloc(bytes)) == NULL)
        memory_give(pool->memory, bytes);
    if (payload == NULL)
        return -1;
    *payload = (struct payload){.pool = pool, .next = pool->all, .version = UINT64_MAX, .room = room};
    pool->all = payload;
    return 0;
}

/* One payload for each subscription, and one for each that is on its way: its subscription may be gone by now. Those of a circuit
 * need but one. */
static int fill(struct payload_pool *pool, uint32_t circuits)
{
    uint32_t all = 0, sent = 0;
    for (const struct payload *p = pool->all; p != NULL; p = p->next) {
        all++;
        sent += p->refs > 0;
    }
    for (; all < pool->users + sent && all < circuits; all++)
        if (add(pool) < 0)
            return -1;
    return 0;
}

struct payload_pool *payload_join(struct sim_pv *pv, const struct payload_request *r)
{
    struct payload_pool *pool = find(pv, r->base, r->count);
    if (pool == NULL && (pool = make(pv, r)) == NULL)
        return NULL;
    pool->users++;
    if (fill(pool, r->circuits) == 0)
        return pool;
    payload_leave(pool);
    return NULL;
}

void payload_leave(struct payload_pool *pool)
{
    pool->users--;
    free_unused(pool);
}

static void encode(struct payload *payload)
{
    const struct payload_pool *pool = payload->pool;
    const struct wire_value *value = &pool->pv->value;
    uint32_t present = value->count < pool->pv->count ? value->count : pool->pv->count;
    uint32_t count = pool->count != 0 ? pool->count : present;
    payload->length = wire_dbr_size(pool->base, count);
    payload->version = pool->pv->version;
    payload->status = WIRE_ECA_NORMAL;
    payload->bytes = value->data;
    bool is_wide = value->field == WIRE_FIELD_INT64 || value->field == WIRE_FIELD_UINT64;
    if (value->base == pool->base && value->count >= count && !is_wide)
        return;
    payload->status = wire_encode(pool->base, count, value, pool->pv->meta, payload->own);
    payload->bytes = payload->own;
}

struct payload *payload_take(struct payload_pool *pool)
{
    struct payload *chosen = NULL;
    for (struct payload *p = pool->all; p != NULL; p = p->next) {
        if (p->version == pool->pv->version) {
            p->refs++;
            return p;
        }
        if (p->refs == 0)
            chosen = p;
    }
    if (chosen == NULL) /* a circuit sends one payload at a time, and fill() left one for each */
        abort();
    encode(chosen);
    chosen->refs = 1;
    return chosen;
}

void payload_unref(struct payload *payload)
{
    if (--payload->refs == 0)
        free_unused(payload->pool);
}

void payload_settle(struct payload *payload)
{
    if (payload->bytes == payload->own)
        return;
    memcpy(payload->own, payload->bytes, (size_t)payload->length);
    payload->bytes = payload->own;
}
