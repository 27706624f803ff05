/* Inside script*.c: one request line -> bytes. */
#ifndef CAPLAY_REPLAY_SCRIPT_PARTS_H
#define CAPLAY_REPLAY_SCRIPT_PARTS_H

#include "replay/script.h"
#include "replay/words.h"

struct script_context {
    struct script *script;
    unsigned place, line;
};

/* words: behind the `>`. `index` counts the requests of a row (`60*`). 0, or -1 with diag. */
int script_request(const struct script_context *context, const struct words *words, size_t first, uint32_t index,
                   struct script_request *request, struct diag *diag);

int script_fail(const struct script_context *context, struct diag *diag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
