/* One request of a written dialogue -> bytes. The form is in replay/script.h. */
#include "replay/script_parts.h"

#include "replay/fields.h"
#include "wire/dbr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_MAX (16u << 20)

/* A request on its way to bytes. */
struct draft {
    const struct script_context *context;
    struct diag *diag;
    struct wire_header header;
    bool extended, has_size, has_p1, has_sid;
    struct script_sid sid;
    uint8_t *payload;
    size_t size;
};

static int need_memory(const struct draft *d)
{
    return script_fail(d->context, d->diag, "out of memory");
}

static int take_payload(struct draft *d, const void *bytes, size_t n, size_t padded)
{
    if (d->payload != NULL)
        return script_fail(d->context, d->diag, "a second payload");
    d->payload = arena_bytes(&d->context->script->arena, padded + 1);
    if (d->payload == NULL)
        return need_memory(d);
    if (bytes != NULL)
        memcpy(d->payload, bytes, n);
    d->size = padded;
    return 0;
}

/* ---- payloads ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_hex(struct draft *d, const char *hex)
{
    size_t digits = strlen(hex);
    if (digits % 2 != 0 || strspn(hex, "0123456789abcdef") != digits)
        return script_fail(d->context, d->diag, "payload=%.40s: pairs of lower-case hex digits expected", hex);
    if (take_payload(d, NULL, 0, digits / 2) < 0)
        return -1;
    for (size_t i = 0; i < digits / 2; i++)
        d->payload[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return 0;
}

static int take_mask(struct draft *d, const char *text)
{
    uint8_t payload[16] = {0};
    uint64_t mask;
    if (!words_number(text, UINT16_MAX, &mask))
        return script_fail(d->context, d->diag, "mask=%s: a number from 0 to 65535 expected", text);
    wire_put16(payload + 12, (uint16_t)mask);
    return take_payload(d, payload, sizeof payload, sizeof payload);
}

static int put_number(const struct draft *d, const char *word, unsigned base, uint8_t *out)
{
    char *end;
    double real = strtod(word, &end);
    long long whole = strtoll(word, NULL, 0);
    if (*end != '\0' || end == word)
        return script_fail(d->context, d->diag, "value '%s': a number expected", word);
    float narrow = (float)real;
    uint32_t bits32;
    uint64_t bits64;
    memcpy(&bits32, &narrow, sizeof bits32);
    memcpy(&bits64, &real, sizeof bits64);
    switch (base) {
    case WIRE_CHAR:
        *out = (uint8_t)whole;
        break;
    case WIRE_INT16:
    case WIRE_ENUM:
        wire_put16(out, (uint16_t)whole);
        break;
    case WIRE_INT32:
        wire_put32(out, (uint32_t)whole);
        break;
    case WIRE_FLOAT:
        wire_put32(out, bits32);
        break;
    default:
        wire_put64(out, bits64);
    }
    return 0;
}

static int put_element(const struct draft *d, char *word, unsigned base, uint8_t *out)
{
    if (base != WIRE_STRING)
        return put_number(d, word, base, out);
    size_t n;
    const char *text = words_quoted(word, &n);
    if (text == NULL)
        return script_fail(d->context, d->diag, "value %s: a text in quotes expected", word);
    memcpy(out, text, n < WIRE_STRING_BYTES ? n : WIRE_STRING_BYTES);
    return 0;
}

/* value=[...] in the request's DBR type; a single text is sent as libca does: its characters and the NUL. */
static int take_values(struct draft *d, const char *list)
{
    unsigned type = d->header.type < WIRE_TYPES ? d->header.type : WIRE_DOUBLE;
    size_t n = strlen(list), size = wire_types[type].size, offset = wire_types[type].offset;
    if (n < 2 || list[0] != '[' || list[n - 1] != ']')
        return script_fail(d->context, d->diag, "value=[...] expected, not value=%.40s", list);
    char *copy = arena_bytes(&d->context->script->arena, n);
    struct words *words = malloc(sizeof *words);
    if (copy == NULL || words == NULL) {
        free(words);
        return need_memory(d);
    }
    memcpy(copy, list + 1, n - 2);
    int result = words_split(copy, words) ? 0 : script_fail(d->context, d->diag, "more than %d values", WORDS_MAX);
    size_t bytes = offset + size * words->n;
    if (result == 0)
        result = take_payload(d, NULL, 0, (size_t)wire_pad8(bytes));
    for (size_t i = 0; i < words->n && result == 0; i++)
        result = put_element(d, words->at[i], wire_types[type].base, d->payload + offset + size * i);
    if (result == 0 && type == WIRE_STRING && words->n == 1)
        d->size = (size_t)wire_pad8(strnlen((char *)d->payload, WIRE_STRING_BYTES - 1) + 1);
    free(words);
    return result;
}

