#include "traces/keyed.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One call gives at most so much: KMAC's own limit is 2 MiB. */
#define PIECE_BYTES  (UINT64_C(1) << 20)
#define DIGEST_BYTES 32
#define RANDOM_BYTES 32

struct keyed {
    EVP_MAC *mac;
    uint8_t key[KEYED_MAX_BYTES];
    size_t key_bytes;
    bool failed;
};

static int read_key(struct keyed *k, const char *path, struct diag *diag)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return diag_errno(diag, DIAG_USAGE, "--key: cannot read %s", path);
    k->key_bytes = fread(k->key, 1, sizeof k->key, file);
    const bool is_longer = fgetc(file) != EOF, is_bad = ferror(file) != 0;
    fclose(file);
    if (is_bad)
        return diag_fail(diag, DIAG_USAGE, "--key: cannot read %s", path);
    if (is_longer || k->key_bytes < KEYED_MIN_BYTES)
        return diag_fail(diag, DIAG_USAGE, "--key: %s has %s%zu bytes, and a key %u to %u: head -c 32 /dev/urandom > my.key",
                         path, is_longer ? "more than " : "", k->key_bytes, KEYED_MIN_BYTES, KEYED_MAX_BYTES);
    return 0;
}

static int set_up(struct keyed *k, const char *path, struct diag *diag)
{
    k->mac = EVP_MAC_fetch(NULL, "KMAC256", NULL);
    if (k->mac == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "libcrypto has no KMAC256 here: OpenSSL 3 with its default provider is needed");
    if (path != NULL)
        return read_key(k, path, diag);
    k->key_bytes = RANDOM_BYTES;
    if (RAND_priv_bytes(k->key, RANDOM_BYTES) != 1)
        return diag_fail(diag, DIAG_ENVIRONMENT, "libcrypto has no random bytes for a key here");
    return 0;
}

struct keyed *keyed_new(const char *path, struct diag *diag)
{
    struct keyed *k = calloc(1, sizeof *k);
    if (k == NULL)
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a key");
    else if (set_up(k, path, diag) == 0)
        return k;
    keyed_free(k);
    return NULL;
}

void keyed_free(struct keyed *k)
{
    if (k == NULL)
        return;
    EVP_MAC_free(k->mac);
    OPENSSL_cleanse(k->key, sizeof k->key);
    free(k);
}

static bool hash_piece(struct keyed *k, const char *domain, const void *input, size_t input_bytes, uint8_t *out, size_t n)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_CUSTOM, (void *)(uintptr_t)domain, strlen(domain)),
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &n),
        OSSL_PARAM_construct_end(),
    };
    size_t written = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(k->mac);
    const bool good = ctx != NULL && EVP_MAC_init(ctx, k->key, k->key_bytes, params) == 1 &&
                      EVP_MAC_update(ctx, input, input_bytes) == 1 && EVP_MAC_final(ctx, out, &written, n) == 1;
    EVP_MAC_CTX_free(ctx);
    return good && written == n;
}

/* Long outputs are pieces, each of the input's digest and its own number. */
static bool hash_long(struct keyed *k, const char *domain, const void *input, size_t input_bytes, uint8_t *out, size_t n)
{
    uint8_t numbered[DIGEST_BYTES + sizeof(uint64_t)] = {0};
    bool good = hash_piece(k, domain, input, input_bytes, numbered, DIGEST_BYTES);
    for (uint64_t i = 0, done = 0; good && done < n; i++, done += PIECE_BYTES) {
        for (unsigned b = 0; b < sizeof i; b++)
            numbered[DIGEST_BYTES + b] = (uint8_t)(i >> 8 * b);
        good = hash_piece(k, domain, numbered, sizeof numbered, out + done, n - done < PIECE_BYTES ? n - done : PIECE_BYTES);
    }
    return good;
}

bool keyed_hash(struct keyed *k, const char *domain, const void *input, size_t input_bytes, uint8_t *out, size_t n)
{
    const bool good =
        n <= PIECE_BYTES ? hash_piece(k, domain, input, input_bytes, out, n) : hash_long(k, domain, input, input_bytes, out, n);
    if (good)
        return true;
    memset(out, 0, n);
    k->failed = true;
    return false;
}

bool keyed_failed(const struct keyed *k)
{
    return k->failed;
}
