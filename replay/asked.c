#include "replay/asked.h"

#include "wire/dbr.h"

#include <stdlib.h>

static bool add(struct asked *l, const struct asked_entry *entry)
{
    if (l->n == l->room) {
        size_t room = l->room == 0 ? 32 : 2 * l->room;
        struct asked_entry *at = realloc(l->at, room * sizeof *at);
        if (at == NULL)
            return false;
        l->at = at;
        l->room = room;
    }
    l->at[l->n++] = *entry;
    l->subscriptions += entry->kind == ASKED_SUBSCRIPTION;
    l->puts += entry->kind == ASKED_PUT;
    return true;
}

struct asked_entry *asked_find(struct asked *l, enum asked_kind kind, uint32_t id)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->at[i].kind == kind && l->at[i].id == id)
            return &l->at[i];
    return NULL;
}

void asked_drop(struct asked *l, struct asked_entry *entry)
{
    l->subscriptions -= entry->kind == ASKED_SUBSCRIPTION;
    l->puts -= entry->kind == ASKED_PUT;
    memmove(entry, entry + 1, (size_t)(l->at + l->n - (entry + 1)) * sizeof *entry);
    l->n--;
}

/* CLEAR_CHANNEL ends the channel's subscriptions, and its puts go unanswered (ca-protocol 6.4). */
static void clear_channel(struct asked *l, uint32_t sid)
{
    for (size_t i = l->n; i-- > 0;)
        if (l->at[i].sid == sid && (l->at[i].kind == ASKED_SUBSCRIPTION || l->at[i].kind == ASKED_PUT))
            asked_drop(l, &l->at[i]);
}

/* A name with {}: the channel's filters may drop updates, and remember them. */
static bool note_channel(struct asked *l, const struct wire_header *h, const uint8_t *name)
{
    return h->size == 0 || memchr(name, '{', h->size) == NULL ||
           add(l, &(struct asked_entry){.kind = ASKED_FILTERED, .id = h->p1});
}

static bool note(struct asked *l, const struct wire_header *h, const uint8_t *payload)
{
    struct asked_entry entry = {.id = h->p2, .sid = h->p1, .count = h->count};
    switch (h->command) {
    case WIRE_VERSION:
        l->has_version = true;
        return true;
    case WIRE_EVENTS_OFF:
    case WIRE_EVENTS_ON:
        l->events_off = h->command == WIRE_EVENTS_OFF;
        return true;
    case WIRE_ECHO:
        l->echoes++;
        return true;
    case WIRE_CREATE_CHAN:
        return note_channel(l, h, payload);
    case WIRE_CLEAR_CHANNEL:
        clear_channel(l, h->p1);
        return true;
    case WIRE_READ_NOTIFY:
        entry.kind = ASKED_READ;
        return add(l, &entry);
    case WIRE_EVENT_ADD:
        entry.kind = ASKED_SUBSCRIPTION;
        return add(l, &entry);
    case WIRE_EVENT_CANCEL:
        entry.kind = ASKED_CANCEL;
        return add(l, &entry);
    case WIRE_WRITE_NOTIFY:
        entry.kind = ASKED_PUT;
        return add(l, &entry);
    default:
        return true;
    }
}

bool asked_sent(struct asked *l, const uint8_t *bytes, size_t n)
{
    struct cursor cur = cursor_over(bytes, n);
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&cur, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK)
        if (!note(l, &h, payload))
            return false;
    return true;
}

void asked_fini(struct asked *l)
{
    free(l->at);
    *l = (struct asked){.n = 0};
}
