/* Ethernet frames around TCP and UDP payloads, as a capture on the wire would show them: IPv4 and right checksums.
 * Pure: bytes in, bytes out. Rules: RFC 791, 768, 9293, 1071. */
#ifndef CAPLAY_CAPTURE_SEGMENTS_H
#define CAPLAY_CAPTURE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGMENTS_PAYLOAD_MAX 1440u
#define SEGMENTS_FRAME_MAX   (14u + 20u + 20u + SEGMENTS_PAYLOAD_MAX)

enum segments_flags { SEGMENTS_FIN = 1, SEGMENTS_SYN = 2, SEGMENTS_PUSH = 8, SEGMENTS_ACK = 16 };

struct segment {
    uint32_t from_address, to_address; /* as host-order numbers */
    uint16_t from_port, to_port;
    bool is_tcp;
    uint8_t flags; /* enum segments_flags */
    uint32_t sequence, acknowledged;
    uint16_t number; /* IPv4 identification */
    const uint8_t *payload;
    uint16_t n; /* at most SEGMENTS_PAYLOAD_MAX */
};

/* The frame's bytes, into SEGMENTS_FRAME_MAX; returns how many. */
size_t segments_frame(uint8_t *out, const struct segment *s);

#endif
