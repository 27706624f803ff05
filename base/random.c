#include "base/random.h"

uint64_t random_scramble(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t k)
{
    return random_scramble(random_scramble(random_scramble(seed) + stream) + k);
}

/* 53 bits and a half: the smallest is 2^-54, the largest 1 - 2^-54 rounded to 1 - 2^-53. */
double random_unit(uint64_t bits)
{
    const double u = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    return u < 1 ? u : 1 - 0x1p-53;
}
