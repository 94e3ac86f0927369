#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int arity = 2;
bool eager = true;

static uint64_t state = 1;

void rng_seed(uint64_t seed) { state = (seed + 1) * 0x9E3779B97F4A7C15u; }

uint64_t rng_next(void) {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545F4914F6CDD1Du;
}

/* ------------------------------------------------------------------ gates */

static tt either(tt choose, tt one, tt zero) { return (choose & one) | (~choose & zero); }

static tt table_value(uint8_t table, tt a, tt b, tt c) {
    switch (table) { /* the normal gates of two inputs, b twice */
    case 0xC0: return a & b;
    case 0xFC: return a | b;
    case 0x3C: return a ^ b;
    case 0x30: return a & ~b;
    case 0x0C: return ~a & b;
    }
    tt m[8];
    for (int i = 0; i < 8; i++) m[i] = TT(-(uint64_t)(table >> i & 1));
    for (int i = 0; i < 4; i++) m[i] = either(c, m[2 * i + 1], m[2 * i]);
    return either(a, either(b, m[3], m[2]), either(b, m[1], m[0]));
}

tt gate_value(const net *n, gate g) {
    return table_value(g.table, n->value[g.in[0]], n->value[g.in[1]], n->value[g.in[2]]);
}

void net_add(net *n, gate g) {
    n->gates[n->count] = g;
    n->value[n->count++] = gate_value(n, g);
}

/* The table for a complemented operand: 0 is a, 1 b, 2 c. */
static uint8_t complemented(uint8_t table, int operand) {
    static const uint8_t ones[3] = {0xF0, 0xCC, 0xAA};
    int shift = 4 >> operand;
    return (uint8_t)((table & ones[operand]) >> shift | (table & ~ones[operand] & 0xFF) << shift);
}

/* The table for an operand that is always 0: the operand no longer matters. */
static uint8_t without(uint8_t table, int operand) {
    static const uint8_t zeros[3] = {0x0F, 0x33, 0x55};
    uint8_t half = table & zeros[operand];
    return (uint8_t)(half | half << (4 >> operand));
}

/* ---------------------------------------------------------------- rebuild */

typedef struct {
    net *to;
    const net *from;
    change c;
    int place[NODES_MAX + 2]; /* of a node of `from` in `to`, or -1 */
    bool odd[NODES_MAX + 2];  /* it is the complement there */
} rebuild;

static bool visit(rebuild *r, int node) {
    if (r->place[node] >= 0) return true;
    if (node == r->c.at && r->c.by != node) {
        if (!visit(r, r->c.by)) return false;
        r->place[node] = r->place[r->c.by];
        r->odd[node] = r->odd[r->c.by] ^ r->c.complement;
        return true;
    }
    gate g = r->from->gates[node];
    int first = rnd(2);
    if (!visit(r, g.in[first]) || !visit(r, g.in[!first]) || !visit(r, g.in[2])) return false;
    net *to = r->to;
    int keep = -1;
    for (int i = 0; i < 3; i++) {
        int in = g.in[i];
        g.in[i] = (uint8_t)r->place[in];
        if (r->odd[in]) g.table = complemented(g.table, i);
        if (g.in[i] == CONSTANT) g.table = without(g.table, i);
        else keep = g.in[i];
    }
    for (int i = 0; i < 3; i++)
        if (g.in[i] == CONSTANT) g.in[i] = (uint8_t)(keep < 0 ? 0 : keep);
    r->odd[node] = g.table & 1;
    if (r->odd[node]) g.table ^= 0xFF;
    if (arity == 2) { /* b twice: the other entries never count */
        g.table = (uint8_t)((g.table & 0x80 ? 0xC0 : 0) | (g.table & 0x10 ? 0x30 : 0) | (g.table & 8 ? 0x0C : 0));
    }
    tt value = gate_value(to, g);
    if (none(value)) {
        r->place[node] = CONSTANT;
        return true;
    }
    if (any_equal(to->value, 0, to->count, value, value)) {
        int twin = 0;
        while (!same(to->value[twin], value)) twin++;
        r->place[node] = twin;
        return true;
    }
    if (to->count >= NODES_MAX) return false;
    to->gates[to->count] = g;
    to->value[to->count] = value;
    r->place[node] = to->count++;
    return true;
}

bool net_rebuild(net *to, const net *from, change c) {
    rebuild r;
    r.to = to;
    r.from = from;
    r.c = c;
    to->inputs = to->count = from->inputs;
    to->outputs = from->outputs;
    for (int i = 0; i < NODES_MAX + 2; i++) r.place[i] = -1;
    memset(r.odd, 0, sizeof r.odd);
    for (int i = 0; i < from->inputs; i++) {
        r.place[i] = i;
        to->value[i] = from->value[i];
    }
    int start = rnd(from->outputs);
    for (int i = 0; i < from->outputs; i++) {
        int o = (start + i) % from->outputs;
        if (!visit(&r, from->out[o])) return false;
        to->out[o] = r.place[from->out[o]];
    }
    return true;
}

