/* A QEMU plugin that counts the instructions a one-threaded AArch64 program
   executes, and finds its innermost loops. scripts/arm/cost.sh builds and uses it.

   When the program ends, the file named by the argument out=FILE holds
     instructions TOTAL
     loop OFFSET ITERATIONS LENGTH EXECUTED SYMBOL CODE      one line per loop
   OFFSET is the loop's first address in the program's code, LENGTH its number of
   instructions, EXECUTED how many of them were executed over all iterations,
   CODE its bytes as llvm-mc takes them: 0x..,0x..,...

   QEMU translates code in blocks that end at a branch or at a page's end. A loop
   is a row of blocks from the target of a backward branch to that branch.
   Debian has no header for plugins, so the interface (version 1) stands here. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VISIBLE __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int op, void *to, uint64_t value);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_start_code(void);

VISIBLE int qemu_plugin_version = 1;

struct block {
    uint64_t start, end; /* end: behind the last instruction */
    uint64_t executed;   /* how often; the translated code adds to it */
    uint32_t *code;
    char *symbol;
    struct block *next;
};

static struct block *blocks;
static const char *out_path;

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "count.c: out of memory\n");
        exit(2);
    }
    return memory;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t length = qemu_plugin_tb_n_insns(tb);
    struct block *block = must(calloc(1, sizeof *block));
    block->start = qemu_plugin_tb_vaddr(tb);
    block->end = block->start + 4 * length;
    block->code = must(malloc(4 * length));
    for (size_t i = 0; i < length; i++)
        memcpy(&block->code[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), 4);
    const char *symbol = qemu_plugin_insn_symbol(qemu_plugin_tb_get_insn(tb, 0));
    block->symbol = must(strdup(symbol && *symbol ? symbol : "-"));
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->executed, 1);
}

/* The field of `bits` bits from bit `low`, as a signed number of instructions, in bytes. */
static int64_t offset(uint32_t code, int low, int bits)
{
    return ((int64_t)((uint64_t)code << (64 - low - bits)) >> (64 - bits)) * 4;
}

/* Where a direct branch at `address` goes; 0 if it is none (calls are none). */
static uint64_t branch_target(uint64_t address, uint32_t code)
{
    if ((code & 0xff000010) == 0x54000000) /* b.cond */
        return address + offset(code, 5, 19);
    if ((code & 0x7e000000) == 0x34000000) /* cbz, cbnz */
        return address + offset(code, 5, 19);
    if ((code & 0x7e000000) == 0x36000000) /* tbz, tbnz */
        return address + offset(code, 5, 14);
    if ((code & 0xfc000000) == 0x14000000) /* b */
        return address + offset(code, 0, 26);
    return 0;
}

/* The longest block from `start` that was executed; the counts of others are added to it. */
static struct block *block_at(uint64_t start, uint64_t *executed)
{
    struct block *found = NULL;
    *executed = 0;
    for (struct block *block = blocks; block; block = block->next) {
        if (block->start != start || !block->executed)
            continue;
        *executed += block->executed;
        if (!found || block->end > found->end)
            found = block;
    }
    return found;
}

/* How often the instruction before `end` was the last of a block: iterations, whichever way they were entered. */
static uint64_t reached(uint64_t end)
{
    uint64_t times = 0;
    for (const struct block *block = blocks; block; block = block->next)
        if (block->end == end)
            times += block->executed;
    return times;
}

static void print_loop(FILE *out, uint64_t start, uint64_t end)
{
    uint64_t iterations = reached(end), executed = 0, times;
    struct block *first = block_at(start, &times), *block;
    for (uint64_t at = start; at < end; at = block->end) {
        block = block_at(at, &times);
        /* A gap was never executed; a block that ran more often is a loop further in. */
        if (!block || block->end > end || times > iterations + iterations / 2)
            return;
        /* The first iteration may have begun in a block that starts before the loop. */
        executed += (at == start ? iterations : times) * ((block->end - at) / 4);
    }
    fprintf(out, "loop %#" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %s ", start - qemu_plugin_start_code(),
            iterations, (end - start) / 4, executed, first->symbol);
    for (uint64_t at = start; at < end; at = block->end) {
        block = block_at(at, &times);
        const uint8_t *bytes = (const uint8_t *)block->code;
        for (uint64_t i = 0; i < block->end - at; i++)
            fprintf(out, "%s0x%02x", at == start && i == 0 ? "" : ",", bytes[i]);
    }
    fputc('\n', out);
}

static bool printed_before(const struct block *branch)
{
    for (const struct block *block = blocks; block != branch; block = block->next)
        if (block->end == branch->end && block->executed)
            return true;
    return false;
}

static void ended(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    FILE *out = fopen(out_path, "w");
    if (!out) {
        perror(out_path);
        return;
    }
    uint64_t total = 0;
    for (const struct block *block = blocks; block; block = block->next)
        total += block->executed * ((block->end - block->start) / 4);
    fprintf(out, "instructions %" PRIu64 "\n", total);
    for (const struct block *block = blocks; block; block = block->next) {
        uint64_t last = block->end - 4;
        uint64_t target = branch_target(last, block->code[(last - block->start) / 4]);
        /* Rarely executed loops would only make the file long. */
        if (target && target < block->end && reached(block->end) * (block->end - target) / 4 > total / 1000
            && !printed_before(block))
            print_loop(out, target, block->end);
    }
    if (fclose(out))
        perror(out_path);
}

VISIBLE int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++)
        if (!strncmp(argv[i], "out=", 4))
            out_path = must(strdup(argv[i] + 4));
    if (!out_path) {
        fprintf(stderr, "count.c: needs out=FILE\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
