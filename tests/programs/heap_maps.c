/* Maps, cuts, covers, moves and unmaps memory at random, keeps a model of it, and says what should
 * be left.  Arguments: rounds (2000); threads, each with a model of its own (1); "fork" to have
 * children unmap what they inherit; "signals" to have a handler map and unmap, too. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

#define NOINLINE __attribute__((noinline))

enum { PAGE = 4096, MOST_PIECES = 400, MOST_PAGES = 40, MOST_THREADS = 16, PLACE_PAGES = 4096 };

/* A part of what one call gave, as long as nothing has cut it. */
struct piece {
    char *start;
    size_t n_pages;
    uint32_t object;
};

struct counts {
    uint64_t n_maps, mapped_bytes, n_others, other_bytes, n_unmaps, unmapped_bytes, n_errors;
    uint64_t live_objects, live_bytes;
};

struct model {
    struct piece pieces[MOST_PIECES];
    uint32_t n_pieces, n_objects, n_rounds;
    uint32_t *pages_left; /* by object */
    struct counts counts;
    char *place; /* to move things to */
    uint64_t random;
    int file;
};

static uint64_t draw(struct model *model, uint64_t n)
{
    model->random ^= model->random >> 12;
    model->random ^= model->random << 25;
    model->random ^= model->random >> 27;
    return (model->random * UINT64_C(0x2545F4914F6CDD1D) >> 33) % n;
}

static void expect(struct model *model, int is_right, const char *what)
{
    if (is_right || model->counts.n_errors++ > 0)
        return;
    (void)fprintf(stderr, "heap_maps: %s\n", what);
}

/* ---- the model ---- */

static void add_piece(struct model *model, char *start, size_t n_pages, uint32_t object)
{
    model->pieces[model->n_pieces++] = (struct piece){start, n_pages, object};
    model->pages_left[object] += (uint32_t)n_pages;
}

static void remove_piece(struct model *model, uint32_t i)
{
    model->pages_left[model->pieces[i].object] -= (uint32_t)model->pieces[i].n_pages;
    model->pieces[i] = model->pieces[--model->n_pieces];
}

static void add_object(struct model *model, char *start, size_t n_pages)
{
    const uint32_t object = model->n_objects++;

    model->pages_left[object] = 0;
    add_piece(model, start, n_pages, object);
    model->counts.n_maps++;
    model->counts.mapped_bytes += n_pages * PAGE;
}

/* [from, from + n) of piece 'i', in pages, is gone. */
static void cut(struct model *model, uint32_t i, size_t from, size_t n)
{
    const struct piece piece = model->pieces[i];

    remove_piece(model, i);
    if (from > 0)
        add_piece(model, piece.start, from, piece.object);
    if (from + n < piece.n_pages)
        add_piece(model, piece.start + (from + n) * PAGE, piece.n_pages - from - n, piece.object);
}

/* What of piece 'i' lies in [low, high) is gone. */
static void cut_away(struct model *model, uint32_t i, const char *low, const char *high)
{
    const char *start = model->pieces[i].start, *end = start + model->pieces[i].n_pages * PAGE;

    low = start > low ? start : low;
    high = end < high ? end : high;
    if (low < high)
        cut(model, i, (size_t)(low - start) / PAGE, (size_t)(high - low) / PAGE);
}

static int is_in_place(const struct model *model, const struct piece *piece)
{
    return piece->start >= model->place && piece->start < model->place + PLACE_PAGES * PAGE;
}

/* ---- what it does ---- */