/* ---- header fields ---- */

static int parse_sid(const struct draft *d, const char *text, struct script_sid *sid)
{
    *sid = (struct script_sid){.circuit = d->context->place};
    if (*text >= 'A' && *text < 'A' + SCRIPT_CIRCUITS)
        sid->circuit = (unsigned)(*text++ - 'A');
    uint64_t cid;
    if (!words_number(text, UINT32_MAX, &cid))
        return script_fail(d->context, d->diag, "'@%s': @CID or @CIRCUIT and CID expected (examples: @1, @B1)", text);
    sid->cid = (uint32_t)cid;
    return 0;
}

static bool named_number(const struct draft *d, int slot, const char *text, uint64_t *number)
{
    int dbr = field_has_dbr(d->header.command) && slot == FIELD_TYPE ? field_dbr(text) : -1;
    if (dbr >= 0)
        *number = (uint64_t)dbr;
    else if (slot == FIELD_TYPE && strcmp(text, "DOREPLY") == 0)
        *number = WIRE_DO_REPLY;
    else if (slot == FIELD_TYPE && strcmp(text, "DONTREPLY") == 0)
        *number = WIRE_DONT_REPLY;
    else
        return false;
    return true;
}

static int set_slot(struct draft *d, int slot, const char *text)
{
    uint64_t number, most = slot == FIELD_TYPE ? UINT16_MAX : UINT32_MAX;
    if (slot == FIELD_P1 && *text == '@') {
        d->has_sid = true;
        return parse_sid(d, text + 1, &d->sid);
    }
    if (!named_number(d, slot, text, &number) && !words_number(text, most, &number))
        return script_fail(d->context, d->diag, "'%s': a number from 0 to %ju expected", text, (uintmax_t)most);
    switch (slot) {
    case FIELD_TYPE:
        d->header.type = (uint16_t)number;
        break;
    case FIELD_COUNT:
        d->header.count = (uint32_t)number;
        break;
    case FIELD_P1:
        d->header.p1 = (uint32_t)number;
        d->has_p1 = true;
        break;
    default:
        d->header.p2 = (uint32_t)number;
    }
    return 0;
}

static int take_pair(struct draft *d, char *word, char *equals)
{
    uint64_t number;
    const char *text = equals + 1;
    *equals = '\0';
    int slot = field_slot(d->header.command, FIELD_REQUEST, word);
    if (slot >= 0)
        return set_slot(d, slot, text);
    if (strcmp(word, "value") == 0)
        return take_values(d, text);
    if (strcmp(word, "payload") == 0)
        return take_hex(d, text);
    if (strcmp(word, "mask") == 0)
        return take_mask(d, text);
    bool is_zeros = strcmp(word, "zeros") == 0;
    if (!is_zeros && strcmp(word, "size") != 0)
        return script_fail(d->context, d->diag, "%s has no field '%s'", wire_command_name(d->header.command), word);
    if (!words_number(text, is_zeros ? PAYLOAD_MAX : UINT32_MAX, &number))
        return script_fail(d->context, d->diag, "%s=%s: a number expected", word, text);
    if (is_zeros)
        return take_payload(d, NULL, 0, (size_t)number);
    d->header.size = (uint32_t)number;
    d->has_size = true;
    return 0;
}

