#include "sim/lane.h"

#include <stdlib.h>
#include <string.h>

int lane_init(struct lane *lane, struct memory *memory)
{
    *lane = (struct lane){.ring = malloc(LANE_ROOM * sizeof(struct reply)), .room = LANE_ROOM, .memory = memory};
    return lane->ring != NULL ? 0 : -1;
}

void lane_fini(struct lane *lane)
{
    if (lane->ring != NULL)
        memory_give(lane->memory, (lane->room - LANE_ROOM) * sizeof(struct reply));
    free(lane->ring);
    *lane = (struct lane){0};
}

static int grow(struct lane *lane)
{
    struct reply *ring = NULL;
    if (memory_take(lane->memory, lane->room * sizeof *ring) && (ring = malloc(2 * lane->room * sizeof *ring)) == NULL)
        memory_give(lane->memory, lane->room * sizeof *ring);
    if (ring == NULL)
        return -1;
    for (uint32_t i = 0; i < lane->count; i++)
        ring[i] = *lane_at(lane, i);
    free(lane->ring);
    lane->ring = ring;
    lane->room *= 2;
    lane->first = 0;
    return 0;
}

bool lane_reserve(struct lane *lane)
{
    return lane->count + 2 <= lane->room || (lane->room < LANE_MOST && grow(lane) == 0);
}

uint64_t lane_push(struct lane *lane, const struct reply *reply)
{
    struct reply *at = lane_at(lane, lane->count++);
    *at = *reply;
    at->due_ns = reply->own_ns > lane->last_due_ns ? reply->own_ns : lane->last_due_ns;
    lane->last_due_ns = at->due_ns;
    return lane->pushed++;
}

struct reply *lane_due(struct lane *lane, uint64_t now_ns)
{
    struct reply *first = lane_at(lane, 0);
    return lane->count > 0 && first->due_ns <= now_ns ? first : NULL;
}

void lane_pop(struct lane *lane)
{
    lane->first = (lane->first + 1) & (lane->room - 1);
    lane->count--;
}

uint64_t lane_deadline(const struct lane *lane)
{
    if (lane->count == 0)
        return CLOCK_NEVER;
    uint64_t first = lane_at(lane, 0)->due_ns, last = first;
    for (uint32_t i = 1; i < lane->count && lane_at(lane, i)->due_ns - first <= LANE_TOGETHER_NS; i++)
        last = lane_at(lane, i)->due_ns;
    return last;
}
