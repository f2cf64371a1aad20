/* The public calls that say what a thread works for: labels, contexts, spans. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "capture/labels.h"
#include "capture/spans.h"
#include "capture/session.h"
#include "capture/threads.h"
#include "pprofc/pprofc.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

/* The calling thread's block; NULL: no memory, or more threads than there are blocks. */
static struct pp_sig_thread *self(struct pprofc_error *err)
{
    struct pp_sig_thread *thread;

    pp_fork_look();
    thread = pp_threads_self();
    if (thread == NULL)
        (void)pp_fail(err, -ENOMEM, 0, "no memory for what is known of this thread");
    return thread;
}

/* ---- labels ---- */

/* Names that samples carry by themselves. */
static bool is_ours(const char *key)
{
    static const char *const OURS[] = {"thread_id", "thread_name", "span_id",
                                       "trace_id",  "profile_id",  "span_name"};

    for (size_t i = 0; i < sizeof OURS / sizeof OURS[0]; i++)
        if (strcmp(key, OURS[i]) == 0)
            return true;
    return false;
}

static int check_key(const char *key, struct pprofc_error *err)
{
    if (key == NULL || key[0] == '\0')
        return pp_fail(err, -EINVAL, 0, "a label without a key");
    if (strnlen(key, PP_MAX_KEY_BYTES + 1) > PP_MAX_KEY_BYTES)
        return pp_fail(err, -EINVAL, 0, "a label's key of more than %d bytes", PP_MAX_KEY_BYTES);
    if (is_ours(key))
        return pp_fail(err, -EINVAL, 0, "samples carry '%s' by themselves; take another key", key);
    return 0;
}

static int check_label(const char *key, const char *value, struct pprofc_error *err)
{
    const int result = check_key(key, err);

    if (result != 0)
        return result;
    if (value == NULL || strnlen(value, PP_MAX_VALUE_BYTES + 1) > PP_MAX_VALUE_BYTES)
        return pp_fail(err, -EINVAL, 0, "label '%s' without a value, or one of more than %d bytes",
                       key, PP_MAX_VALUE_BYTES);
    return 0;
}

static uint32_t labels_of(const struct pp_sig_thread *thread)
{
    return atomic_load_explicit(&thread->label_set, memory_order_relaxed);
}

static void set_labels(struct pp_sig_thread *thread, uint32_t label_set)
{
    if (label_set == labels_of(thread))
        return;
    pp_sig_thread_note_change(thread);
    atomic_store_explicit(&thread->label_set, label_set, memory_order_release);
}

static void count_loss(void)
{
    struct pp_sig_thread *thread = pp_sig_self;
    struct pp_rec_header *header;

    if (thread == NULL || pp_sig_gate == NULL)
        return;
    pp_sig_enter(thread);
    header = atomic_load_explicit(&pp_sig_gate->header, memory_order_acquire);
    if (header != NULL)
        pp_sig_count_loss(header, PP_LOSS_LABEL);
    pp_sig_leave(thread);
}

/* The key goes: samples without it are better than with the value before. */
static int fail_without_room(struct pp_sig_thread *thread, uint32_t key, const char *name,
                             struct pprofc_error *err)
{
    const int64_t rest = key == 0 ? 0 : pp_labels_with(labels_of(thread), key, 0);

    set_labels(thread, rest < 0 ? 0 : (uint32_t)rest);
    count_loss();
    return pp_fail(err, -ENOSPC, 0,
                   "no room for another value of label '%s': values should be few, ids of requests "
                   "are for pprofc_span_begin()",
                   name);
}

static int put(struct pp_sig_thread *thread, const char *key, const char *value,
               struct pprofc_error *err)
{
    const uint32_t key_text = pp_labels_text(key, strlen(key));
    const uint32_t value_text = key_text == 0 ? 0 : pp_labels_text(value, strlen(value));
    int64_t label_set;

    if (value_text == 0)
        return fail_without_room(thread, key_text, key, err);
    label_set = pp_labels_with(labels_of(thread), key_text, value_text);
    if (label_set == -E2BIG)
        return pp_fail(err, -E2BIG, 0, "label '%s' would be this thread's 17th", key);
    if (label_set < 0)
        return fail_without_room(thread, key_text, key, err);
    set_labels(thread, (uint32_t)label_set);
    return 0;
}

int pprofc_label_set(const char *key, const char *value, struct pprofc_error *err)
{
    const int result = check_label(key, value, err);
    struct pp_sig_thread *thread = result != 0 ? NULL : self(err);

    if (thread == NULL)
        return result != 0 ? result : -ENOMEM;
    return put(thread, key, value, err);
}

int pprofc_label_clear(const char *key, struct pprofc_error *err)
{
    const int result = key == NULL ? 0 : check_key(key, err);
    struct pp_sig_thread *thread = result != 0 ? NULL : self(err);
    int64_t label_set = 0;
    uint32_t text;

    if (thread == NULL)
        return result != 0 ? result : -ENOMEM;
    if (labels_of(thread) == 0)
        return 0;
    if (key != NULL) {
        text = pp_labels_text(key, strlen(key));
        label_set = text == 0 ? labels_of(thread) : pp_labels_with(labels_of(thread), text, 0);
        if (label_set < 0)
            return fail_without_room(thread, 0, key, err);
    }
    set_labels(thread, (uint32_t)label_set);
    return 0;
}

/* ---- contexts ---- */

static struct pprofc_context context_of(const struct pp_sig_thread *thread)
{
    return (struct pprofc_context){
        {labels_of(thread), atomic_load_explicit(&thread->span, memory_order_relaxed)}};
}

