/* Windows that wait to be sent, oldest first: files of a folder, or memory where there is none.
 * Files are found by the next run; one that another process sends at this moment is left to it.
 * Used by one thread at a time. */
#ifndef PP_EXPORT_QUEUE_H
#define PP_EXPORT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "export/window_file.h"

enum { PP_QUEUE_NAME_BYTES = 96 };

struct pp_queue_item {
    /* Its file is TIME-ID-KIND.DONE.pb.gz: as names sort, so do times. */
    uint64_t begin_ns;
    uint8_t id[PP_WINDOW_ID];
    char kind[PP_WINDOW_KIND_BYTES];
    unsigned done;  /* a bit for each request that needs not be sent any more */
    unsigned named; /* likewise, by the file's name */
    unsigned n_tries;
    size_t n_bytes;
    struct pp_buffer bytes; /* without a folder */
    int fd;                 /* its lock while it is being sent; -1 */
    bool is_taken;          /* being sent */
};

struct pp_queue {
    int folder; /* -1: memory */
    uint64_t most_bytes, most_age_ns;
    struct pp_queue_item **items; /* oldest first */
    size_t n_items, capacity;
    uint64_t n_bytes;
    uint64_t n_dropped; /* for want of room, or too old */
};

/* 'folder' NULL: memory; else it is made where it is missing, with what it waits in.  0 for a
 * limit: 256 MiB (32 in memory), a day. */
int pp_queue_open(struct pp_queue *queue, const char *folder, uint64_t most_bytes,
                  uint64_t most_age_ns, struct pprofc_error *err);
void pp_queue_close(struct pp_queue *queue);

/* Add a window; older ones go for it when there is no room.  -ENOSPC, -EDQUOT, -EFBIG .. of the
 * disk, -ENOMEM: it was not added, and nothing of it is left. */
int pp_queue_put(struct pp_queue *queue, const struct pp_window_record *record,
                 const struct pp_buffer *bytes, struct pprofc_error *err);

/* Drop what is older than the limit. */
void pp_queue_expire(struct pp_queue *queue, uint64_t now_ns);

/* Take the oldest for sending: 1 and its content, 0 when nothing waits that nobody else sends, or
 * -ENOMEM.  It stays in the queue, marked.  One that cannot be read is dropped, and counted. */
int pp_queue_take(struct pp_queue *queue, struct pp_queue_item **item_out, struct pp_buffer *bytes);

/* Of the item taken: some requests are done, all are, or it goes back. */
void pp_queue_note_done(struct pp_queue *queue, struct pp_queue_item *item, unsigned done);
void pp_queue_remove(struct pp_queue *queue, struct pp_queue_item *item);
void pp_queue_give_back(struct pp_queue *queue, struct pp_queue_item *item);

#endif
