#include "traces/pseudonym.h"

#include <ctype.h>
#include <string.h>

#define FIELD_CHARACTERS 5u
#define HIGH_BYTES       128u
#define ROUNDS           4u

static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Where 0..n-1 goes by a permutation of one cycle (Sattolo's), so that nothing stays. */
static unsigned permuted(const uint8_t *random, unsigned n, unsigned which)
{
    uint8_t to[HIGH_BYTES];
    for (unsigned i = 0; i < n; i++)
        to[i] = (uint8_t)i;
    for (unsigned i = n - 1; i > 0; i--) {
        const unsigned j = (unsigned)(random[2 * i] << 8 | random[2 * i + 1]) % i;
        const uint8_t kept = to[i];
        to[i] = to[j];
        to[j] = kept;
    }
    return to[which];
}

/* before: what stands before the character. */
static char other(struct keyed *k, const char *domain, const char *before, size_t n, char c, unsigned nletters)
{
    uint8_t random[2 * HIGH_BYTES];
    const unsigned char byte = (unsigned char)c;
    const char *at = byte < 0x80 && byte != '\0' ? memchr(letters, byte, nletters) : NULL;
    if (at == NULL && byte < 0x80)
        return c;
    keyed_hash(k, domain, before, n, random, sizeof random);
    if (at == NULL)
        return (char)(0x80 + permuted(random, HIGH_BYTES, byte - 0x80u));
    return letters[permuted(random, nletters, (unsigned)(at - letters))];
}

/* Length of the field's name, with its `$`; 0: none, since it begins with a letter. */
static size_t field_length(const char *text, size_t n)
{
    size_t length = n > 0 && isupper((unsigned char)text[0]) ? 1 : 0;
    while (length > 0 && length < n && length < FIELD_CHARACTERS &&
           (isupper((unsigned char)text[length]) || isdigit((unsigned char)text[length])))
        length++;
    return length < n && text[length] == '$' ? length + 1 : length;
}

/* [begin:step:end] of a channel's name. */
static bool is_range(const char *text, size_t n)
{
    if (n < 2 || text[0] != '[' || text[n - 1] != ']')
        return false;
    for (size_t i = 1; i < n - 1; i++)
        if (!isdigit((unsigned char)text[i]) && text[i] != ':' && text[i] != '-')
            return false;
    return true;
}

static bool is_suffix(const char *text, size_t n)
{
    const size_t field = field_length(text, n);
    return field == n || is_range(text + field, n - field) || (text[field] == '{' && text[n - 1] == '}');
}

/* Where the field and filters begin behind a record's name; n where there are none. */
static size_t find_suffix(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '.' && is_suffix(text + i + 1, n - i - 1))
            return i;
    return n;
}

void pseudonym_text(struct keyed *k, char *text, size_t n)
{
    pseudonym_whole(k, text, find_suffix(text, n));
}

void pseudonym_whole(struct keyed *k, char *text, size_t n)
{
    for (size_t i = n; i > 0; i--) /* backwards: what stands before is still the original */
        text[i - 1] = other(k, "name", text, i - 1, text[i - 1], sizeof letters - 1);
}

void pseudonym_number(struct keyed *k, char *text, size_t n)
{
    const char *e = n > 0 ? memchr(text, 'e', n) : NULL;
    for (size_t i = e != NULL ? (size_t)(e - text) : n; i > 0; i--)
        text[i - 1] = other(k, "digit", text, i - 1, text[i - 1], 10);
}

bool pseudonym_is_number(const char *text, size_t n)
{
    size_t i = 0, digits = 0, points = 0;
    i += i < n && (text[i] == '-' || text[i] == '+');
    for (; i < n && (isdigit((unsigned char)text[i]) || text[i] == '.'); i++) {
        digits += text[i] != '.';
        points += text[i] == '.';
    }
    if (digits > 0 && i < n && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        i += i < n && (text[i] == '-' || text[i] == '+');
        while (i < n && isdigit((unsigned char)text[i]))
            i++;
    }
    return i == n && points <= 1 && (digits > 0 || n == 0);
}

/* A Feistel network is a permutation whatever its rounds are. */
uint32_t pseudonym_bits(struct keyed *k, uint32_t value, unsigned bits)
{
    const unsigned half = bits / 2;
    const uint32_t mask = (UINT32_C(1) << half) - 1;
    uint32_t left = value >> half & mask, right = value & mask;
    for (uint8_t round = 0; round < ROUNDS; round++) {
        const uint8_t input[] = {(uint8_t)bits, round, (uint8_t)(right >> 8), (uint8_t)right};
        uint8_t out[2];
        keyed_hash(k, "bits", input, sizeof input, out, sizeof out);
        const uint32_t mixed = left ^ ((uint32_t)(out[0] << 8 | out[1]) & mask);
        left = right;
        right = mixed;
    }
    return left << half | right;
}
