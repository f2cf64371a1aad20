/* A program worth profiling: counts the words and phrases of texts, prints the most frequent ones,
 * and looks for words that may be misspelt: rare, and one or two letters away from a frequent one.
 *
 *     wordcount [-n ROUNDS] FILE..
 *
 * With -n it does all of it several times, as a benchmark would. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PHRASE_WORDS = 5, MAX_WORD_BYTES = 48, N_SHOWN = 5 };

struct entry {
    char *text; /* NULL: a free slot */
    uint64_t hash;
    size_t n_seen;
};

/* Open addressing with linear probing; at most two thirds full. */
struct table {
    struct entry *entries;
    size_t n_slots, n_used;
};

static void *allocate(size_t n_items, size_t item_bytes)
{
    void *memory = calloc(n_items, item_bytes);

    if (memory == NULL) {
        fprintf(stderr, "wordcount: out of memory\n");
        exit(1);
    }
    return memory;
}

/* FNV-1a. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 14695981039346656037u;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

static struct entry *table_slot(const struct table *table, const char *text, uint64_t hash)
{
    size_t i = hash & (table->n_slots - 1);

    while (table->entries[i].text != NULL &&
           (table->entries[i].hash != hash || strcmp(table->entries[i].text, text) != 0))
        i = (i + 1) & (table->n_slots - 1);
    return &table->entries[i];
}

static void table_grow(struct table *table)
{
    struct table grown = {.n_slots = table->n_slots == 0 ? 256 : table->n_slots * 2};

    grown.n_used = table->n_used;
    grown.entries = allocate(grown.n_slots, sizeof *grown.entries);
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->entries[i].text != NULL)
            *table_slot(&grown, table->entries[i].text, table->entries[i].hash) = table->entries[i];
    free(table->entries);
    *table = grown;
}

static void table_count(struct table *table, const char *text)
{
    const uint64_t hash = hash_text(text);
    struct entry *entry;

    if (table->n_used * 3 >= table->n_slots * 2)
        table_grow(table);
    entry = table_slot(table, text, hash);
    if (entry->text == NULL) {
        entry->text = strcpy(allocate(strlen(text) + 1, 1), text);
        entry->hash = hash;
        table->n_used++;
    }
    entry->n_seen++;
}

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->n_slots; i++)
        free(table->entries[i].text);
    free(table->entries);
}

/* The next run of letters, in lower case, into 'word'. */
static bool read_word(FILE *file, char word[MAX_WORD_BYTES])
{
    size_t n_bytes = 0;
    int c;

    while ((c = getc(file)) != EOF) {
        if (isalpha(c)) {
            if (n_bytes < MAX_WORD_BYTES - 1)
                word[n_bytes++] = (char)tolower(c);
        } else if (n_bytes > 0) {
            break;
        }
    }
    word[n_bytes] = '\0';
    return n_bytes > 0;
}

/* Count every phrase of 1 to MAX_PHRASE_WORDS words that ends in the newest of 'words'. */
static void count_phrases(struct table tables[], char words[][MAX_WORD_BYTES], size_t n_words)
{
    char phrase[MAX_PHRASE_WORDS * MAX_WORD_BYTES];

    for (size_t n = 1; n <= MAX_PHRASE_WORDS && n <= n_words; n++) {
        char *end = phrase;
        for (size_t i = n_words - n; i < n_words; i++) {
            if (end != phrase)
                *end++ = ' ';
            end = stpcpy(end, words[i % MAX_PHRASE_WORDS]);
        }
        table_count(&tables[n - 1], phrase);
    }
}

static int count_file(struct table tables[], const char *path)
{
    char words[MAX_PHRASE_WORDS][MAX_WORD_BYTES]; /* the last ones, round and round */
    size_t n_words = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        fprintf(stderr, "wordcount: cannot open '%s': %s\n", path, strerror(errno));
        return 1;
    }
    while (read_word(file, words[n_words % MAX_PHRASE_WORDS]))
        count_phrases(tables, words, ++n_words);
    fclose(file);
    return 0;
}

static int compare_by_count(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->n_seen != b->n_seen)
        return a->n_seen < b->n_seen ? 1 : -1;
    return strcmp(a->text, b->text);
}

/* The entries, the most frequent ones first; free() the result. */
static struct entry *sorted_entries(const struct table *table)
{
    struct entry *sorted = allocate(table->n_used + 1, sizeof *sorted);
    size_t n_entries = 0;

    for (size_t i = 0; i < table->n_slots; i++)
        if (table->entries[i].text != NULL)
            sorted[n_entries++] = table->entries[i];
    qsort(sorted, n_entries, sizeof *sorted, compare_by_count);
    return sorted;
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    a = a < b ? a : b;
    return a < c ? a : c;
}

/* Levenshtein's distance, one row at a time. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[MAX_WORD_BYTES];
    const size_t n_b = strlen(b);

    for (size_t j = 0; j <= n_b; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < n_b; j++) {
            const unsigned changed = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = smallest(changed, row[j] + 1, diagonal + 1);
        }
    }
    return row[n_b];
}

/* Words seen once or twice that lie close to one seen at least twenty times. */
static size_t find_misspelt(const struct entry *sorted, size_t n_entries)
{
    size_t n_frequent = 0, n_found = 0;

    while (n_frequent < n_entries && sorted[n_frequent].n_seen >= 20)
        n_frequent++;
    for (size_t i = n_frequent; i < n_entries; i++) {
        if (sorted[i].n_seen > 2 || strlen(sorted[i].text) < 6)
            continue;
        for (size_t j = 0; j < n_frequent; j++) {
            if (edit_distance(sorted[i].text, sorted[j].text) <= 2) {
                n_found++;
                break;
            }
        }
    }
    return n_found;
}

static void print_most_frequent(const struct entry *sorted, size_t n_entries, size_t n_words)
{
    printf("%zu different phrases of %zu words, first", n_entries, n_words);
    for (size_t i = 0; i < N_SHOWN && i < n_entries; i++)
        printf("%s '%s' (%zu)", i > 0 ? "," : "", sorted[i].text, sorted[i].n_seen);
    printf("\n");
}

static int count_texts(char *const paths[], int n_paths, bool print)
{
    struct table tables[MAX_PHRASE_WORDS] = {0};
    int status = 0;

    for (int i = 0; i < n_paths; i++)
        status |= count_file(tables, paths[i]);
    for (size_t n = 0; n < MAX_PHRASE_WORDS; n++) {
        struct entry *sorted = sorted_entries(&tables[n]);
        const size_t n_misspelt = n == 0 ? find_misspelt(sorted, tables[n].n_used) : 0;
        if (print)
            print_most_frequent(sorted, tables[n].n_used, n + 1);
        if (print && n == 0)
            printf("%zu words may be misspelt\n", n_misspelt);
        free(sorted);
        table_free(&tables[n]);
    }
    return status;
}

int main(int argc, char **argv)
{
    long n_rounds = 1;
    int status = 0;

    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        n_rounds = strtol(argv[2], NULL, 10);
        argv += 2;
        argc -= 2;
    }
    if (argc < 2 || n_rounds < 1) {
        fprintf(stderr, "usage: wordcount [-n ROUNDS] FILE..\n");
        return 2;
    }
    for (long round = 1; round <= n_rounds && status == 0; round++)
        status = count_texts(argv + 1, argc - 1, round == n_rounds);
    return status;
}
