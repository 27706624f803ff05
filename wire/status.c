/* Names of the ECA statuses. Rule: ca-protocol 8.3, all rows of EPICS Base's caerr.h; libca's own ones are there for the
 * statuses that other servers send. */
#include "wire/value.h"

enum { WARNING = 0, SUCCESS = 1, ERROR = 2, INFO = 3, FATAL = 6 };

static const struct {
    uint8_t severity;
    const char *name;
} rows[] = {
    /* by number */
    {SUCCESS, "ECA_NORMAL"},
    {ERROR, "ECA_MAXIOC"},
    {ERROR, "ECA_UKNHOST"},
    {ERROR, "ECA_UKNSERV"},
    {ERROR, "ECA_SOCK"},
    {WARNING, "ECA_CONN"},
    {WARNING, "ECA_ALLOCMEM"},
    {WARNING, "ECA_UKNCHAN"},
    {WARNING, "ECA_UKNFIELD"},
    {WARNING, "ECA_TOLARGE"},
    {WARNING, "ECA_TIMEOUT"},
    {WARNING, "ECA_NOSUPPORT"},
    {WARNING, "ECA_STRTOBIG"},
    {ERROR, "ECA_DISCONNCHID"},
    {ERROR, "ECA_BADTYPE"},
    {INFO, "ECA_CHIDNOTFND"},
    {INFO, "ECA_CHIDRETRY"},
    {FATAL, "ECA_INTERNAL"},
    {WARNING, "ECA_DBLCLFAIL"},
    {WARNING, "ECA_GETFAIL"},
    {WARNING, "ECA_PUTFAIL"},
    {WARNING, "ECA_ADDFAIL"},
    {WARNING, "ECA_BADCOUNT"},
    {ERROR, "ECA_BADSTR"},
    {WARNING, "ECA_DISCONN"},
    {WARNING, "ECA_DBLCHNL"},
    {ERROR, "ECA_EVDISALLOW"},
    {WARNING, "ECA_BUILDGET"},
    {WARNING, "ECA_NEEDSFP"},
    {WARNING, "ECA_OVEVFAIL"},
    {ERROR, "ECA_BADMONID"},
    {WARNING, "ECA_NEWADDR"},
    {INFO, "ECA_NEWCONN"},
    {WARNING, "ECA_NOCACTX"},
    {FATAL, "ECA_DEFUNCT"},
    {WARNING, "ECA_EMPTYSTR"},
    {WARNING, "ECA_NOREPEATER"},
    {WARNING, "ECA_NOCHANMSG"},
    {WARNING, "ECA_DLCKREST"},
    {WARNING, "ECA_SERVBEHIND"},
    {WARNING, "ECA_NOCAST"},
    {ERROR, "ECA_BADMASK"},
    {INFO, "ECA_IODONE"},
    {INFO, "ECA_IOINPROGRESS"},
    {ERROR, "ECA_BADSYNCGRP"},
    {ERROR, "ECA_PUTCBINPROG"},
    {WARNING, "ECA_NORDACCESS"},
    {WARNING, "ECA_NOWTACCESS"},
    {ERROR, "ECA_ANACHRONISM"},
    {WARNING, "ECA_NOSEARCHADDR"},
    {WARNING, "ECA_NOCONVERT"},
    {ERROR, "ECA_BADCHID"},
    {ERROR, "ECA_BADFUNCPTR"},
    {WARNING, "ECA_ISATTACHED"},
    {WARNING, "ECA_UNAVAILINSERV"},
    {WARNING, "ECA_CHANDESTROY"},
    {ERROR, "ECA_BADPRIORITY"},
    {ERROR, "ECA_NOTTHREADED"},
    {WARNING, "ECA_16KARRAYCLIENT"},
    {WARNING, "ECA_CONNSEQTMO"},
    {WARNING, "ECA_UNRESPTMO"},
};

const char *wire_status_name(uint32_t status)
{
    uint32_t number = status >> 3;
    if (number >= sizeof rows / sizeof *rows || (status & 7) != rows[number].severity)
        return NULL;
    return rows[number].name;
}
