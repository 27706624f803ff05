/* Other names for names: as long, with the same separators, and nobody without the key finds the way back. Each letter or digit
 * becomes another one, by a permutation that depends on the key and on all that stands before it, and that leaves no character at
 * its place. So two names that begin alike go on beginning alike exactly as far (prefixes stay families), and two names are
 * never given one pseudonym. */
#ifndef CAPLAY_TRACES_PSEUDONYM_H
#define CAPLAY_TRACES_PSEUDONYM_H

#include "traces/keyed.h"

/* text[0..n) in place. Letters, digits and bytes from 0x80 on change; blanks, punctuation and controls stay, and so does what
 * follows a record's name: `.FIELD` of at most five capitals and digits that begins with a capital, `$`, a range in `[]`,
 * `{...}`. */
void pseudonym_text(struct keyed *keyed, char *text, size_t n);

/* The same of a text that has no field: a host's or a user's name. */
void pseudonym_whole(struct keyed *keyed, char *text, size_t n);

/* The digits of a number's text, in place: other digits; sign, point and `e` stay, and so does what follows `e`. */
void pseudonym_number(struct keyed *keyed, char *text, size_t n);

/* Is it a number's text, as servers and clients write them? Empty text is one, too. */
bool pseudonym_is_number(const char *text, size_t n);

/* Bits of an integer of 8, 16 or 32 bits, as a permutation of all of them. */
uint32_t pseudonym_bits(struct keyed *keyed, uint32_t value, unsigned bits);

#endif