/* ---------------------------------------------------------------- queries */

tt net_care(const net *n, int at, bool *after) {
    tt other[NODES_MAX + 2], care = TT(0);
    memset(after, 0, sizeof(bool) * (size_t)n->count);
    after[at] = true;
    other[at] = ~n->value[at];
    for (int i = at + 1; i < n->count; i++) {
        const uint8_t *in = n->gates[i].in;
        if (!after[in[0]] && !after[in[1]] && !after[in[2]]) continue;
        after[i] = true;
        tt v[3];
        for (int k = 0; k < 3; k++) v[k] = after[in[k]] ? other[in[k]] : n->value[in[k]];
        other[i] = table_value(n->gates[i].table, v[0], v[1], v[2]);
    }
    for (int o = 0; o < n->outputs; o++)
        if (after[n->out[o]]) care |= other[n->out[o]] ^ n->value[n->out[o]];
    return care;
}

static int release(const net *n, int at, int *uses, bool *dying) {
    int freed = 1;
    dying[at] = true;
    for (int k = 0; k < 3; k++) {
        int in = n->gates[at].in[k];
        if (in >= n->inputs && --uses[in] == 0) freed += release(n, in, uses, dying);
    }
    return freed;
}

int net_cone(const net *n, int at, bool *dying) {
    memset(dying, 0, sizeof(bool) * (size_t)n->count);
    int uses[NODES_MAX + 2] = {0};
    for (int i = n->inputs; i < n->count; i++)
        for (int k = 0; k < 3; k++) uses[n->gates[i].in[k]]++;
    for (int o = 0; o < n->outputs; o++) uses[n->out[o]]++;
    return release(n, at, uses, dying);
}

/* ------------------------------------------------------------------- text */

static const char OPERATIONS[] = "&|^-";
static const uint8_t TABLES[] = {0xC0, 0xFC, 0x3C, 0x30};

static void set_inputs(net *n, bool first_is_high) {
    for (int i = 0; i < n->inputs; i++) {
        int weight = first_is_high ? n->inputs - 1 - i : i;
        uint64_t words[4] = {0};
        for (int x = 0; x < 1 << n->inputs; x++)
            if (x >> weight & 1) words[x / 64] |= (uint64_t)1 << x % 64;
        memcpy(&n->value[i], words, sizeof(tt));
    }
}

static bool parse_gate(const char *word, gate *g) {
    unsigned a, b, c, table;
    if (sscanf(word, "%2x:%u,%u,%u", &table, &a, &b, &c) == 4) {
        *g = (gate){(uint8_t)table, {(uint8_t)a, (uint8_t)b, (uint8_t)c}};
        return true;
    }
    const char *operation = strchr(OPERATIONS, word[0]);
    if (!word[0] || !operation || sscanf(word + 1, "%u,%u", &a, &b) != 2) return false;
    *g = (gate){TABLES[operation - OPERATIONS], {(uint8_t)a, (uint8_t)b, (uint8_t)b}};
    return true;
}

bool net_read(net *n, char *family, char *name) {
    int count;
    char word[32];
    if (scanf("%7s %7s %d:", family, name, &count) != 3) return false;
    bool sm4 = strcmp(name, "sm4") == 0;
    n->inputs = n->count = sm4 ? 8 : 6;
    n->outputs = sm4 ? 8 : 4;
    set_inputs(n, !sm4);
    while (scanf("%31s", word) == 1 && word[0] != '>') {
        gate g;
        if (!parse_gate(word, &g) || n->count >= NODES_MAX) return false;
        net_add(n, g);
    }
    for (int o = 0; o < n->outputs; o++)
        if (scanf("%d", &n->out[o]) != 1) return false;
    return true;
}

void net_print(const net *n, const char *family, const char *name) {
    printf("%s %s %d:", family, name, n->count - n->inputs);
    for (int i = n->inputs; i < n->count; i++) {
        gate g = n->gates[i];
        if (arity == 3) {
            printf(" %02x:%d,%d,%d", g.table, g.in[0], g.in[1], g.in[2]);
            continue;
        }
        if (g.table == 0x0C) g = (gate){0x30, {g.in[1], g.in[0], g.in[0]}};
        const uint8_t *table = memchr(TABLES, g.table, sizeof TABLES);
        if (!table) abort();
        printf(" %c%d,%d", OPERATIONS[table - TABLES], g.in[0], g.in[1]);
    }
    printf(" >");
    for (int o = 0; o < n->outputs; o++) printf(" %d", n->out[o]);
    printf("\n");
    fflush(stdout);
}
