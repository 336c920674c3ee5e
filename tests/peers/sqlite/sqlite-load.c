/* The loads of `cargo nexus bench --store`, on SQLite: one line for each, with operations, nanoseconds, and the
 * flushes that the disk was asked for (field 16 of its `stat`). Usage: sqlite-load FILE DISK KEYS ROUNDS */
#include <pthread.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLIENTS = 8, VALUE = 100 };

static const char *file, *disk;
static uint64_t keys, state = 88172645463325252u;

static void must(int ok, const char *what, sqlite3 *db) {
    if (!ok) {
        fprintf(stderr, "sqlite-load: %s: %s\n", what, db ? sqlite3_errmsg(db) : "");
        exit(1);
    }
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t flushes(void) {
    char path[64];
    unsigned long long field[17] = {0};
    snprintf(path, sizeof path, "/sys/block/%s/stat", disk);
    FILE *stat = fopen(path, "r");
    must(stat != NULL, path, NULL);
    for (int i = 0; i < 17; i++)
        if (fscanf(stat, "%llu", &field[i]) != 1) break;
    fclose(stat);
    return field[15];
}

/* xorshift64* (Vigna 2016). */
static uint64_t number(uint64_t *from) {
    *from ^= *from >> 12, *from ^= *from << 25, *from ^= *from >> 27;
    return *from * 2685821657736338717u;
}

struct db {
    sqlite3 *db;
    sqlite3_stmt *put, *get, *scan, *begin, *commit;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;
    must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK, sql, db);
    return statement;
}

static void run(struct db *d, sqlite3_stmt *s) {
    must(sqlite3_step(s) == SQLITE_DONE, sqlite3_sql(s), d->db);
    sqlite3_reset(s);
}

static struct db open_db(void) {
    struct db d;
    must(sqlite3_open(file, &d.db) == SQLITE_OK, file, d.db);
    const char *first = "pragma journal_mode=wal; pragma synchronous=full; pragma mmap_size=0;"
        "create table if not exists kv(key text primary key, value blob) without rowid";
    must(sqlite3_exec(d.db, first, NULL, NULL, NULL) == SQLITE_OK, "open", d.db);
    d.put = prepare(d.db, "insert into kv values(?,?) on conflict(key) do update set value=excluded.value");
    d.get = prepare(d.db, "select value from kv where key=?");
    d.scan = prepare(d.db, "select key, value from kv order by key");
    d.begin = prepare(d.db, "begin immediate");
    d.commit = prepare(d.db, "commit");
    return d;
}

static void key_of(uint64_t n, char key[18]) { snprintf(key, 18, "key/%013u", (unsigned)n); }

static void put(struct db *d, uint64_t n, uint64_t *from) {
    char key[18];
    unsigned char value[VALUE];
    key_of(n, key);
    for (size_t i = 0; i < VALUE; i++) value[i] = (unsigned char)number(from);
    sqlite3_bind_text(d->put, 1, key, 17, SQLITE_STATIC);
    sqlite3_bind_blob(d->put, 2, value, VALUE, SQLITE_STATIC);
    run(d, d->put);
}

static void get(struct db *d, uint64_t n) {
    char key[18];
    key_of(n, key);
    sqlite3_bind_text(d->get, 1, key, 17, SQLITE_STATIC);
    must(sqlite3_step(d->get) == SQLITE_ROW && sqlite3_column_bytes(d->get, 0) == VALUE, "get", d->db);
    sqlite3_reset(d->get);
}

static void told(const char *name, uint64_t operations, uint64_t since, uint64_t flushed) {
    printf("store-load %s %llu %llu %llu\n", name, (unsigned long long)operations,
           (unsigned long long)(now() - since), (unsigned long long)(flushes() - flushed));
    fflush(stdout);
}

/* Each client has a connection of its own, and waits its turn without sleeping: SQLite has one writer at a time. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
struct client { pthread_t thread; struct db db; uint64_t puts, state; };

static void *client(void *given) {
    struct client *c = given;
    for (uint64_t i = 0; i < c->puts; i++) {
        pthread_mutex_lock(&turn);
        put(&c->db, number(&c->state) % keys, &c->state);
        pthread_mutex_unlock(&turn);
    }
    return NULL;
}

static void eight(uint64_t puts) {
    static struct client clients[CLIENTS];
    static int opened;
    for (int i = 0; i < CLIENTS; i++) {
        if (!opened) clients[i].db = open_db();
        clients[i].puts = puts / CLIENTS, clients[i].state = 1 + number(&state);
    }
    opened = 1;
    uint64_t flushed = flushes(), since = now();
    for (int i = 0; i < CLIENTS; i++)
        must(pthread_create(&clients[i].thread, NULL, client, &clients[i]) == 0, "thread", NULL);
    for (int i = 0; i < CLIENTS; i++) pthread_join(clients[i].thread, NULL);
    told("put_sync_8", puts / CLIENTS * CLIENTS, since, flushed);
}

static void round_of(struct db *d) {
    uint64_t flushed = flushes(), since = now();
    for (int i = 0; i < 1000; i++) put(d, number(&state) % keys, &state);
    told("put_sync_1", 1000, since, flushed);
    eight(4000);
    flushed = flushes(), since = now();
    for (int i = 0; i < 100; i++) {
        run(d, d->begin);
        for (int j = 0; j < 100; j++) put(d, number(&state) % keys, &state);
        run(d, d->commit);
    }
    told("put_100_sync", 10000, since, flushed);
    flushed = flushes(), since = now();
    for (int i = 0; i < 10000; i++) get(d, number(&state) % keys);
    told("get", 10000, since, flushed);
    flushed = flushes(), since = now();
    uint64_t rows = 0, bytes = 0;
    while (sqlite3_step(d->scan) == SQLITE_ROW) rows++, bytes += (uint64_t)sqlite3_column_bytes(d->scan, 1);
    sqlite3_reset(d->scan);
    must(rows == keys && bytes == keys * VALUE, "scan", d->db);
    told("scan", rows, since, flushed);
}

int main(int argc, char **argv) {
    must(argc == 5, "usage: sqlite-load FILE DISK KEYS ROUNDS", NULL);
    file = argv[1], disk = argv[2], keys = strtoull(argv[3], NULL, 10);
    struct db d = open_db();
    uint64_t flushed = flushes(), since = now();
    for (uint64_t n = 0; n < keys;) {
        run(&d, d.begin);
        for (int i = 0; i < 1000 && n < keys; i++, n++) put(&d, n, &state);
        run(&d, d.commit);
    }
    told("fill", keys, since, flushed);
    printf("SQLITE %s\n", sqlite3_libversion());
    for (int rounds = atoi(argv[4]); rounds > 0; rounds--) round_of(&d);
    return 0;
}
