#include "capture/segments.h"

#include "wire/cursor.h"

#include <string.h>

enum { ETHERNET = 14, IP = 20, UDP = 8, TCP = 20, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

/* RFC 1071, not yet folded. */
static uint32_t add_words(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    return n % 2 ? sum + (uint32_t)(p[n - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Locally administered addresses, made of the IPv4 addresses. */
static void put_ethernet(uint8_t *out, const struct segment *s)
{
    wire_put16(out, 0x0200);
    wire_put32(out + 2, s->to_address);
    wire_put16(out + 6, 0x0200);
    wire_put32(out + 8, s->from_address);
    wire_put16(out + 12, 0x0800);
}

static void put_ip(uint8_t *out, const struct segment *s, uint16_t length)
{
    wire_put16(out, 0x4500);
    wire_put16(out + 2, length);
    wire_put16(out + 4, s->number);
    wire_put16(out + 6, 0x4000); /* is not to be fragmented */
    wire_put16(out + 8, (uint16_t)(64 << 8 | (s->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP)));
    wire_put16(out + 10, 0);
    wire_put32(out + 12, s->from_address);
    wire_put32(out + 16, s->to_address);
    wire_put16(out + 10, fold(add_words(0, out, IP)));
}

static size_t put_transport(uint8_t *out, const struct segment *s)
{
    wire_put16(out, s->from_port);
    wire_put16(out + 2, s->to_port);
    if (!s->is_tcp) {
        wire_put16(out + 4, (uint16_t)(UDP + s->n));
        wire_put16(out + 6, 0);
        return UDP;
    }
    wire_put32(out + 4, s->sequence);
    wire_put32(out + 8, s->flags & SEGMENTS_ACK ? s->acknowledged : 0);
    wire_put16(out + 12, (uint16_t)(TCP / 4 << 12 | s->flags));
    wire_put16(out + 14, 0xffff); /* window */
    wire_put32(out + 16, 0);      /* checksum, urgent */
    return TCP;
}

size_t segments_frame(uint8_t *out, const struct segment *s)
{
    uint8_t *ip = out + ETHERNET, *transport = ip + IP;
    const size_t head = put_transport(transport, s), n = head + s->n;
    if (s->n > 0)
        memcpy(transport + head, s->payload, s->n);
    put_ethernet(out, s);
    put_ip(ip, s, (uint16_t)(IP + n));
    uint32_t sum = add_words((uint32_t)(s->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP) + (uint32_t)n, ip + 12, 8);
    const uint16_t checksum = fold(add_words(sum, transport, n));
    wire_put16(transport + (s->is_tcp ? 16 : 6), checksum == 0 && !s->is_tcp ? 0xffff : checksum);
    return ETHERNET + IP + n;
}
