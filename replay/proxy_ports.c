#include "replay/proxy_ports.h"

#include "wire/message.h"

enum { TYPE_AT = 4 }; /* of a header */

size_t proxy_ports_pass(struct proxy_ports *p, uint8_t *bytes, size_t n, uint16_t port)
{
    size_t at = 0;
    while (at < n) {
        if (p->skip > 0) {
            size_t part = p->skip < n - at ? (size_t)p->skip : n - at;
            p->skip -= part;
            at += part;
            continue;
        }
        struct cursor c = cursor_over(bytes + at, n - at);
        struct wire_header h;
        if (wire_header_read(&c, WIRE_MINOR, &h) != WIRE_OK)
            return at;
        if (h.command == WIRE_SEARCH && h.p1 == UINT32_MAX) /* "where this circuit goes"; another address is not ours */
            wire_put16(bytes + at + TYPE_AT, port);
        at = n - cursor_left(&c);
        p->skip = h.size;
    }
    return n;
}
