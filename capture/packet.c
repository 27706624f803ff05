#include "capture/packet.h"

enum { TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd, TYPE_VLAN = 0x8100, TYPE_QINQ = 0x88a8, TYPE_QINQ_OLD = 0x9100 };
enum { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };
enum { FAMILY_INET = 2 };
enum { FAMILY_INET6_NETBSD = 24, FAMILY_INET6_FREEBSD = 28, FAMILY_INET6_DARWIN = 30 };
enum { MORE_FRAGMENTS = 0x2000, FRAGMENT_OFFSET = 0x1fff }; /* of IPv4's flags and offset */
enum { VLAN_TAGS_MAX = 4 };
enum { IPV4_BYTES = 20, TCP_BYTES = 20, UDP_BYTES = 8 }; /* headers without options */

enum packet_link packet_link(unsigned number)
{
    switch (number) {
    case 0:
        return PACKET_NULL;
    case 1:
        return PACKET_ETHERNET;
    case 101: /* RAW */
    case 228: /* IPV4 */
        return PACKET_RAW;
    case 108:
        return PACKET_LOOP;
    case 113:
        return PACKET_COOKED;
    case 276:
        return PACKET_COOKED_2;
    default:
        return PACKET_UNKNOWN_LINK;
    }
}

static void skip(struct cursor *c, size_t n)
{
    (void)cursor_bytes(c, n);
}

/* The family is in the byte order of the host that captured, which may not be ours: 2 reads as 2 in one of them. */
static uint16_t null_type(struct cursor *c)
{
    const uint32_t read = cursor_u32(c), family = read <= UINT8_MAX ? read : (read & 0xffffff) == 0 ? read >> 24 : 0;
    switch (family) {
    case FAMILY_INET:
        return TYPE_IPV4;
    case FAMILY_INET6_NETBSD:
    case FAMILY_INET6_FREEBSD:
    case FAMILY_INET6_DARWIN:
        return TYPE_IPV6;
    default:
        return 0;
    }
}

/* Move over the link layer's header; the Ethernet type of what follows. */
static uint16_t read_link(struct cursor *c, enum packet_link link)
{
    uint16_t type;
    switch (link) {
    case PACKET_ETHERNET:
        skip(c, 12);
        return cursor_u16(c);
    case PACKET_COOKED:
        skip(c, 14);
        return cursor_u16(c);
    case PACKET_COOKED_2:
        type = cursor_u16(c);
        skip(c, 18);
        return type;
    case PACKET_NULL:
    case PACKET_LOOP:
        return null_type(c);
    case PACKET_RAW:
        return TYPE_IPV4; /* the version field has the last word */
    case PACKET_UNKNOWN_LINK:
        break;
    }
    return 0;
}

static uint16_t read_tags(struct cursor *c, uint16_t type)
{
    for (int tags = 0; tags < VLAN_TAGS_MAX && (type == TYPE_VLAN || type == TYPE_QINQ || type == TYPE_QINQ_OLD); tags++) {
        skip(c, 2);
        type = cursor_u16(c);
    }
    return type;
}

/* Leave *c over the n bytes that a length field promises, without what the link layer put behind them. False if fewer were
 * captured: then all that is left. */
static bool narrow(struct cursor *c, size_t n)
{
    if (n > cursor_left(c))
        return false;
    c->end = c->p + n;
    return true;
}

static enum packet_kind read_udp(struct cursor *c, struct packet *packet)
{
    const uint8_t *at = cursor_bytes(c, UDP_BYTES);
    if (at == NULL)
        return PACKET_BROKEN;
    packet->from_port = wire_get16(at);
    packet->to_port = wire_get16(at + 2);
    const uint16_t length = wire_get16(at + 4);
    if (length < UDP_BYTES)
        return PACKET_BROKEN;
    packet->cut |= !narrow(c, length - (size_t)UDP_BYTES);
    return PACKET_UDP;
}

static enum packet_kind read_tcp(struct cursor *c, struct packet *packet)
{
    const uint8_t *at = cursor_bytes(c, TCP_BYTES);
    if (at == NULL)
        return PACKET_BROKEN;
    packet->from_port = wire_get16(at);
    packet->to_port = wire_get16(at + 2);
    packet->seq = wire_get32(at + 4);
    packet->ack = wire_get32(at + 8);
    packet->flags = at[13];
    const size_t header = (size_t)(at[12] >> 4) * 4;
    if (header < TCP_BYTES)
        return PACKET_BROKEN;
    skip(c, header - TCP_BYTES);
    return c->err ? PACKET_BROKEN : PACKET_TCP;
}

static enum packet_kind read_transport(struct cursor *c, unsigned protocol, struct packet *packet)
{
    return protocol == PROTOCOL_UDP ? read_udp(c, packet) : read_tcp(c, packet);
}

static enum packet_kind read_ipv4(struct cursor *c, struct packet *packet)
{
    const uint8_t *at = cursor_bytes(c, IPV4_BYTES);
    if (at == NULL)
        return PACKET_BROKEN;
    const size_t header = (size_t)(at[0] & 15) * 4;
    const uint16_t total = wire_get16(at + 2), id = wire_get16(at + 4), fragment = wire_get16(at + 6);
    const uint8_t protocol = at[9];
    packet->from_address = wire_get32(at + 12);
    packet->to_address = wire_get32(at + 16);
    if (at[0] >> 4 != 4)
        return at[0] >> 4 == 6 ? PACKET_IPV6 : PACKET_NOT_IP;
    if (protocol != PROTOCOL_UDP && protocol != PROTOCOL_TCP)
        return PACKET_OTHER_PROTOCOL;
    if (header < IPV4_BYTES || (total != 0 && total < header))
        return PACKET_BROKEN;
    if (total != 0) /* 0: too large for the field, as segmentation offload leaves it */
        packet->cut = !narrow(c, total - (size_t)IPV4_BYTES);
    skip(c, header - IPV4_BYTES);
    if ((fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET)) == 0)
        return read_transport(c, protocol, packet);
    packet->fragment = (struct packet_fragment){id, protocol, fragment & MORE_FRAGMENTS, (fragment & FRAGMENT_OFFSET) * 8u};
    return c->err ? PACKET_BROKEN : PACKET_FRAGMENT;
}

/* What the cursor has left is the payload. */
static enum packet_kind conclude(struct cursor *c, enum packet_kind kind, struct packet *found, struct packet *packet)
{
    if (kind != PACKET_UDP && kind != PACKET_TCP && kind != PACKET_FRAGMENT)
        return kind;
    found->payload = c->p;
    found->n = cursor_left(c);
    *packet = *found;
    return kind;
}

enum packet_kind packet_transport(unsigned protocol, const uint8_t *bytes, size_t n, struct packet *packet)
{
    struct cursor c = cursor_over(bytes, n);
    struct packet found = {.from_address = packet->from_address, .to_address = packet->to_address};
    return conclude(&c, read_transport(&c, protocol, &found), &found, packet);
}

enum packet_kind packet_read(enum packet_link link, const uint8_t *bytes, size_t n, struct packet *packet)
{
    struct cursor c = cursor_over(bytes, n);
    struct packet t = {0};
    if (link == PACKET_UNKNOWN_LINK)
        return PACKET_OTHER_LINK;
    uint16_t type = read_tags(&c, read_link(&c, link));
    if (c.err)
        return PACKET_BROKEN;
    if (type != TYPE_IPV4)
        return type == TYPE_IPV6 ? PACKET_IPV6 : PACKET_NOT_IP;
    return conclude(&c, read_ipv4(&c, &t), &t, packet);
}
