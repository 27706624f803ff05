#include "wire/likeness.h"

#include "wire/dbr.h"
#include "wire/value.h"

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

enum { NO_TYPE = 1, NO_COUNT = 2, NO_SIZE = 4, NO_P1 = 8, NO_P2 = 16, SIZE = 32, STATUS_P1 = 64, STATUS_P2 = 128 };
enum { NO_FIELDS = NO_TYPE | NO_COUNT | NO_P1 | NO_P2, NO_DBR = NO_TYPE | NO_COUNT };

/* What holds for a command's fields, by its sender (ca-protocol 2.1, 2.2). */
static const struct {
    unsigned client, server;
} strict[WIRE_COMMANDS] = {
    [WIRE_VERSION] = {NO_SIZE | NO_P1 | NO_P2, NO_SIZE | NO_P1 | NO_P2},
    [WIRE_EVENT_ADD] = {SIZE, 0}, /* without a payload it confirms a cancel, and has no status */
    [WIRE_EVENT_CANCEL] = {NO_SIZE, 0},
    [WIRE_READ] = {NO_SIZE, SIZE},
    [WIRE_WRITE] = {SIZE, 0},
    [WIRE_SEARCH] = {SIZE, 0},
    [WIRE_EVENTS_OFF] = {NO_FIELDS | NO_SIZE, 0},
    [WIRE_EVENTS_ON] = {NO_FIELDS | NO_SIZE, 0},
    [WIRE_READ_SYNC] = {NO_FIELDS | NO_SIZE, NO_FIELDS | NO_SIZE},
    [WIRE_ERROR] = {0, NO_DBR | SIZE | STATUS_P2},
    [WIRE_CLEAR_CHANNEL] = {NO_DBR | NO_SIZE, NO_DBR | NO_SIZE},
    [WIRE_READ_NOTIFY] = {NO_SIZE, STATUS_P1},
    [WIRE_CREATE_CHAN] = {NO_DBR | SIZE, NO_SIZE},
    [WIRE_WRITE_NOTIFY] = {SIZE, NO_SIZE | STATUS_P1},
    [WIRE_CLIENT_NAME] = {NO_FIELDS | SIZE, 0},
    [WIRE_HOST_NAME] = {NO_FIELDS | SIZE, 0},
    [WIRE_ACCESS_RIGHTS] = {0, NO_DBR | NO_SIZE},
    [WIRE_ECHO] = {NO_FIELDS | NO_SIZE, NO_FIELDS | NO_SIZE},
    [WIRE_CREATE_CH_FAIL] = {0, NO_DBR | NO_SIZE | NO_P2},
    [WIRE_SERVER_DISCONN] = {0, NO_DBR | NO_SIZE | NO_P2},
};

static bool obeys(const struct wire_header *h, unsigned rules)
{
    const bool breaks = (rules & NO_TYPE && h->type != 0) || (rules & NO_COUNT && h->count != 0) ||
                        (rules & NO_SIZE && h->size != 0) || (rules & NO_P1 && h->p1 != 0) || (rules & NO_P2 && h->p2 != 0) ||
                        (rules & SIZE && h->size == 0) || (rules & STATUS_P1 && wire_status_name(h->p1) == NULL) ||
                        (rules & STATUS_P2 && wire_status_name(h->p2) == NULL);
    return !breaks;
}

static bool client_says(const struct wire_header *h)
{
    return commands[h->command].only != LIKENESS_SERVER && obeys(h, strict[h->command].client) &&
           (h->command != WIRE_EVENT_ADD || h->size == EVENT_ADD_BYTES);
}

static bool server_says(const struct wire_header *h)
{
    const bool is_update = h->command == WIRE_EVENT_ADD && h->size > 0;
    return commands[h->command].only != LIKENESS_CLIENT && obeys(h, strict[h->command].server | (is_update ? STATUS_P1 : 0));
}

bool likeness_strictly(const struct wire_header *h, enum likeness_speaker speaker)
{
    return likeness_header(h) &&
           ((speaker != LIKENESS_SERVER && client_says(h)) || (speaker != LIKENESS_CLIENT && server_says(h)));
}

/* An EVENT_ADD of a client holds three floats, a mask and 2 bytes of padding; nearly all clients send the floats as zeros. */
static bool is_subscribing(const struct wire_header *h, const uint8_t *payload)
{
    static const uint8_t zeros[12];
    return h->size == EVENT_ADD_BYTES && memcmp(payload, zeros, sizeof zeros) == 0 && wire_get16(payload + 14) == 0 &&
           wire_get16(payload + 12) >= 1 && wire_get16(payload + 12) <= MASK_MAX;
}

/* Printable, at least one character, and zeros up to the end. */
static bool is_text(const uint8_t *payload, uint32_t size)
{
    const size_t length = wire_name_length(payload, size);
    for (size_t i = 0; i < size; i++)
        if (i < length ? payload[i] <= ' ' || payload[i] > '~' : payload[i] != 0)
            return false;
    return length > 0;
}

bool likeness_is_proven(const struct wire_header *h, const uint8_t *payload)
{
    switch (h->command) {
    case WIRE_EVENT_ADD:
        return is_subscribing(h, payload);
    case WIRE_CREATE_CHAN:
    case WIRE_SEARCH:
    case WIRE_CLIENT_NAME:
    case WIRE_HOST_NAME:
        return is_text(payload, h->size);
    default:
        return false;
    }
}

bool likeness_answers(const struct wire_header *reply, const struct wire_header *request)
{
    switch (reply->command) {
    case WIRE_READ:
    case WIRE_READ_NOTIFY:
    case WIRE_WRITE_NOTIFY:
        return request->command == reply->command && request->p2 == reply->p2 && request->type == reply->type;
    case WIRE_CLEAR_CHANNEL:
        return request->command == reply->command && request->p1 == reply->p1 && request->p2 == reply->p2;
    case WIRE_EVENT_ADD:
        return request->command == WIRE_EVENT_CANCEL && reply->size == 0 && request->p1 == reply->p1 && request->p2 == reply->p2;
    default:
        return false;
    }
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
