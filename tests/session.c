#include "session.h"

#include "hex.h"

#include <assert.h>
#include <string.h>

#define IMAGE_BYTES 614400u

static uint8_t bytes[IMAGE_BYTES + 64];

static void say_bytes(struct session *s, uint32_t circuit, bool from_server, size_t n)
{
    struct cursor c = cursor_over(bytes, n);
    struct wire_header h;
    struct dialogue_message m = {.header = &h, .from_server = from_server};
    while (wire_message_read(&c, dialogue_minor(s->d, circuit), &h, &m.payload, NULL) == WIRE_OK) {
        s->now_ns += 1000;
        m.first_ns = m.last_ns = s->now_ns;
        dialogue_message(s->d, circuit, &m);
    }
    assert(cursor_left(&c) == 0);
}

void session_says(struct session *s, uint32_t circuit, bool from_server, const char *hex)
{
    say_bytes(s, circuit, from_server, unhex(hex, bytes));
}

bool session_sends(struct session *s, uint16_t port, bool from_server, const char *hex)
{
    size_t n = unhex(hex, bytes);
    s->now_ns += 1000;
    if (from_server)
        return dialogue_datagram(s->d, SESSION_SERVER_ADDRESS, SESSION_SEARCH_PORT, SESSION_CLIENT_ADDRESS, port, bytes, n,
                                 s->now_ns);
    return dialogue_datagram(s->d, SESSION_CLIENT_ADDRESS, port, SESSION_SERVER_ADDRESS, SESSION_SEARCH_PORT, bytes, n,
                             s->now_ns);
}

uint32_t session_circuit(struct session *s, bool midway)
{
    const struct dialogue_endpoints ends = {SESSION_CLIENT_ADDRESS, SESSION_SERVER_ADDRESS, SESSION_CLIENT_PORT,
                                            SESSION_TCP_PORT};
    return dialogue_circuit_open(s->d, &ends, midway, s->now_ns);
}

static void say_image(struct session *s, uint32_t circuit)
{
    size_t n = unhex("0001ffff 00010000 00000001 00000002 00096000 0004b000 |", bytes);
    memset(bytes + n, 0, IMAGE_BYTES);
    say_bytes(s, circuit, true, n + IMAGE_BYTES);
}

static const struct {
    bool from_server;
    const char *hex;
} before_image[] =
    {
        {false, "00000000 0000000d 00000000 00000000 | 00140008 00000000 00000000 00000000 | 6f706900 00000000"
                "00150008 00000000 00000000 00000000 | 77733100 00000000"},
        {false, "00120008 00000000 00000001 0000000d | 53494d3a 41490000"},
        {true, "00000000 0000000d 00000000 00000000 |"},
        {true, "00160000 00000000 00000001 00000003 | 00120000 00060001 00000001 00000000 |"},
        {false, "000f0000 00140001 00000000 00000001 |"},
        {true, "000f0018 00140001 00000001 00000001 | 00000000 456771f7 0d9b92db 00000003 3ff80000 00000000"},
        {false, "00120010 00000000 00000002 0000000d | 53494d3a 494d4147 45000000 00000000"},
        {true, "00160000 00000000 00000002 00000003 | 0012ffff 00010000 00000002 00000001 00000000 0004b000 |"},
        {false, "0001ffff 00010000 00000001 00000002 00000010 0004b000 | 00000000 00000000 00000000 00050000"},
},
  after_image[] = {
      {false, "00020000 0001b000 00000001 00000002 |"}, {true, "0001ffff 00010000 00000001 00000002 00000000 0004b000 |"},
      {false, "00170000 00000000 00000000 00000000 |"}, {true, "00170000 00000000 00000000 00000000 |"},
      {false, "000c0000 00000000 00000001 00000002 |"}, {true, "000c0000 00000000 00000001 00000002 |"},
      {false, "000c0000 00000000 00000000 00000001 |"}, {true, "000c0000 00000000 00000000 00000001 |"},
};

void session_whole(struct session *s)
{
    session_sends(s, SESSION_CLIENT_PORT, false,
                  "00000000 0001000d 00000001 00000000 | 00060008 0005000d 00000001 00000001 | 53494d3a 41490000 "
                  "00060010 0005000d 00000002 00000002 | 53494d3a 494d4147 45000000 00000000");
    session_sends(s, SESSION_CLIENT_PORT, true,
                  "00000000 0001000d 00000001 00000000 | 00060008 3bd20000 ffffffff 00000001 | 000d0000 00000000 "
                  "00060008 3bd20000 ffffffff 00000002 | 000d0000 00000000");
    uint32_t circuit = session_circuit(s, false);
    for (size_t i = 0; i < sizeof before_image / sizeof *before_image; i++)
        session_says(s, circuit, before_image[i].from_server, before_image[i].hex);
    for (unsigned update = 0; update < 3; update++)
        say_image(s, circuit);
    for (size_t i = 0; i < sizeof after_image / sizeof *after_image; i++)
        session_says(s, circuit, after_image[i].from_server, after_image[i].hex);
    dialogue_circuit_close(s->d, circuit, s->now_ns + 5);
}
