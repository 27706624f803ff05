/* What wire/ makes of a value, for tests in other languages: commands on stdin, one a line, one line of answer each.
 *
 *     reset                                     forget value and metadata           -> ok
 *     decode TYPE COUNT HEX                     learn from a reply's payload        -> ok | malformed
 *     encode TYPE COUNT                         the payload for a request           -> STATUS HEX
 *     put TYPE COUNT BASE ROOM HEX              a put to a PV of native type BASE   -> STATUS ELEMENTS HEX
 *     text MOST                                 the value for people                -> NUMBER TEXT
 *
 * HEX may be "-": no bytes. */
#include "wire/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES (1 << 22)

static struct wire_value value;
static struct wire_meta meta;
static uint8_t payload[LINE_BYTES / 2], kept[LINE_BYTES / 2], out[1 << 23];
static char line[LINE_BYTES];

static size_t unhex(const char *hex, uint8_t *bytes)
{
    size_t n = 0;
    unsigned byte;
    for (; *hex != '\0' && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        bytes[n++] = (uint8_t)byte;
    return n;
}

static void print_hex(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", bytes[i]);
    printf(n == 0 ? "-\n" : "\n");
}

static void decode(unsigned type, uint32_t count, const char *hex)
{
    size_t n = unhex(hex, kept);
    size_t head = type < WIRE_TYPES && wire_types[type].offset < n ? wire_types[type].offset : n;
    enum wire_err err = wire_decode(type, count, kept, head, kept + head, n - head, &value, &meta);
    puts(err == WIRE_OK ? "ok" : "malformed");
}

static void encode(unsigned type, uint32_t count)
{
    memset(out, 0xee, sizeof out);
    uint32_t status = wire_encode(type, count, &value, &meta, out);
    printf("%u ", status);
    print_hex(out, (size_t)wire_dbr_padded(type, count));
}

static void put(unsigned type, uint32_t count, uint8_t base, uint32_t room, const char *hex)
{
    uint32_t n = 0;
    uint32_t size = (uint32_t)unhex(hex, payload);
    uint32_t status = wire_put_convert(type, count, payload, size, base, &meta, out, room, &n);
    printf("%u %u ", status, n);
    print_hex(out, n * wire_base_size((enum wire_base)base));
}

static void text(uint32_t most)
{
    char shown[1000];
    wire_value_text(&value, most, shown, sizeof shown);
    printf("%.17g %s\n", wire_value_number(&value), shown);
}

static bool answer(void)
{
    static char hex[LINE_BYTES];
    unsigned type, count, base, room;
    if (strcmp(line, "reset\n") == 0) {
        value = (struct wire_value){0};
        wire_meta_init(&meta);
        puts("ok");
    } else if (sscanf(line, "decode %u %u %s", &type, &count, hex) == 3)
        decode(type, count, hex);
    else if (sscanf(line, "encode %u %u", &type, &count) == 2)
        encode(type, count);
    else if (sscanf(line, "put %u %u %u %u %s", &type, &count, &base, &room, hex) == 5)
        put(type, count, (uint8_t)base, room, hex);
    else if (sscanf(line, "text %u", &count) == 1)
        text(count);
    else
        return false;
    return true;
}

int main(void)
{
    wire_meta_init(&meta);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!answer()) {
            fprintf(stderr, "encode_tool: not a command: %s", line);
            return 2;
        }
        fflush(stdout);
    }
    return 0;
}
