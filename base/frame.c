#include "base/frame.h"

#include <string.h>

/* One 32-bit word is two elements. Word j of frame s is s * ODD_A ^ j * ODD_B: since ODD_A is odd, s and s + 1 never
 * give the same word. */
#define ODD_A UINT32_C(0x9e3779b1)
#define ODD_B UINT32_C(0x85ebca6b)

static uint32_t word_at(uint64_t serial, size_t j)
{
    return (uint32_t)serial * ODD_A ^ (uint32_t)j * ODD_B;
}

static int16_t element_at(uint64_t serial, size_t i)
{
    if (i < 4)
        return (int16_t)(serial >> (48 - 16 * i));
    uint32_t word = word_at(serial, i / 2);
    return (int16_t)(i % 2 ? word : word >> 16);
}

void frame_fill(int16_t *elements, size_t n, uint64_t serial)
{
    for (size_t i = 0; i < 4; i++)
        elements[i] = element_at(serial, i);
    for (size_t j = 2; j < n / 2; j++) {
        uint32_t word = word_at(serial, j);
        elements[2 * j] = (int16_t)(word >> 16);
        elements[2 * j + 1] = (int16_t)word;
    }
    if (n % 2)
        elements[n - 1] = element_at(serial, n - 1);
}

static void put_be(uint8_t *p, uint32_t word, size_t bytes)
{
    uint32_t be = __builtin_bswap32(word);
    memcpy(p, &be, bytes);
}

static void put_serial_be(uint8_t *payload, uint64_t serial)
{
    put_be(payload, (uint32_t)(serial >> 32), 4);
    put_be(payload + 4, (uint32_t)serial, 4);
}

void frame_fill_be(uint8_t *payload, size_t from, size_t to, uint64_t serial)
{
    for (size_t j = from / 2; j < to / 2; j++)
        put_be(payload + 4 * j, word_at(serial, j), 4);
    if (to % 2)
        put_be(payload + 2 * (to - 1), word_at(serial, to / 2), 2);
    if (from == 0)
        put_serial_be(payload, serial);
}

typedef uint64_t vector __attribute__((vector_size(16)));

static void turn_over(uint8_t *p, size_t n, const uint8_t bits[16])
{
    vector turned, piece;
    memcpy(&turned, bits, sizeof turned);
    for (; n >= sizeof piece; p += sizeof piece, n -= sizeof piece) {
        memcpy(&piece, p, sizeof piece);
        piece ^= turned;
        memcpy(p, &piece, sizeof piece);
    }
    for (size_t i = 0; i < n; i++)
        p[i] ^= bits[i];
}

void frame_turn_be(uint8_t *payload, size_t from, size_t to, uint64_t before, uint64_t serial)
{
    const uint32_t word = word_at(before, 0) ^ word_at(serial, 0);
    uint8_t bits[16];
    for (unsigned i = 0; i < sizeof bits; i += 4)
        put_be(bits + i, word, 4);
    turn_over(payload + 2 * from, 2 * (to - from), bits);
    if (from == 0)
        put_serial_be(payload, serial);
}

int64_t frame_sum(size_t n, uint64_t serial)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += element_at(serial, i);
    return sum;
}

void frame_sums_init(struct frame_sums *sums, size_t n)
{
    memset(sums, 0, sizeof *sums);
    sums->n = n;
    for (size_t j = 2; j < n / 2; j++)
        for (unsigned bit = 0; bit < 32; bit++)
            sums->ones[bit] += word_at(0, j) >> bit & 1;
}

/* A serial's word is serial 0's with the same bits turned over at every place. */
int64_t frame_sums_get(const struct frame_sums *sums, uint64_t serial)
{
    const uint64_t words = sums->n / 2 > 2 ? sums->n / 2 - 2 : 0;
    const uint32_t turned = word_at(serial, 0);
    int64_t sum = sums->n % 2 && sums->n > 4 ? element_at(serial, sums->n - 1) : 0;
    for (size_t i = 0; i < 4; i++)
        sum += element_at(serial, i);
    for (unsigned bit = 0; bit < 32; bit++) {
        const int64_t ones = (int64_t)(turned >> bit & 1 ? words - sums->ones[bit] : sums->ones[bit]);
        const int64_t weight = INT64_C(1) << bit % 16;
        sum += bit % 16 == 15 ? -weight * ones : weight * ones;
    }
    return sum;
}

uint64_t frame_serial_be(const uint8_t *payload)
{
    uint64_t serial = 0;
    for (int i = 0; i < 8; i++)
        serial = serial << 8 | payload[i];
    return serial;
}
