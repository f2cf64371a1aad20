/* The folder and the list of what is in it.  Nothing is synced to the disk: what a crash of the
 * machine takes are the last seconds of windows, and a sync would make programs wait for disks. */
#include "export/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/whole_file.h"

enum { TIME_DIGITS = 20, ID_DIGITS = 2 * PP_WINDOW_ID, STALE_S = 600 };

static const uint64_t DISK_BYTES = UINT64_C(256) << 20, MEMORY_BYTES = UINT64_C(32) << 20;
static const uint64_t DAY_NS = UINT64_C(86400000000000);

/* ---- names ---- */

static void make_name(const struct pp_queue_item *item, unsigned done,
                      char name[PP_QUEUE_NAME_BYTES])
{
    char id[ID_DIGITS + 1];

    for (size_t i = 0; i < PP_WINDOW_ID; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", item->id[i]);
    (void)snprintf(name, PP_QUEUE_NAME_BYTES, "%0*" PRIu64 "-%s-%s.%u.pb.gz", TIME_DIGITS,
                   item->begin_ns, id, item->kind, done);
}

static bool read_id(const char *text, uint8_t id[PP_WINDOW_ID])
{
    for (size_t i = 0; i < PP_WINDOW_ID; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        id[i] = (uint8_t)byte;
    }
    return true;
}

/* Only a name that we would give it ourselves is one of ours. */
static bool read_name(const char *name, struct pp_queue_item *item)
{
    char again[PP_QUEUE_NAME_BYTES], *end;
    const size_t n_head = TIME_DIGITS + 1 + ID_DIGITS + 1;
    const char *dot;

    if (strlen(name) <= n_head || strlen(name) >= PP_QUEUE_NAME_BYTES || name[TIME_DIGITS] != '-' ||
        !read_id(name + TIME_DIGITS + 1, item->id))
        return false;
    item->begin_ns = strtoull(name, &end, 10);
    dot = strchr(name + n_head, '.');
    if (end != name + TIME_DIGITS || dot == NULL || dot == name + n_head ||
        (size_t)(dot - name) - n_head >= sizeof item->kind)
        return false;
    memcpy(item->kind, name + n_head, (size_t)(dot - name) - n_head);
    item->done = item->named = (unsigned)strtoul(dot + 1, NULL, 10);
    make_name(item, item->named, again);
    return strcmp(name, again) == 0;
}

/* ---- the list ---- */

static struct pp_queue_item *new_item(void)
{
    struct pp_queue_item *item = calloc(1, sizeof *item);

    if (item != NULL)
        item->fd = -1;
    return item;
}

static void free_item(struct pp_queue_item *item)
{
    if (item == NULL)
        return;
    if (item->fd >= 0)
        (void)close(item->fd);
    pp_buffer_done(&item->bytes);
    free(item);
}

/* At its place by time. */
static int insert(struct pp_queue *queue, struct pp_queue_item *item)
{
    size_t at = queue->n_items;

    if (pp_array_reserve(&queue->items, &queue->capacity, queue->n_items + 1,
                         sizeof *queue->items) != 0)
        return -ENOMEM;
    while (at > 0 && queue->items[at - 1]->begin_ns > item->begin_ns)
        at--;
    memmove(queue->items + at + 1, queue->items + at, (queue->n_items - at) * sizeof *queue->items);
    queue->items[at] = item;
    queue->n_items++;
    queue->n_bytes += item->n_bytes;
    return 0;
}

static void forget(struct pp_queue *queue, size_t at)
{
    queue->n_bytes -= queue->items[at]->n_bytes;
    free_item(queue->items[at]);
    queue->n_items--;
    memmove(queue->items + at, queue->items + at + 1, (queue->n_items - at) * sizeof *queue->items);
}

static void unlink_item(const struct pp_queue *queue, const struct pp_queue_item *item)
{
    char name[PP_QUEUE_NAME_BYTES];

    if (queue->folder < 0)
        return;
    make_name(item, item->named, name);
    (void)unlinkat(queue->folder, name, 0);
}

void pp_queue_remove(struct pp_queue *queue, struct pp_queue_item *item)
{
    unlink_item(queue, item);
    for (size_t i = 0; i < queue->n_items; i++) {
        if (queue->items[i] == item) {
            forget(queue, i);
            return;
        }
    }
}

/* The oldest that nobody sends; false when there is none. */
static bool drop_oldest(struct pp_queue *queue)
{
    for (size_t i = 0; i < queue->n_items; i++) {
        if (queue->items[i]->is_taken)
            continue;
        pp_queue_remove(queue, queue->items[i]);
        queue->n_dropped++;
        return true;
    }
    return false;
}

void pp_queue_expire(struct pp_queue *queue, uint64_t now_ns)
{
    while (queue->n_items > 0 && !queue->items[0]->is_taken && queue->items[0]->begin_ns < now_ns &&
           now_ns - queue->items[0]->begin_ns > queue->most_age_ns)
        (void)drop_oldest(queue);
}

/* ---- opening ---- */

static int make_folder(const char *path, struct pprofc_error *err)
{
    pp_autofree char *copy = strdup(path);

    if (copy == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot open the queue '%s': out of memory", path);
    for (char *at = copy + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(copy, 0777);
        *at = '/';
    }
    if (mkdir(copy, 0700) != 0 && errno != EEXIST)
        return pp_fail(err, -errno, 0, "cannot make the queue's folder '%s': %s", path,
                       strerror(errno));
    return 0;
}

/* What a run that was killed left half-written. */
static void remove_stale(const struct pp_queue *queue, const char *name)
{
    struct stat facts;

    if (fstatat(queue->folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
        facts.st_mtime + STALE_S < time(NULL))
        (void)unlinkat(queue->folder, name, 0);
}

static int add_file(struct pp_queue *queue, const char *name)
{
    struct pp_queue_item *item = new_item();
    struct stat facts;
    int rc = item == NULL ? -ENOMEM : 0;

    if (rc == 0 && read_name(name, item) &&
        fstatat(queue->folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(facts.st_mode)) {
        item->n_bytes = (size_t)facts.st_size;
        rc = insert(queue, item);
        if (rc == 0)
            return 0;
    }
    free_item(item);
    return rc;
}

static int scan(struct pp_queue *queue)
{
    const int fd = dup(queue->folder);
    DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    int rc = 0;

    if (folder == NULL) {
        rc = -errno;
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    while (rc == 0 && (entry = readdir(folder)) != NULL) {
        if (pp_whole_file_is_abandoned(entry->d_name))
            remove_stale(queue, entry->d_name);
        else
            rc = add_file(queue, entry->d_name);
    }
    (void)closedir(folder);
    return rc;
}

int pp_queue_open(struct pp_queue *queue, const char *folder, uint64_t most_bytes,
                  uint64_t most_age_ns, struct pprofc_error *err)
{
    int rc;

    *queue = (struct pp_queue){.folder = -1,
                               .most_bytes = most_bytes,
                               .most_age_ns = most_age_ns != 0 ? most_age_ns : DAY_NS};
    if (most_bytes == 0)
        queue->most_bytes = folder != NULL ? DISK_BYTES : MEMORY_BYTES;
    if (folder == NULL)
        return 0;
    rc = make_folder(folder, err);
    if (rc != 0)
        return rc;
    queue->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (queue->folder < 0)
        return pp_fail(err, -errno, 0, "cannot open the queue's folder '%s': %s", folder,
                       strerror(errno));
    rc = scan(queue);
    if (rc == 0)
        return 0;
    pp_queue_close(queue);
    return pp_fail(err, rc, 0, "cannot read the queue's folder '%s': %s", folder, strerror(-rc));
}

void pp_queue_close(struct pp_queue *queue)
{
    for (size_t i = 0; i < queue->n_items; i++)
        free_item(queue->items[i]);
    free(queue->items);
    if (queue->folder >= 0)
        (void)close(queue->folder);
    *queue = (struct pp_queue){.folder = -1};
}

/* ---- adding ---- */

/* Beyond RLIMIT_FSIZE a write raises SIGXFSZ, which ends a program that did not ask for any of
 * this: it is held back and taken. */
static int write_quietly(const struct pp_queue *queue, const char *name,
                         const struct pp_buffer *bytes)
{
    const struct pp_whole_file_how how = {.mode = 0600, .overwrites = true};
    const struct timespec none = {0, 0};
    sigset_t beyond, before;
    int rc;

    (void)sigemptyset(&beyond);
    (void)sigaddset(&beyond, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &beyond, &before);
    rc = pp_whole_file_write(queue->folder, name, bytes->bytes, bytes->n_bytes, &how);
    if (rc == -EFBIG && sigismember(&before, SIGXFSZ) == 0)
        (void)sigtimedwait(&beyond, NULL, &none);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int store(const struct pp_queue *queue, struct pp_queue_item *item,
                 const struct pp_buffer *bytes)
{
    char name[PP_QUEUE_NAME_BYTES];

    if (queue->folder >= 0) {
        make_name(item, 0, name);
        return write_quietly(queue, name, bytes);
    }
    pp_buffer_append(&item->bytes, bytes->bytes, bytes->n_bytes);
    return item->bytes.failed ? -ENOMEM : 0;
}

int pp_queue_put(struct pp_queue *queue, const struct pp_window_record *record,
                 const struct pp_buffer *bytes, struct pprofc_error *err)
{
    struct pp_queue_item *item = new_item();
    int rc = item == NULL ? -ENOMEM : 0;

    if (rc == 0) {
        item->begin_ns = record->begin_ns;
        memcpy(item->id, record->id, sizeof item->id);
        memcpy(item->kind, record->kind, sizeof item->kind);
        item->n_bytes = bytes->n_bytes;
        while (queue->n_bytes + bytes->n_bytes > queue->most_bytes && drop_oldest(queue))
            ;
        rc = bytes->n_bytes > queue->most_bytes ? -EFBIG : store(queue, item, bytes);
    }
    if (rc == 0) {
        rc = insert(queue, item);
        if (rc != 0)
            unlink_item(queue, item);
    }
    if (rc == 0)
        return 0;
    free_item(item);
    return pp_fail(err, rc, 0, "cannot keep a window of %zu bytes to be sent: %s; it is lost",
                   bytes->n_bytes, strerror(-rc));
}

/* ---- sending ---- */

/* Open it and see that nobody else has it, or has sent it. */
static int claim(const struct pp_queue *queue, struct pp_queue_item *item)
{
    char name[PP_QUEUE_NAME_BYTES];
    struct stat facts;
    int rc = 0;

    make_name(item, item->named, name);
    item->fd = openat(queue->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (item->fd < 0)
        return -errno;
    if (flock(item->fd, LOCK_EX | LOCK_NB) != 0)
        rc = -EBUSY;
    else if (fstat(item->fd, &facts) != 0 || facts.st_nlink == 0)
        rc = -ENOENT;
    if (rc == 0)
        return 0;
    (void)close(item->fd);
    item->fd = -1;
    return rc;
}

static int load(struct pp_queue_item *item, struct pp_buffer *bytes)
{
    for (;;) {
        char *room = pp_buffer_room(bytes, 65536);
        ssize_t n;
        if (room == NULL)
            return -ENOMEM;
        n = read(item->fd, room, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        bytes->n_bytes += (size_t)n;
    }
}

static int take_from_memory(struct pp_queue *queue, struct pp_queue_item **item_out,
                            struct pp_buffer *bytes)
{
    struct pp_queue_item *item;

    if (queue->n_items == 0)
        return 0;
    item = queue->items[0];
    pp_buffer_append(bytes, item->bytes.bytes, item->bytes.n_bytes);
    if (bytes->failed)
        return -ENOMEM;
    item->is_taken = true;
    *item_out = item;
    return 1;
}

void pp_queue_give_back(struct pp_queue *queue, struct pp_queue_item *item)
{
    (void)queue;
    if (item->fd >= 0)
        (void)close(item->fd);
    item->fd = -1;
    item->is_taken = false;
}

int pp_queue_take(struct pp_queue *queue, struct pp_queue_item **item_out, struct pp_buffer *bytes)
{
    if (queue->folder < 0)
        return take_from_memory(queue, item_out, bytes);
    for (size_t i = 0; i < queue->n_items;) {
        struct pp_queue_item *item = queue->items[i];
        int rc = claim(queue, item);
        if (rc == -ENOENT) { /* another process sent it */
            forget(queue, i);
            continue;
        }
        if (rc == -EBUSY) {
            i++;
            continue;
        }
        if (rc == 0)
            rc = load(item, bytes);
        if (rc == 0) {
            item->is_taken = true;
            *item_out = item;
            return 1;
        }
        pp_queue_give_back(queue, item);
        if (rc == -ENOMEM) /* another time */
            return rc;
        queue->n_dropped++;
        forget(queue, i);
    }
    return 0;
}

void pp_queue_note_done(struct pp_queue *queue, struct pp_queue_item *item, unsigned done)
{
    char before[PP_QUEUE_NAME_BYTES], name[PP_QUEUE_NAME_BYTES];

    make_name(item, item->named, before);
    make_name(item, done, name);
    item->done = done;
    /* Failing that, it is sent once more than it need be, should we be killed now. */
    if (queue->folder >= 0 && renameat(queue->folder, before, queue->folder, name) == 0)
        item->named = done;
}