struct pprofc_context pprofc_context_capture(void)
{
    const struct pp_sig_thread *thread = self(NULL);

    return thread == NULL ? (struct pprofc_context){{0, 0}} : context_of(thread);
}

struct pprofc_context pprofc_context_restore(struct pprofc_context context)
{
    struct pp_sig_thread *thread = self(NULL);
    struct pprofc_context before = {{0, 0}};

    if (thread == NULL)
        return before;
    before = context_of(thread);
    set_labels(thread, pp_labels_number(context.words[0]));
    pp_span_move(thread, context.words[1]);
    return before;
}

struct pprofc_context pprofc_label_scope_begin(const char *key, const char *value)
{
    const struct pprofc_context before = pprofc_context_capture();

    (void)pprofc_label_set(key, value, NULL);
    return before;
}

void pprofc_label_scope_end(struct pprofc_context *before)
{
    struct pp_sig_thread *thread = self(NULL);

    if (thread != NULL)
        set_labels(thread, pp_labels_number(before->words[0]));
}

/* ---- spans ---- */

static bool is_zero(const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

int pprofc_span_begin(const unsigned char trace_id[16], const unsigned char span_id[8],
                      const char *name, struct pprofc_error *err)
{
    const size_t n_name = name == NULL ? 0 : strnlen(name, PP_MAX_VALUE_BYTES + 1);
    struct pp_sig_thread *thread;
    int result;

    if (trace_id == NULL || span_id == NULL || is_zero(trace_id, 16) || is_zero(span_id, 8))
        return pp_fail(err, -EINVAL, 0, "a span without ids: all of their bytes are zero");
    if (n_name > PP_MAX_VALUE_BYTES)
        return pp_fail(err, -EINVAL, 0, "a span's name of more than %d bytes", PP_MAX_VALUE_BYTES);
    thread = self(err);
    if (thread == NULL)
        return -ENOMEM;
    result =
        pp_span_begin(thread, trace_id, span_id, n_name == 0 ? 0 : pp_labels_text(name, n_name));
    return result == 0
               ? 0
               : pp_fail(err, result, 0, "no room for another span: %d are open", PP_MAX_SPANS);
}

/* Lower case only, as the header has it; -1 for anything else. */
static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, unsigned char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        const int high = digit_of(text[2 * i]), low = high < 0 ? -1 : digit_of(text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (unsigned char)(high * 16 + low);
    }
    return true;
}

int pprofc_span_begin_traceparent(const char *traceparent, const char *name,
                                  struct pprofc_error *err)
{
    enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53, N_CHARS = 55 };
    unsigned char version, flags, trace_id[16], span_id[8];
    const size_t n = traceparent == NULL ? 0 : strnlen(traceparent, N_CHARS + 1);

    /* A later version may have more behind another dash. */
    if (n < N_CHARS || !read_hex(traceparent, &version, 1) || version == 0xff ||
        (n > N_CHARS && (version == 0 || traceparent[N_CHARS] != '-')) ||
        traceparent[TRACE_AT - 1] != '-' || traceparent[SPAN_AT - 1] != '-' ||
        traceparent[FLAGS_AT - 1] != '-' || !read_hex(traceparent + TRACE_AT, trace_id, 16) ||
        !read_hex(traceparent + SPAN_AT, span_id, 8) ||
        !read_hex(traceparent + FLAGS_AT, &flags, 1))
        return pp_fail(
            err, -EINVAL, 0,
            "'%.80s' is no traceparent header (\"00-<32 digits>-<16 digits>-<2 digits>\")",
            traceparent == NULL ? "" : traceparent);
    return pprofc_span_begin(trace_id, span_id, name, err);
}

static struct pprofc_span_summary summary_of(const struct pp_sig_span *span,
                                             const struct pp_span_times *times)
{
    struct pprofc_span_summary summary = {
        .struct_bytes = sizeof summary,
        .n_samples = atomic_load_explicit(&span->n_samples, memory_order_relaxed),
        .cpu_ns = atomic_load_explicit(&span->cpu_ns, memory_order_relaxed),
        .wall_ns = times->wall_ns,
        .wait_ns = times->wall_ns > times->own_cpu_ns ? times->wall_ns - times->own_cpu_ns : 0,
    };

    for (uint32_t i = 0; i < PP_N_HOT_PCS; i++)
        if (atomic_load_explicit(&span->hot_counts[i], memory_order_relaxed) > summary.n_hottest) {
            summary.n_hottest = atomic_load_explicit(&span->hot_counts[i], memory_order_relaxed);
            summary.hottest_pc = atomic_load_explicit(&span->hot_pcs[i], memory_order_relaxed);
        }
    return summary;
}

int pprofc_span_end(struct pprofc_span_summary *summary_out, struct pprofc_error *err)
{
    struct pp_sig_thread *thread;
    struct pp_sig_span ended;
    struct pp_span_times times;

    if (summary_out != NULL && summary_out->struct_bytes != sizeof *summary_out)
        return pp_fail(err, -EINVAL, 0,
                       "no struct pprofc_span_summary that PPROFC_SPAN_SUMMARY_INIT has filled");
    thread = self(err);
    if (thread == NULL)
        return -ENOMEM;
    if (pp_span_end(thread, &ended, &times) != 0)
        return pp_fail(err, -ESRCH, 0, "this thread is in no span that it began");
    if (summary_out != NULL)
        *summary_out = summary_of(&ended, &times);
    return 0;
}
