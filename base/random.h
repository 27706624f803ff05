/* Random numbers without a state: each is a hash of a seed and a counter's parts, so that who draws first changes nothing.
 * The finaliser is SplitMix64's (Steele, Lea, Flood 2014), applied to one part after the other. */
#ifndef CAPLAY_BASE_RANDOM_H
#define CAPLAY_BASE_RANDOM_H

#include <stdint.h>

/* A number that looks random, of one that does not. */
uint64_t random_scramble(uint64_t x);

/* 64 random bits for these parts of a counter. */
uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t k);

/* The same bits as a number above 0 and below 1, never one of them. */
double random_unit(uint64_t bits);

#endif
