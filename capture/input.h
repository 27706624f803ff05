/* A capture file as a stream: from a path or standard input, with gzip taken off (zlib), its position being that of the bytes
 * inside. */
#ifndef CAPLAY_CAPTURE_INPUT_H
#define CAPLAY_CAPTURE_INPUT_H

#include "capture/interrupt.h"

#include <stdint.h>

/* `path`: "-" is standard input. What may let its reader wait for ever (a pipe) is read
 * only after interrupt_open(), so that a signal is its end. *magic: the first 4 bytes, big endian; 0 where there are fewer; they
 * are still read. Close it with fclose(). NULL with DIAG_USAGE (it cannot be read, is empty, or is a trace) or DIAG_ENVIRONMENT
 * (memory). */
FILE *input_open(const char *path, uint32_t *magic, struct interrupt *interrupt, struct diag *diag);

#endif
