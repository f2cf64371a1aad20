/* The last lines of a run about memory that nothing led to. */
#include "cli/run_leaks.h"

#include "base/numbers.h"
#include "cli/messages.h"
#include "formats/recording_leaks.h"
#include "views/leak_table.h"

enum { N_LINES = 5, N_FRAMES = 3 };

static void say_row(const struct pp_leak_report *report, const struct pp_leak_row *row)
{
    pp_autobuffer struct pp_buffer frames = PP_BUFFER_INIT;
    char bytes[PP_NUMBER_TEXT_BYTES], count[PP_NUMBER_TEXT_BYTES];

    pp_leak_frames_append(report->profile, row->stack, N_FRAMES, " < ", &frames);
    pp_buffer_text(&frames, "");
    if (!frames.failed)
        pp_say_below("%s in %s  %s", pp_bytes_text((double)row->suspect_bytes, bytes),
                     pp_count_text(row->suspect_objects, count), frames.bytes);
}

static void say(const struct pp_leak_report *report)
{
    const struct pp_leak_row *whole = &report->whole;
    const int64_t held_bytes = whole->in_use_bytes - whole->suspect_bytes;
    char lost[PP_NUMBER_TEXT_BYTES], count[PP_NUMBER_TEXT_BYTES], held[PP_NUMBER_TEXT_BYTES];

    if (report->n_suspected == 0) {
        pp_say("leaks: none suspected; something leads to every object that is followed");
        return;
    }
    pp_say("leaks: suspected are %s in %s objects, to which nothing leads; the other %s is held "
           "(-o FILE.ppc, then pprofc leaks FILE.ppc, has the stacks)",
           pp_bytes_text((double)whole->suspect_bytes, lost),
           pp_count_text(whole->suspect_objects, count),
           pp_bytes_text(held_bytes > 0 ? (double)held_bytes : 0, held));
    for (uint32_t i = 0; i < report->n_suspected && i < N_LINES; i++)
        say_row(report, &report->rows[report->suspected[i]]);
}

void pp_run_say_leaks(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer)
{
    const struct pp_rec_header *header = pp_recording_header(reader);
    struct pp_leak_report report;

    if (atomic_load(&header->heap.leaks.generation) == 0 ||
        pp_recording_leaks(reader, symbolizer, N_LINES, &report, NULL) != 0)
        return;
    say(&report);
    pp_leak_report_done(&report);
}