NOINLINE static void map_private(struct model *model, size_t n)
{
    /* Not whole pages: the kernel rounds. */
    char *memory = mmap(NULL, n * PAGE - draw(model, PAGE), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    expect(model, memory != MAP_FAILED, "mmap");
    if (memory != MAP_FAILED)
        add_object(model, memory, n);
}

NOINLINE static void map_shared(struct model *model, size_t n)
{
    char *memory =
        mmap64(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    expect(model, memory != MAP_FAILED, "mmap64");
    if (memory != MAP_FAILED)
        add_object(model, memory, n);
}

/* A new one in place of a part of an old one. */
NOINLINE static void map_over(struct model *model, uint32_t i, size_t from, size_t n)
{
    char *start = model->pieces[i].start + from * PAGE;

    expect(model,
           mmap(start, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                -1, 0) == start,
           "mmap over");
    cut(model, i, from, n);
    add_object(model, start, n);
}

NOINLINE static void unmap(struct model *model, uint32_t i, size_t from, size_t n)
{
    expect(model, munmap(model->pieces[i].start + from * PAGE, n * PAGE) == 0, "munmap");
    cut(model, i, from, n);
    model->counts.n_unmaps++;
    model->counts.unmapped_bytes += n * PAGE;
}

/* Nothing happens, and nothing may be forgotten. */
NOINLINE static void unmap_in_vain(struct model *model, uint32_t i)
{
    expect(model, munmap(model->pieces[i].start + 1, PAGE) != 0, "munmap of an odd address");
    expect(model, mremap(model->pieces[i].start + 1, PAGE, 2 * PAGE, 0) == MAP_FAILED,
           "mremap of an odd address");
    expect(model, munmap(model->pieces[i].start, (size_t)1 << 48) != 0, "munmap of all there is");
}

NOINLINE static void resize(struct model *model, uint32_t i, size_t n_after)
{
    const struct piece piece = model->pieces[i];
    char *memory = mremap(piece.start, piece.n_pages * PAGE, n_after * PAGE,
                          draw(model, 4) == 0 ? 0 : MREMAP_MAYMOVE);

    if (memory == MAP_FAILED) /* it may not move, and its neighbour is in the way */
        return;
    remove_piece(model, i);
    add_piece(model, memory, n_after, piece.object);
    if (n_after > piece.n_pages)
        model->counts.mapped_bytes += (n_after - piece.n_pages) * PAGE;
    else
        model->counts.unmapped_bytes += (piece.n_pages - n_after) * PAGE;
}

/* A part of a piece is moved to a place of its own, over whatever is there. */
NOINLINE static void move(struct model *model, uint32_t i, size_t from, size_t n)
{
    char *target = model->place + draw(model, PLACE_PAGES - MOST_PAGES) * PAGE;
    const struct piece piece = model->pieces[i];

    expect(model,
           mremap(piece.start + from * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                  target) == target,
           "mremap to a place");
    cut(model, i, from, n);
    for (uint32_t k = model->n_pieces; k-- > 0;)
        cut_away(model, k, target, target + n * PAGE);
    add_piece(model, target, n, piece.object);
}

/* The contents move, the range stays. */
NOINLINE static void move_contents(struct model *model, size_t n)
{
    char *memory = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *after = mremap(memory, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);

    add_object(model, memory, n);
    if (after != MAP_FAILED)
        add_object(model, after, n);
}

/* Files and address space alone: counted, not followed, also when they grow. */
NOINLINE static void map_others(struct model *model, size_t n)
{
    char *memory = mmap(NULL, n * PAGE, PROT_READ, MAP_PRIVATE, model->file, 0);
    char *grown = mremap(memory, n * PAGE, 2 * n * PAGE, MREMAP_MAYMOVE);
    char *space = mmap(NULL, n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    expect(model, memory != MAP_FAILED && grown != MAP_FAILED && space != MAP_FAILED, "others");
    expect(model, munmap(grown, 2 * n * PAGE) == 0 && munmap(space, n * PAGE) == 0,
           "munmap of others");
    model->counts.n_others += 2;
    model->counts.other_bytes += 3 * n * PAGE;
    model->counts.n_unmaps += 2;
    model->counts.unmapped_bytes += 3 * n * PAGE;
}

/* One call for what three calls gave. */
NOINLINE static void unmap_several(struct model *model, size_t n)
{
    char *memory =
        mmap(NULL, 4 * n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const uint32_t before = model->n_pieces;

    expect(model, memory != MAP_FAILED, "mmap of several");
    add_object(model, memory, 4 * n);
    map_over(model, before, n, n);
    expect(model, munmap(memory + n / 2 * PAGE, 3 * n * PAGE) == 0, "munmap of several");
    for (uint32_t k = model->n_pieces; k-- > before;)
        cut_away(model, k, memory + n / 2 * PAGE, memory + (n / 2 + 3 * n) * PAGE);
    model->counts.n_unmaps++;
    model->counts.unmapped_bytes += 3 * n * PAGE;
}

/* Address space again, in place of all that was moved there; never a hole, where another thread's
 * memory could come to lie. */
NOINLINE static void clear_place(struct model *model)
{
    char *end = model->place + PLACE_PAGES * PAGE;

    expect(model,
           mmap(model->place, PLACE_PAGES * PAGE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == model->place,
           "mmap of the place");
    for (uint32_t k = model->n_pieces; k-- > 0;)
        cut_away(model, k, model->place, end);
    model->counts.n_others++;
    model->counts.other_bytes += PLACE_PAGES * PAGE;
}

static void act_on_piece(struct model *model)
{
    const uint32_t i = (uint32_t)draw(model, model->n_pieces);
    const size_t from = draw(model, model->pieces[i].n_pages);
    const size_t n = 1 + draw(model, model->pieces[i].n_pages - from);

    switch (is_in_place(model, &model->pieces[i]) ? 0 : draw(model, 8)) {
    case 0:
        map_over(model, i, from, n);
        break;
    case 1:
        resize(model, i, 1 + draw(model, MOST_PAGES));
        break;
    case 2:
        move(model, i, from, n);
        break;
    case 3:
        unmap_in_vain(model, i);
        break;
    case 4:
        unmap(model, i, 0, model->pieces[i].n_pages);
        break;
    default:
        unmap(model, i, from, n);
    }
}

static void act(struct model *model)
{
    const size_t n = 1 + draw(model, MOST_PAGES);

    if (model->n_pieces + 4 < MOST_PIECES && (model->n_pieces == 0 || draw(model, 3) == 0)) {
        if (draw(model, 2) == 0)
            map_private(model, n);
        else
            map_shared(model, n);
    } else if (draw(model, 50) == 0) {
        map_others(model, n);
    } else if (draw(model, 100) == 0) {
        clear_place(model);
    } else if (model->n_pieces + 8 < MOST_PIECES && draw(model, 30) == 0) {
        unmap_several(model, n);
    } else if (model->n_pieces + 4 < MOST_PIECES && draw(model, 50) == 0) {
        move_contents(model, n);
    } else if (model->n_pieces + 4 < MOST_PIECES) {
        act_on_piece(model);
    } else {
        clear_place(model);
        while (model->n_pieces > MOST_PIECES / 2)
            unmap(model, 0, 0, model->pieces[0].n_pages);
    }
}

/* ---- children and handlers ---- */

static void run_child(struct model *model)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        for (uint32_t i = 0; i < model->n_pieces; i++)
            if (munmap(model->pieces[i].start, model->pieces[i].n_pages * PAGE) != 0)
                _exit(1);
        _exit(0);
    }
    expect(model, child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child");
}

NOINLINE static void map_in_handler(int signo)
{
    char *memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)signo;
    if (memory != MAP_FAILED)
        (void)munmap(memory, 4 * PAGE);
}

static void have_signals(void)
{
    const struct itimerval often = {{0, 300}, {0, 300}};
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = map_in_handler;
    action.sa_flags = SA_RESTART;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &often, NULL);
}

/* ---- all of it ---- */

static void *live(void *argument)
{
    struct model *model = argument;

    for (uint32_t i = 0; i < model->n_rounds; i++)
        act(model);
    for (uint32_t i = 0; i < model->n_objects; i++) {
        model->counts.live_objects += model->pages_left[i] > 0;
        model->counts.live_bytes += (uint64_t)model->pages_left[i] * PAGE;
    }
    return NULL;
}

static void begin(struct model *model, uint32_t n_rounds, uint64_t seed)
{
    memset(model, 0, sizeof *model);
    model->n_rounds = n_rounds;
    model->random = seed * UINT64_C(0x9E3779B97F4A7C15);
    model->pages_left = calloc(3UL * n_rounds + 1, sizeof *model->pages_left);
    model->file = memfd_create("heap_maps", MFD_CLOEXEC);
    model->place = mmap(NULL, PLACE_PAGES * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    model->counts.n_others = 1;
    model->counts.other_bytes = PLACE_PAGES * PAGE;
    if (model->pages_left == NULL || model->file < 0 || model->place == MAP_FAILED ||
        ftruncate(model->file, 2 * MOST_PAGES * PAGE) != 0)
        exit(2);
}

static void add(struct counts *sum, const struct counts *more)
{
    for (size_t i = 0; i < sizeof *sum / sizeof(uint64_t); i++)
        ((uint64_t *)sum)[i] += ((const uint64_t *)more)[i];
}

int main(int argc, char **argv)
{
    static struct model models[MOST_THREADS];
    const uint32_t n_rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 2000;
    const int n_threads = argc > 2 ? atoi(argv[2]) : 1;
    const char *how = argc > 3 ? argv[3] : "";
    pthread_t threads[MOST_THREADS];
    struct counts all = {0};

    if (n_threads < 1 || n_threads > MOST_THREADS)
        return 2;
    if (strcmp(how, "signals") == 0)
        have_signals();
    for (int i = 0; i < n_threads; i++) {
        begin(&models[i], n_rounds, (uint64_t)i + 1);
        if (pthread_create(&threads[i], NULL, live, &models[i]) != 0)
            return 2;
    }
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join(threads[i], NULL);
    if (strcmp(how, "fork") == 0)
        for (int i = 0; i < 5; i++)
            run_child(&models[0]);
    (void)setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    for (int i = 0; i < n_threads; i++)
        add(&all, &models[i].counts);
    printf("{\"n_maps\": %llu, \"mapped_bytes\": %llu, \"n_others\": %llu, \"other_bytes\": %llu, "
           "\"n_unmaps\": %llu, \"unmapped_bytes\": %llu, \"live_objects\": %llu, "
           "\"live_bytes\": %llu, \"n_errors\": %llu}\n",
           (unsigned long long)all.n_maps, (unsigned long long)all.mapped_bytes,
           (unsigned long long)all.n_others, (unsigned long long)all.other_bytes,
           (unsigned long long)all.n_unmaps, (unsigned long long)all.unmapped_bytes,
           (unsigned long long)all.live_objects, (unsigned long long)all.live_bytes,
           (unsigned long long)all.n_errors);
    return all.n_errors == 0 ? 0 : 1;
}
