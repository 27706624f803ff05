#include "replay/fields.h"

#include "wire/dbr.h"

#define NAMES(type, count, p1, p2)                                                                                               \
    {                                                                                                                            \
        {                                                                                                                        \
            type, count, p1, p2                                                                                                  \
        }                                                                                                                        \
    }

static const struct field_names plain = NAMES("type", "count", "p1", "p2");
static const struct field_names confirmation = NAMES("type", "count", "sid", "subid");

static const struct field_names requests[WIRE_COMMANDS] = {
    [WIRE_VERSION] = NAMES("priority", "minor", "seq", "p2"),     [WIRE_EVENT_ADD] = NAMES("type", "count", "sid", "subid"),
    [WIRE_EVENT_CANCEL] = NAMES("type", "count", "sid", "subid"), [WIRE_READ] = NAMES("type", "count", "sid", "ioid"),
    [WIRE_WRITE] = NAMES("type", "count", "sid", "cid"),          [WIRE_SEARCH] = NAMES("reply", "minor", "p1", "cid"),
    [WIRE_CLEAR_CHANNEL] = NAMES("type", "count", "sid", "cid"),  [WIRE_READ_NOTIFY] = NAMES("type", "count", "sid", "ioid"),
    [WIRE_CREATE_CHAN] = NAMES("type", "count", "cid", "minor"),  [WIRE_WRITE_NOTIFY] = NAMES("type", "count", "sid", "ioid"),
};

static const struct field_names replies[WIRE_COMMANDS] = {
    [WIRE_VERSION] = NAMES("type", "minor", "seq", "p2"),
    [WIRE_EVENT_ADD] = NAMES("type", "count", "status", "subid"),
    [WIRE_READ] = NAMES("type", "count", "cid", "ioid"),
    [WIRE_SEARCH] = NAMES("port", "count", "address", "cid"),
    [WIRE_ERROR] = NAMES("type", "count", "cid", "status"),
    [WIRE_CLEAR_CHANNEL] = NAMES("type", "count", "sid", "cid"),
    [WIRE_NOT_FOUND] = NAMES("reply", "minor", "p1", "cid"),
    [WIRE_READ_NOTIFY] = NAMES("type", "count", "status", "ioid"),
    [WIRE_CREATE_CHAN] = NAMES("type", "count", "cid", "sid"),
    [WIRE_WRITE_NOTIFY] = NAMES("type", "count", "status", "ioid"),
    [WIRE_ACCESS_RIGHTS] = NAMES("type", "count", "cid", "rights"),
    [WIRE_CREATE_CH_FAIL] = NAMES("type", "count", "cid", "p2"),
    [WIRE_SERVER_DISCONN] = NAMES("type", "count", "cid", "p2"),
};

const struct field_names *field_names(unsigned command, enum field_direction direction)
{
    if (direction == FIELD_CONFIRM)
        return &confirmation;
    if (command >= WIRE_COMMANDS)
        return &plain;
    const struct field_names *names = direction == FIELD_REQUEST ? &requests[command] : &replies[command];
    return names->name[0] != NULL ? names : &plain;
}

int field_slot(unsigned command, enum field_direction direction, const char *key)
{
    const struct field_names *names = field_names(command, direction);
    for (int i = 0; i < FIELD_SLOTS; i++)
        if (strcmp(names->name[i], key) == 0 || strcmp(plain.name[i], key) == 0)
            return i;
    return -1;
}

bool field_has_dbr(unsigned command)
{
    switch (command) {
    case WIRE_EVENT_ADD:
    case WIRE_EVENT_CANCEL:
    case WIRE_READ:
    case WIRE_WRITE:
    case WIRE_READ_NOTIFY:
    case WIRE_WRITE_NOTIFY:
    case WIRE_CREATE_CHAN:
        return true;
    default:
        return false;
    }
}

int field_command(const char *name)
{
    for (int i = 0; i < WIRE_COMMANDS; i++) {
        const char *known = wire_command_name((unsigned)i);
        if (known != NULL && strcmp(known, name) == 0)
            return i;
    }
    return -1;
}

int field_dbr(const char *name)
{
    for (int i = 0; i < WIRE_TYPES; i++)
        if (strcmp(wire_types[i].name, name) == 0)
            return i;
    return -1;
}
