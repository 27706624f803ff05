#include "clients/doctor/doctor.h"

#include "base/child.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define IMAGE_BYTES  614400
#define SEARCH_BYTES (8 << 20) /* what the server asks for, for a burst of searches */
#define FILES        4096      /* descriptors, one a client */
#define SLACK_NS     1

/* ---- rights ---- */

static void look_at_fifo(struct doctor *d)
{
    bool granted = child_realtime_granted();
    doctor_find(d, "SCHED_FIFO", granted, "CAP_SYS_NICE, or `ulimit -r 20` (rtprio in /etc/security/limits.d)",
                granted ? "granted: --realtime" : "refused: --realtime will do nothing for the server's thread");
}

static void look_at_memory_lock(struct doctor *d)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    bool granted = limit.rlim_cur == RLIM_INFINITY || isolation_is_capable(CAP_IPC_LOCK);
    doctor_find(d, "memory lock", granted, "CAP_IPC_LOCK, or `ulimit -l unlimited` (memlock in /etc/security/limits.d)",
                granted ? "granted: --realtime" : "refused: the limit is %llu KiB", (unsigned long long)limit.rlim_cur / 1024);
}

static void look_at_capture(struct doctor *d)
{
    bool granted = isolation_is_capable(CAP_NET_RAW);
    doctor_find(d, "capture", granted, "setcap cap_net_raw,cap_net_admin+ep build/caplay, or use --tap",
                granted ? "granted: CAP_NET_RAW" : "refused: `caplay capture -i` needs CAP_NET_RAW");
}

static void look_at_files(struct doctor *d)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    doctor_find(d, "open files", limit.rlim_cur >= FILES, "ulimit -n 65536", "at most %llu, one a client",
                (unsigned long long)limit.rlim_cur);
}

static void look_at_slack(struct doctor *d)
{
    int before = prctl(PR_GET_TIMERSLACK);
    bool sets = prctl(PR_SET_TIMERSLACK, SLACK_NS) == 0;
    prctl(PR_SET_TIMERSLACK, before);
    doctor_find(d, "timer slack", sets, "a kernel that lets a process set its own", "%d ns%s", before,
                sets ? "; servers set 1 ns for themselves" : ", and it cannot be set");
}

/* ---- sockets ---- */

static void look_at_search_buffer(struct doctor *d, int fd)
{
    const int wanted = SEARCH_BYTES;
    int got = 0;
    socklen_t n = sizeof got;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &n);
    got /= 2; /* the kernel doubles what it is asked for */
    doctor_find(d, "search buffer", got >= wanted, "sysctl -w net.core.rmem_max=8388608, or CAP_NET_ADMIN",
                "%d KiB, wanted %d KiB (a burst of searches waits there)", got / 1024, wanted / 1024);
}

static void look_at_tcp_buffer(struct doctor *d, const char *what, const char *file, const char *mend)
{
    char text[64] = "";
    int64_t most;
    FILE *f = fopen(file, "re");
    bool known = f != NULL && fgets(text, sizeof text, f) != NULL && doctor_parse_number(text, 2, &most);
    if (f != NULL)
        fclose(f);
    if (known)
        doctor_find(d, what, most >= 2 * IMAGE_BYTES, mend, "grows to %lld KiB, an image has 600 KiB", (long long)most / 1024);
}

static bool gets_stamp(int fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    const int kind = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    char byte = 0, control[256];
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || getsockname(fd, (struct sockaddr *)&at, &length) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &kind, sizeof kind) < 0 ||
        sendto(fd, &byte, 1, 0, (struct sockaddr *)&at, sizeof at) < 0 || recvmsg(fd, &message, 0) < 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING)
            return true;
    return false;
}

static void look_at_sockets(struct doctor *d)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        doctor_find(d, "sockets", false, "a network stack with IPv4", "no UDP socket: %s", strerror(errno));
        return;
    }
    bool stamps = gets_stamp(fd);
    doctor_find(d, "receive stamps", stamps, "a kernel with SO_TIMESTAMPING for software",
                stamps ? "the kernel tells when a request came" : "none: delays count from when a request is read");
    look_at_search_buffer(d, fd);
    close(fd);
    look_at_tcp_buffer(d, "send buffer", "/proc/sys/net/ipv4/tcp_wmem", "sysctl -w net.ipv4.tcp_wmem='4096 16384 4194304'");
    look_at_tcp_buffer(d, "receive buffer", "/proc/sys/net/ipv4/tcp_rmem", "sysctl -w net.ipv4.tcp_rmem='4096 131072 6291456'");
}

void doctor_rights(struct doctor *d)
{
    look_at_fifo(d);
    look_at_memory_lock(d);
    look_at_slack(d);
    look_at_capture(d);
    look_at_files(d);
    look_at_sockets(d);
}

/* ---- the environment ---- */

static const char *variable(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? text : "";
}

/* "NAME=value", or that it is not set. */
static const char *show(const char *name, char text[DOCTOR_FOUND])
{
    const char *value = variable(name);
    snprintf(text, DOCTOR_FOUND, *value != '\0' ? "%s=%.70s" : "%s is not set", name, value);
    return text;
}

/* Clients that `caplay sim ... -- COMMAND` starts get their own of these. */
void doctor_environment(struct doctor *d)
{
    char text[DOCTOR_FOUND];
    const char *bytes = variable("EPICS_CA_MAX_ARRAY_BYTES");
    bool broadcasts = strcasecmp(variable("EPICS_CA_AUTO_ADDR_LIST"), "NO") != 0;
    doctor_find(d, "address list", !broadcasts,
                "export EPICS_CA_ADDR_LIST=127.0.0.1 EPICS_CA_AUTO_ADDR_LIST=NO, or source what --env-file wrote", "%s%s",
                show("EPICS_CA_ADDR_LIST", text), broadcasts ? "; clients started by hand ask the whole network, too" : "");
    doctor_find(d, "name servers", *variable("EPICS_CA_NAME_SERVERS") == '\0', "unset EPICS_CA_NAME_SERVERS", "%s",
                show("EPICS_CA_NAME_SERVERS", text));
    doctor_find(d, "array bytes", *bytes == '\0' || strtoull(bytes, NULL, 10) > IMAGE_BYTES,
                "export EPICS_CA_MAX_ARRAY_BYTES=10000000: an image has 614,400", "%s", show("EPICS_CA_MAX_ARRAY_BYTES", text));
    doctor_find(d, "interfaces", *variable("EPICS_CAS_INTF_ADDR_LIST") == '\0',
                "unset EPICS_CAS_INTF_ADDR_LIST, unless servers are to listen there", "%s",
                show("EPICS_CAS_INTF_ADDR_LIST", text));
}
