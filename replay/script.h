/* A written dialogue: what a client sends, and what the server should answer, as a small text that reads as documentation.
 *
 *     # ECHO comes back unchanged, header and payload (ca-protocol 5.2).
 *     needs "t:ai"                          skip this dialogue where the server has no such PV
 *     > VERSION minor=13                    lines that follow each other are one segment (UDP: one datagram)
 *     > CREATE_CHAN cid=1 minor=13 "t:ai"
 *     < VERSION minor=13                    optional: exactly these messages come, with at least these words
 *     < ACCESS_RIGHTS cid=1 rights=3
 *     < CREATE_CHAN type=DOUBLE count=1 cid=1 sid=@1
 *     > READ_NOTIFY type=DOUBLE count=1 sid=@1 ioid=1
 *     < READ_NOTIFY status=NORMAL value=[1.5]
 *
 * Circuits are A to H: `B> ECHO` opens B if need be and sends on it; no letter is A. `udp>` and `udp<` are datagrams. Acts, with
 * an optional letter: `open` (connect and send nothing), `shutdown` (end of file from the client), `close`. Lines of `<` belong
 * to the block above. `< END`: the server ends the circuit. `< nothing`: it says nothing. `unfenced` after a `>` block: no ECHO
 * is sent to learn that the server is done; wait for as many replies as are stated, on whatever circuit.
 *
 * A request is a command's name or number, its header's fields (replay/fields.h; also type, count, p1, p2, size), `ext` for the
 * long header, and a payload: "text" (NUL and padding added), value=[1 2.5 "on"], mask=5, payload=HEX, zeros=N. `sid=@1` is the
 * sid that the server gave to cid 1 of this circuit, `@B1` of circuit B. `> hex 00170000 @1 ...` is bytes as they are. `60* `
 * before the command sends 60 of them, cid, ioid or subid counting up. Subscriptions of a channel with {} need another channel
 * on their circuit, without: updates are waited for there.
 * Pure. Everything lives until script_free(). */
#ifndef CAPLAY_REPLAY_SCRIPT_H
#define CAPLAY_REPLAY_SCRIPT_H

#include "base/diag.h"
#include "replay/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCRIPT_CIRCUITS = 8, SCRIPT_UDP = SCRIPT_CIRCUITS, SCRIPT_PLACES };

enum script_act { SCRIPT_SEND, SCRIPT_OPEN, SCRIPT_SHUTDOWN, SCRIPT_CLOSE };

/* Four bytes of a request that hold the sid of a channel. */
struct script_sid {
    size_t at;
    unsigned circuit;
    uint32_t cid;
};

struct script_request {
    uint8_t *bytes; /* zeros where sids go */
    size_t size;
    struct script_sid *sids;
    size_t nsids;
    unsigned line;
};

struct script_reply {
    char *text; /* "READ_NOTIFY status=NORMAL value=[1.5]" */
    unsigned place, line;
};

struct script_block {
    enum script_act act;
    unsigned place, line;
    bool unfenced;
    bool stated; /* the replies are stated, if only as "nothing" */
    struct script_request *requests;
    size_t nrequests;
    struct script_reply *replies;
    size_t nreplies;
};

#define SCRIPT_NEEDS 8

struct script {
    const char *name; /* borrowed from the caller */
    char *title;      /* its first comment */
    char *source;     /* its text */
    char *needs[SCRIPT_NEEDS];
    size_t nneeds;
    struct script_block *blocks;
    size_t nblocks;
    struct arena arena;
};

/* `text` is NUL-terminated. 0, or -1 with DIAG_USAGE that names file, line and what was expected. */
int script_parse(const char *name, const char *text, struct script *script, struct diag *diag);
int script_read(const char *path, struct script *script, struct diag *diag); /* borrows path as the name */
void script_free(struct script *script);

/* Print the lines of a block's requests as they were written, `margin` in front. */
void script_print_requests(const struct script *script, const struct script_block *block, const char *margin, FILE *out);

/* "A", "B", ... "udp". */
const char *script_place_name(unsigned place);

#endif
