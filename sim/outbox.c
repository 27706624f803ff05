#include "sim/outbox.h"

#include <stdlib.h>

static const uint8_t zeros[8];

int outbox_init(struct outbox *out, struct memory *memory)
{
    *out = (struct outbox){.bytes = malloc(OUTBOX_BYTES), .room = OUTBOX_BYTES, .memory = memory};
    return out->bytes != NULL ? 0 : -1;
}

void outbox_fini(struct outbox *out)
{
    if (out->payload != NULL)
        payload_unref(out->payload);
    if (out->bytes != NULL)
        memory_give(out->memory, out->room - OUTBOX_BYTES);
    free(out->bytes);
    *out = (struct outbox){0};
}

static enum outbox_err resize(struct outbox *out, uint64_t n)
{
    uint64_t room = (n + 4095) & ~UINT64_C(4095);
    uint8_t *bytes = memory_resize(out->memory, out->bytes, out->room, room);
    if (bytes == NULL)
        return OUTBOX_NEVER;
    out->bytes = bytes;
    out->room = (size_t)room;
    return OUTBOX_OK;
}

enum outbox_err outbox_reserve(struct outbox *out, uint64_t n, uint8_t **at)
{
    bool is_empty = outbox_is_empty(out);
    if (!is_empty && (out->payload != NULL || out->end + n > OUTBOX_BYTES || out->notes == OUTBOX_NOTES))
        return OUTBOX_LATER;
    if (is_empty)
        out->begin = out->end = 0;
    if (out->end + n > out->room && resize(out, n) != OUTBOX_OK)
        return OUTBOX_NEVER;
    *at = out->bytes + out->end;
    return OUTBOX_OK;
}

void outbox_add(struct outbox *out, size_t n)
{
    out->end += n;
}

void outbox_attach(struct outbox *out, struct payload *payload, uint64_t size)
{
    out->payload = payload;
    out->payload_at = 0;
    out->payload_size = size;
}

static bool is_alike(const struct outbox_note *a, const struct outbox_note *b)
{
    return a->due_ns == b->due_ns && a->asked_ns == b->asked_ns && a->class == b->class;
}

/* outbox_reserve() has seen to it that there is room. */
void outbox_remember(struct outbox *out, const struct outbox_note *note)
{
    struct outbox_note *last = out->notes > 0 ? &out->note[out->notes - 1] : NULL;
    if (last != NULL && is_alike(last, note))
        last->messages += note->messages;
    else if (out->notes < OUTBOX_NOTES)
        out->note[out->notes++] = *note;
}

int outbox_view(const struct outbox *out, struct iovec pieces[OUTBOX_PIECES])
{
    int n = 0;
    if (out->begin < out->end)
        pieces[n++] = (struct iovec){out->bytes + out->begin, out->end - out->begin};
    if (out->payload == NULL)
        return n;
    uint64_t at = out->payload_at, values = out->payload->length;
    if (at < values)
        pieces[n++] = (struct iovec){(void *)(uintptr_t)(out->payload->bytes + at), (size_t)(values - at)};
    uint64_t padded_from = at > values ? at : values;
    if (padded_from < out->payload_size)
        pieces[n++] = (struct iovec){(void *)(uintptr_t)zeros, (size_t)(out->payload_size - padded_from)};
    return n;
}

void outbox_sent(struct outbox *out, size_t n)
{
    size_t small = n < out->end - out->begin ? n : out->end - out->begin;
    out->begin += small;
    if (out->begin == out->end && out->room > LIMIT_KEPT_BYTES && resize(out, OUTBOX_BYTES) == OUTBOX_OK)
        out->begin = out->end = 0;
    if (out->payload == NULL)
        return;
    out->payload_at += n - small;
    if (out->payload_at < out->payload_size) {
        payload_settle(out->payload);
        return;
    }
    payload_unref(out->payload);
    out->payload = NULL;
}
