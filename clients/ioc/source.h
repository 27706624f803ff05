/* Moving records of the real IOC: an image source and counters, for records that ask for it in the .db:
 *
 *     info(caplay:frames, "120Hz")   waveform of SHORT or USHORT: frame k (base/frame.h) into all its NELM elements
 *     info(caplay:count, "10Hz")     ai: up by 1 from its VAL to HOPR, then from LOPR again; where HOPR is not over LOPR, without
 * end
 *
 * Update k of a rate is due at anchor + clock_tick_ns(rate, k). The anchor is the last whole second before the start, so
 * that stamps lie on a grid that needs no anchor to be known. At its due time the record is processed under its lock, with
 * the due time as its time stamp: give it TSE -2, or EPICS Base puts the time of processing there. Late updates are made up for
 * back to back; none is left out. One thread a rate. */
#ifndef CAPLAY_CLIENTS_IOC_SOURCE_H
#define CAPLAY_CLIENTS_IOC_SOURCE_H

#include "base/diag.h"

/* Find the records with such tags in the loaded database; before iocInit(). 0, or -1 with a diag that names the record. */
int ioc_source_find(struct diag *diag);

/* Start the threads, after iocInit(). 0, or -1. */
int ioc_source_start(struct diag *diag);

/* End the threads and wait for them. */
void ioc_source_stop(void);

#endif
