#include "replay/transcript.h"

#include <stdlib.h>
#include <string.h>

bool transcript_repeats(const struct transcript *t, const struct turn *turn)
{
    for (size_t i = t->n; i-- > 0 && t->turns[i].block == turn->block;)
        if (t->turns[i].lane == turn->lane)
            return t->turns[i].size == turn->size && memcmp(t->turns[i].bytes, turn->bytes, turn->size) == 0;
    return false;
}

bool transcript_add(struct transcript *t, const struct turn *turn)
{
    if (t->n == t->room) {
        size_t room = t->room == 0 ? 64 : 2 * t->room;
        struct turn *turns = realloc(t->turns, room * sizeof *turns);
        if (turns == NULL)
            return false;
        t->turns = turns;
        t->room = room;
    }
    size_t length = strlen(turn->text) + 1;
    char *text = arena_bytes(&t->arena, length);
    uint8_t *bytes = turn->bytes != NULL ? arena_bytes(&t->arena, turn->size + 1) : NULL;
    if (text == NULL || (turn->bytes != NULL && bytes == NULL))
        return false;
    memcpy(text, turn->text, length);
    if (bytes != NULL)
        memcpy(bytes, turn->bytes, turn->size);
    t->turns[t->n] = *turn;
    t->turns[t->n].text = text;
    t->turns[t->n++].bytes = bytes;
    return true;
}

void transcript_fini(struct transcript *t)
{
    free(t->turns);
    free(t->sids.at);
    arena_fini(&t->arena);
    *t = (struct transcript){.n = 0};
}
