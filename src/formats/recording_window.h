/* A window of a recording: the events between two marks, with the quality of just that time. */
#ifndef PP_FORMATS_RECORDING_WINDOW_H
#define PP_FORMATS_RECORDING_WINDOW_H

#include "formats/recording_shapes.h"
#include "profile/profile.h"
#include "recording/layout.h"
#include "recording/reader.h"

/* What a recording's counters stood at. */
struct pp_recording_mark {
    uint64_t time_ns; /* since the recording's start */
    uint64_t cpu_ns, own_cpu_ns;
    uint64_t n_samples; /* of the whole; those of the window are counted from its events */
    uint64_t losses[PP_LOSS_COUNT];
    uint64_t budget_ppm, n_budget_changes;
    struct pp_wait_thread waits; /* of all threads; zeros where they are not followed */
};

struct pp_recording_window {
    struct pp_recording_mark begin, end;
};

/* Read the counters of 'head', which may be one that others write: ask for PP_REQUEST_FLUSH before,
 * since the CPU time is as old as the helper's last turn. */
void pp_recording_mark_read(const struct pp_rec_header *head, struct pp_recording_mark *mark_out);

/* Of 'reader's process, beside it: where its threads' time went until now. */
void pp_recording_mark_waits(struct pp_recording_reader *reader,
                             struct pp_recording_mark *mark_out);

/* Whether an event belongs to 'window'; '*cpu_ns' is cut to what a thread can have used within it:
 * a thread's first sample also stands for what it did before. */
bool pp_recording_window_takes(const struct pp_recording_window *window,
                               const struct pp_recording_event *event, int64_t *cpu_ns);

/* The same of waits, which began at any time before they ended; of a holder the time is others'. */
bool pp_recording_window_takes_wait(const struct pp_recording_window *window,
                                    const struct pp_recording_event *event, int64_t *wait_ns);

/* Whether sums that began before 'window' reach into it: which of them is the window's nobody
 * knows.
 */
bool pp_recording_window_reaches(const struct pp_recording_window *window,
                                 const struct pp_recording_event *event);

/* Of a window the quality is counted from its events: threads' totals are of the whole. */
void pp_recording_window_count(const struct pp_recording_event *event, const int64_t values[2],
                               struct pp_quality *quality);

/* The first sample in the window of a thread that lived before: it also stands for what the thread
 * did before, and the time since the begin bounds that badly where threads wait for a CPU. */
struct pp_window_first {
    bool is_seen;
    pp_id node, labels;
    uint32_t slice;
    int64_t cpu_ns; /* as it was taken; 0: of a thread that began within */
    bool is_remainder;
};

/* A sample of 'thread' was taken: keep it when it is such a first. */
void pp_recording_window_note(const struct pp_recording_window *window,
                              struct pp_window_first *first, const struct pp_window_first *sample,
                              const struct pp_rec_thread *thread);

/* All that was taken, 'taken_ns', is more than the process used in the window by the kernel's
 * clock: take what is too much from the first samples, in their proportion. */
void pp_recording_window_trim(const struct pp_recording_window *window,
                              struct pp_window_first *firsts, uint32_t n_firsts, int64_t taken_ns,
                              struct pprofc_profile *profile);

/* All that was taken is less than the process used: the rest came after threads' last samples
 * ([unsampled]), or was put together with what came before, as too many stacks came at once for the
 * recording's bound ('has_sums': [folded]). */
void pp_recording_window_add_rest(const struct pp_recording_window *window, int64_t taken_ns,
                                  bool has_sums, struct pprofc_profile *profile);

/* Of the time in which threads did not run 'taken_ns' is in samples: the rest was in waits that had
 * not ended, or that nobody saw ([unattributed]). */
void pp_recording_window_add_waits(const struct pp_recording_window *window, int64_t taken_ns,
                                   struct pprofc_profile *profile);

/* Make 'quality', which speaks of the whole recording but for what was counted from the window's
 * events, speak of the window. */
void pp_recording_window_quality(const struct pp_recording_window *window,
                                 const struct pp_recorded_shape *shape,
                                 struct pprofc_profile *profile);

#endif
