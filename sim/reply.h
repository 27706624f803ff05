/* The bytes of replies and updates, written into a circuit's outbox when they leave. Rules: ca-protocol 1.1, 6, 8. */
#ifndef CAPLAY_SIM_REPLY_H
#define CAPLAY_SIM_REPLY_H

#include "sim/circuit.h"

/* What a client can do wrong, or ask too much. */
enum fault {
    FAULT_MISALIGNED,
    FAULT_COMMAND,
    FAULT_VERSION,
    FAULT_SID,
    FAULT_TYPE,
    FAULT_SUBID,
    FAULT_MASK,
    FAULT_CHANNELS,
    FAULT_USER,
    FAULT_HOST,
    FAULT_LATE_USER,
    FAULT_LATE_HOST,
    FAULT_REQUEST_SIZE,
    FAULT_REPLY_SIZE,
    FAULT_OLD_CLIENT,
    FAULT_READ,
    FAULT_READ_ACCESS,
    FAULT_WRITE,
    FAULT_WRITE_ACCESS,
    FAULTS
};

bool fault_ends(enum fault fault);

/* What the client sent, for a line about it; NULL for what honest clients send, too. */
const char *fault_notice(enum fault fault);

/* Write a reply. False if the outbox takes it only when it has been sent. */
bool reply_write(struct sim_circuit *c, const struct reply *reply);

/* Write the update that an entry of the event queue stands for. False as above. */
bool update_write(struct sim_circuit *c, const struct queue_entry *entry);

#endif
