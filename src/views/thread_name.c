/* Which thread exact figures are of, as text. */
#include "views/thread_name.h"

#include <inttypes.h>

#include "base/numbers.h"
#include "views/clean_text.h"

void pp_thread_name_append(struct pp_buffer *out, const struct pprofc_profile *profile,
                           const struct pp_thread_who *who)
{
    char count[PP_NUMBER_TEXT_BYTES];

    if (who->id != 0) {
        pp_clean_text_append(out, pp_profile_chars(profile, who->name));
        pp_buffer_printf(out, " (%" PRId64 ")", who->id);
    } else if (who->n_threads > 0) {
        pp_buffer_printf(out, "%s other%s", pp_count_text(who->n_threads, count),
                         who->n_threads == 1 ? "" : "s");
    } else {
        pp_buffer_text(out, "others");
    }
}
