/* A keyed hash: who has the key gets the same bytes for the same input, who has not learns nothing of it. KMAC256 of OpenSSL
 * (NIST SP 800-185), whose output is as long as one asks; this is libcrypto's only door. */
#ifndef CAPLAY_TRACES_KEYED_H
#define CAPLAY_TRACES_KEYED_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYED_MIN_BYTES 16u  /* of a key */
#define KEYED_MAX_BYTES 512u /* KMAC takes no more */

struct keyed;

/* path: a file whose bytes, all of them, are the key; NULL: a random key that nobody sees. NULL with diag: the file cannot be
 * read or has fewer or more bytes than a key may have (DIAG_USAGE), libcrypto refused (DIAG_ENVIRONMENT). */
struct keyed *keyed_new(const char *path, struct diag *diag);
void keyed_free(struct keyed *keyed);

/* n bytes of output for the input. What is hashed for another purpose has another domain. False: libcrypto failed, out is
 * zeros, and keyed_failed() stays true. */
bool keyed_hash(struct keyed *keyed, const char *domain, const void *input, size_t input_bytes, uint8_t *out, size_t n);
bool keyed_failed(const struct keyed *keyed);

#endif
