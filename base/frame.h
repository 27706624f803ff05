/* The image that every server of ours sends: 16-bit elements whose first four carry the frame's serial number, the
 * most significant first, and whose every 8-byte block differs from the same block of the frame before, so that nothing on the
 * way can be deduplicated. A frame is known from its serial alone: a client's sum over the elements is checked against
 * frame_sum(). Pure. */
#ifndef CAPLAY_BASE_FRAME_H
#define CAPLAY_BASE_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* Fill n elements, n >= 4, in host order. */
void frame_fill(int16_t *elements, size_t n, uint64_t serial);

/* The same, big endian as it travels, and in pieces: elements from .. to-1 of a frame; from is a multiple of 4. */
void frame_fill_be(uint8_t *payload, size_t from, size_t to, uint64_t serial);

/* The same bytes, where frame `before` lies: a fraction of the work, since all words of two frames differ by the same bits. */
void frame_turn_be(uint8_t *payload, size_t from, size_t to, uint64_t before, uint64_t serial);

/* Sum of the n elements that frame_fill() writes. */
int64_t frame_sum(size_t n, uint64_t serial);

/* The same for many frames of n elements: the first call looks at all of them, further ones only at 32 numbers. */
struct frame_sums {
    size_t n;
    uint64_t ones[32]; /* of the words behind the serial: how many of serial 0's have this bit set */
};

void frame_sums_init(struct frame_sums *sums, size_t n);
int64_t frame_sums_get(const struct frame_sums *sums, uint64_t serial);

/* Serial number in the first 8 bytes of a big-endian payload. */
uint64_t frame_serial_be(const uint8_t *payload);

#endif
