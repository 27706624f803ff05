#include "wire/message.h"

/* Two looks at what is left, and not one a field: every message of a circuit or a capture comes by here. */
enum wire_err wire_header_read(struct cursor *cur, unsigned minor, struct wire_header *h)
{
    struct cursor c = *cur; /* a copy: never half moved */
    const uint8_t *at = cursor_bytes(&c, WIRE_HEADER_BYTES);
    if (at == NULL)
        return WIRE_SHORT;
    struct wire_header t = {.command = wire_get16(at),
                            .size = wire_get16(at + 2),
                            .type = wire_get16(at + 4),
                            .count = wire_get16(at + 6),
                            .p1 = wire_get32(at + 8),
                            .p2 = wire_get32(at + 12)};
    if (t.size == 0xffff && minor >= WIRE_MINOR_EXTENDED) {
        const uint8_t *more = cursor_bytes(&c, WIRE_EXTENDED_BYTES - WIRE_HEADER_BYTES);
        if (more == NULL)
            return WIRE_SHORT;
        t.size = wire_get32(more);
        t.count = wire_get32(more + 4);
    }
    *cur = c;
    *h = t;
    return WIRE_OK;
}

enum wire_err wire_message_read(struct cursor *cur, unsigned minor, struct wire_header *h, const uint8_t **payload,
                                uint64_t *need)
{
    struct cursor c = *cur;
    struct wire_header t;
    uint64_t whole = WIRE_HEADER_BYTES;
    const uint8_t *bytes = NULL;
    enum wire_err err = wire_header_read(&c, minor, &t);
    if (err == WIRE_OK) {
        whole = (uint64_t)(c.p - cur->p) + t.size;
        bytes = cursor_bytes(&c, t.size);
    } else if (cursor_left(cur) >= WIRE_HEADER_BYTES)
        whole = WIRE_EXTENDED_BYTES;
    if (need != NULL)
        *need = whole;
    if (c.err || err != WIRE_OK)
        return WIRE_SHORT;
    *cur = c;
    *h = t;
    *payload = bytes;
    return WIRE_OK;
}

size_t wire_header_write_extended(uint8_t *out, const struct wire_header *h)
{
    wire_put16(out, h->command);
    wire_put16(out + 2, 0xffff);
    wire_put16(out + 4, h->type);
    wire_put16(out + 6, 0);
    wire_put32(out + 8, h->p1);
    wire_put32(out + 12, h->p2);
    wire_put32(out + 16, h->size);
    wire_put32(out + 20, h->count);
    return WIRE_EXTENDED_BYTES;
}

size_t wire_header_write(uint8_t *out, const struct wire_header *h)
{
    if (h->size >= 0xffff || h->count >= 0xffff)
        return wire_header_write_extended(out, h);
    wire_put16(out, h->command);
    wire_put16(out + 2, (uint16_t)h->size);
    wire_put16(out + 4, h->type);
    wire_put16(out + 6, (uint16_t)h->count);
    wire_put32(out + 8, h->p1);
    wire_put32(out + 12, h->p2);
    return WIRE_HEADER_BYTES;
}

static const char *const command_names[WIRE_COMMANDS] = {
    [WIRE_VERSION] = "VERSION",
    [WIRE_EVENT_ADD] = "EVENT_ADD",
    [WIRE_EVENT_CANCEL] = "EVENT_CANCEL",
    [WIRE_READ] = "READ",
    [WIRE_WRITE] = "WRITE",
    [WIRE_SNAPSHOT] = "SNAPSHOT",
    [WIRE_SEARCH] = "SEARCH",
    [WIRE_BUILD] = "BUILD",
    [WIRE_EVENTS_OFF] = "EVENTS_OFF",
    [WIRE_EVENTS_ON] = "EVENTS_ON",
    [WIRE_READ_SYNC] = "READ_SYNC",
    [WIRE_ERROR] = "ERROR",
    [WIRE_CLEAR_CHANNEL] = "CLEAR_CHANNEL",
    [WIRE_RSRV_IS_UP] = "RSRV_IS_UP",
    [WIRE_NOT_FOUND] = "NOT_FOUND",
    [WIRE_READ_NOTIFY] = "READ_NOTIFY",
    [WIRE_READ_BUILD] = "READ_BUILD",
    [WIRE_REPEATER_CONFIRM] = "REPEATER_CONFIRM",
    [WIRE_CREATE_CHAN] = "CREATE_CHAN",
    [WIRE_WRITE_NOTIFY] = "WRITE_NOTIFY",
    [WIRE_CLIENT_NAME] = "CLIENT_NAME",
    [WIRE_HOST_NAME] = "HOST_NAME",
    [WIRE_ACCESS_RIGHTS] = "ACCESS_RIGHTS",
    [WIRE_ECHO] = "ECHO",
    [WIRE_REPEATER_REGISTER] = "REPEATER_REGISTER",
    [WIRE_SIGNAL] = "SIGNAL",
    [WIRE_CREATE_CH_FAIL] = "CREATE_CH_FAIL",
    [WIRE_SERVER_DISCONN] = "SERVER_DISCONN",
};

const char *wire_command_name(unsigned command)
{
    return command < WIRE_COMMANDS ? command_names[command] : "UNKNOWN";
}

bool wire_names_channel(unsigned command)
{
    switch (command) {
    case WIRE_EVENT_ADD:
    case WIRE_EVENT_CANCEL:
    case WIRE_READ:
    case WIRE_WRITE:
    case WIRE_CLEAR_CHANNEL:
    case WIRE_READ_NOTIFY:
    case WIRE_WRITE_NOTIFY:
        return true;
    default:
        return false;
    }
}

size_t wire_name_length(const uint8_t *payload, uint32_t size)
{
    return size == 0 ? 0 : strnlen((const char *)payload, size - 1);
}
