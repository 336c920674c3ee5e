/* The guest's end of `cargo nexus bench --net`, for Linux: what source/apps/net-load does for Nexus, by the same connection.
 * Nine bytes ask for a load: an operation, and a number of eight bytes. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORT = 8001, DATAGRAMS = 8002, PIECE = 64 << 10, ECHO = 56 };

static char piece[PIECE];
static int datagrams, echoes;

static void must(int ok, const char *what) {
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int bound(int kind, int port) {
    int socket_ = socket(AF_INET, kind, 0), one = 1;
    must(socket_ >= 0, "socket");
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    must(bind(socket_, (void *)&at, sizeof at) == 0, "bind");
    return socket_;
}

static int read_all(int from, void *into, size_t left) {
    for (char *at = into; left > 0;) {
        ssize_t some = read(from, at, left);
        if (some <= 0) return 0;
        at += some, left -= (size_t)some;
    }
    return 1;
}

static void write_all(int to, const void *bytes, size_t left) {
    for (const char *at = bytes; left > 0;) {
        ssize_t some = write(to, at, left);
        must(some > 0, "write");
        at += some, left -= (size_t)some;
    }
}

static void takes(int peer, uint64_t left) {
    while (left > 0) {
        ssize_t some = read(peer, piece, left < PIECE ? left : PIECE);
        must(some > 0, "read");
        left -= (uint64_t)some;
    }
    write_all(peer, ".", 1);
}

static void sends(int peer, uint64_t left) {
    while (left > 0) {
        uint64_t some = left < PIECE ? left : PIECE;
        write_all(peer, piece, some);
        left -= some;
    }
}

static void bytes(int peer, uint64_t count) {
    char byte;
    while (count-- > 0) {
        must(read_all(peer, &byte, 1), "read");
        write_all(peer, &byte, 1);
    }
}

static void datagrams_of(int peer, uint64_t count) {
    write_all(peer, ".", 1);
    while (count-- > 0) {
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t some = recvfrom(datagrams, piece, PIECE, 0, (void *)&from, &len);
        must(some >= 0, "recvfrom");
        must(sendto(datagrams, piece, (size_t)some, 0, (void *)&from, len) == some, "sendto");
    }
}

static uint16_t sum(const void *packet, size_t len) {
    uint32_t all = 0;
    const uint8_t *byte = packet;
    for (size_t i = 0; i < len; i += 2) all += (uint32_t)(byte[i] << 8 | byte[i + 1]);
    while (all >> 16) all = (all & 0xffff) + (all >> 16);
    return htons((uint16_t)~all);
}

/* An echo that was asked for has its own number: others are not looked at. */
static uint64_t echo(uint16_t number) {
    struct { struct icmphdr head; char data[ECHO]; } packet = {.head = {.type = ICMP_ECHO}};
    packet.head.un.echo.id = htons(77), packet.head.un.echo.sequence = htons(number);
    packet.head.checksum = sum(&packet, sizeof packet);
    struct sockaddr_in router = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000202)};
    uint64_t since = now();
    must(sendto(echoes, &packet, sizeof packet, 0, (void *)&router, sizeof router) > 0, "sendto");
    for (;;) {
        unsigned char came[128];
        ssize_t len = recv(echoes, came, sizeof came, 0);
        must(len >= 0, "recv");
        if (len < 28 || came[20] != ICMP_ECHOREPLY) continue;
        if ((came[26] << 8 | came[27]) == number) return now() - since;
    }
}

static void pings(int peer, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t took = echo((uint16_t)i);
        write_all(peer, &took, sizeof took);
    }
}

/* False when the host ends the machine. */
static int step(int peer, int *served) {
    unsigned char asked[9];
    uint64_t number, counted[4] = {0};
    if (!read_all(peer, asked, sizeof asked)) return *served = 0, 1;
    memcpy(&number, asked + 1, sizeof number);
    switch (asked[0]) {
    case 'i': takes(peer, number); break;
    case 'o': sends(peer, number); break;
    case 't': bytes(peer, number); break;
    case 'u': datagrams_of(peer, number); break;
    case 'p': pings(peer, number); break;
    case 'm': write_all(peer, counted, sizeof counted); break;
    default: return 0;
    }
    return 1;
}

int main(void) {
    int listener = bound(SOCK_STREAM, PORT), one = 1;
    datagrams = bound(SOCK_DGRAM, DATAGRAMS);
    echoes = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    must(echoes >= 0, "socket");
    must(listen(listener, 8) == 0, "listen");
    for (;;) {
        int peer = accept(listener, NULL, NULL), served = 1;
        must(peer >= 0, "accept");
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        while (served)
            if (!step(peer, &served)) return 0;
        close(peer);
    }
}