static int take_word(struct draft *d, char *word)
{
    size_t n;
    char *text = words_quoted(word, &n);
    if (text != NULL)
        return take_payload(d, text, n, (size_t)wire_pad8(n + 1));
    char *equals = strchr(word, '=');
    if (equals != NULL)
        return take_pair(d, word, equals);
    if (strcmp(word, "ext") != 0)
        return script_fail(d->context, d->diag, "'%s': KEY=VALUE, \"text\" or ext expected", word);
    d->extended = true;
    return 0;
}

/* ---- the whole ---- */

/* What counts up in a row of requests. */
static void number_row(struct draft *d, uint32_t index)
{
    if (d->header.command == WIRE_CREATE_CHAN)
        d->header.p1 += index;
    else if (d->header.command != WIRE_WRITE && d->header.command != WIRE_VERSION)
        d->header.p2 += index;
    if (d->header.command == WIRE_SEARCH && !d->has_p1)
        d->header.p1 = d->header.p2;
}

static int finish(struct draft *d, struct script_request *request)
{
    uint8_t header[WIRE_EXTENDED_BYTES];
    struct arena *arena = &d->context->script->arena;
    if (!d->has_size)
        d->header.size = (uint32_t)d->size;
    size_t n = d->extended ? wire_header_write_extended(header, &d->header) : wire_header_write(header, &d->header);
    request->bytes = arena_bytes(arena, n + d->size);
    request->sids = arena_bytes(arena, sizeof *request->sids);
    if (request->bytes == NULL || request->sids == NULL)
        return need_memory(d);
    memcpy(request->bytes, header, n);
    if (d->size > 0)
        memcpy(request->bytes + n, d->payload, d->size);
    request->size = n + d->size;
    if (d->has_sid) {
        d->sid.at = 8;
        request->sids[request->nsids++] = d->sid;
    }
    return 0;
}

/* `> hex 00170000 @1 ...` */
static int take_bytes(struct draft *d, const struct words *words, size_t first, struct script_request *request)
{
    struct arena *arena = &d->context->script->arena;
    size_t room = 0;
    for (size_t i = first; i < words->n; i++)
        room += strlen(words->at[i]) / 2 + 4;
    request->bytes = arena_bytes(arena, room + 1);
    request->sids = arena_bytes(arena, (words->n + 1) * sizeof *request->sids);
    if (request->bytes == NULL || request->sids == NULL)
        return need_memory(d);
    for (size_t i = first; i < words->n; i++) {
        if (words->at[i][0] == '@') {
            struct script_sid *sid = &request->sids[request->nsids++];
            if (parse_sid(d, words->at[i] + 1, sid) < 0)
                return -1;
            sid->at = request->size;
            request->size += 4;
            continue;
        }
        d->payload = NULL;
        if (take_hex(d, words->at[i]) < 0)
            return -1;
        memcpy(request->bytes + request->size, d->payload, d->size);
        request->size += d->size;
    }
    return 0;
}

int script_request(const struct script_context *context, const struct words *words, size_t first, uint32_t index,
                   struct script_request *request, struct diag *diag)
{
    struct draft d = {.context = context, .diag = diag};
    uint64_t number;
    *request = (struct script_request){.line = context->line};
    if (first >= words->n)
        return script_fail(context, diag, "a command expected");
    if (strcmp(words->at[first], "hex") == 0)
        return take_bytes(&d, words, first + 1, request);
    int command = field_command(words->at[first]);
    if (command < 0 && !words_number(words->at[first], UINT16_MAX, &number))
        return script_fail(context, diag, "'%s' is no command: a name (READ_NOTIFY...), a number or hex expected",
                           words->at[first]);
    d.header.command = command >= 0 ? (uint16_t)command : (uint16_t)number;
    for (size_t i = first + 1; i < words->n; i++) {
        char *copy = arena_bytes(&context->script->arena, strlen(words->at[i]) + 1);
        if (copy == NULL)
            return need_memory(&d);
        strcpy(copy, words->at[i]); /* a row takes the words again */
        if (take_word(&d, copy) < 0)
            return -1;
    }
    number_row(&d, index);
    return finish(&d, request);
}
