#include "capture/likeness.h"

#include "wire/dbr.h"

enum { PRIORITY_MAX = 99, MINOR_MAX = 99, MASK_MAX = 255, EVENT_ADD_BYTES = 16 };

/* What is known of a command on TCP: its only sender, if there is one, and whether `type` is a DBR type. */
static const struct {
    bool known, has_dbr;
    enum likeness_speaker only;
} commands[WIRE_COMMANDS] = {
    [WIRE_VERSION] = {true, false, LIKENESS_UNKNOWN},       [WIRE_EVENT_ADD] = {true, true, LIKENESS_UNKNOWN},
    [WIRE_EVENT_CANCEL] = {true, true, LIKENESS_CLIENT},    [WIRE_READ] = {true, true, LIKENESS_UNKNOWN},
    [WIRE_WRITE] = {true, true, LIKENESS_CLIENT},           [WIRE_SEARCH] = {true, false, LIKENESS_UNKNOWN},
    [WIRE_EVENTS_OFF] = {true, false, LIKENESS_CLIENT},     [WIRE_EVENTS_ON] = {true, false, LIKENESS_CLIENT},
    [WIRE_READ_SYNC] = {true, false, LIKENESS_UNKNOWN},     [WIRE_ERROR] = {true, false, LIKENESS_SERVER},
    [WIRE_CLEAR_CHANNEL] = {true, false, LIKENESS_UNKNOWN}, [WIRE_NOT_FOUND] = {true, false, LIKENESS_SERVER},
    [WIRE_READ_NOTIFY] = {true, true, LIKENESS_UNKNOWN},    [WIRE_CREATE_CHAN] = {true, false, LIKENESS_UNKNOWN},
    [WIRE_WRITE_NOTIFY] = {true, true, LIKENESS_UNKNOWN},   [WIRE_CLIENT_NAME] = {true, false, LIKENESS_CLIENT},
    [WIRE_HOST_NAME] = {true, false, LIKENESS_CLIENT},      [WIRE_ACCESS_RIGHTS] = {true, false, LIKENESS_SERVER},
    [WIRE_ECHO] = {true, false, LIKENESS_UNKNOWN},          [WIRE_CREATE_CH_FAIL] = {true, false, LIKENESS_SERVER},
    [WIRE_SERVER_DISCONN] = {true, false, LIKENESS_SERVER},
};

/* Servers may send fewer elements than the header says (ca-protocol 11.3), none sends more. A client's EVENT_ADD brings its mask.
 */
static bool fits_type(const struct wire_header *h)
{
    if (h->type >= WIRE_TYPES)
        return false;
    bool subscribes = h->command == WIRE_EVENT_ADD && h->size == EVENT_ADD_BYTES;
    return subscribes || h->size <= wire_dbr_padded(h->type, h->count);
}

bool likeness_header(const struct wire_header *h)
{
    if (h->command >= WIRE_COMMANDS || !commands[h->command].known || h->size % 8 != 0)
        return false;
    if (commands[h->command].has_dbr && !fits_type(h))
        return false;
    if (h->command == WIRE_VERSION) /* zeros are no version: count is the minor, never 0 */
        return h->size == 0 && h->type <= PRIORITY_MAX && h->count >= 1 && h->count <= MINOR_MAX;
    return h->command != WIRE_ACCESS_RIGHTS || (h->size == 0 && h->p2 <= (WIRE_RIGHT_READ | WIRE_RIGHT_WRITE));
}

bool likeness_messages(const uint8_t *bytes, size_t n)
{
    struct cursor c = cursor_over(bytes, n);
    struct wire_header h;
    bool any = false;
    while (wire_header_read(&c, WIRE_MINOR, &h) == WIRE_OK) {
        if (!likeness_header(&h))
            return false;
        any = true;
        if (cursor_bytes(&c, h.size) == NULL)
            break;
    }
    return any;
}

/* An EVENT_ADD of a client holds three floats, a mask and 2 bytes of padding; nearly all clients send the floats as zeros. */
static bool is_subscribing(const struct wire_header *h, const uint8_t *payload)
{
    static const uint8_t zeros[12];
    return h->size == EVENT_ADD_BYTES && memcmp(payload, zeros, sizeof zeros) == 0 && wire_get16(payload + 14) == 0 &&
           wire_get16(payload + 12) >= 1 && wire_get16(payload + 12) <= MASK_MAX;
}

enum likeness_speaker likeness_speaker(const struct wire_header *h, const uint8_t *payload)
{
    switch (h->command) {
    case WIRE_EVENT_ADD:
        if (h->size == EVENT_ADD_BYTES)
            return is_subscribing(h, payload) ? LIKENESS_CLIENT : LIKENESS_SERVER;
        return LIKENESS_SERVER;
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
        return h->size == 0 ? LIKENESS_CLIENT : LIKENESS_SERVER;
    case WIRE_WRITE_NOTIFY: /* its reply is bare */
    case WIRE_CREATE_CHAN:
    case WIRE_SEARCH:
        return h->size == 0 ? LIKENESS_SERVER : LIKENESS_CLIENT;
    default:
        return h->command < WIRE_COMMANDS ? commands[h->command].only : LIKENESS_UNKNOWN;
    }
}
