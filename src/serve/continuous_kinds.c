/* The table. */
#include "serve/continuous_kinds.h"

const struct pp_continuous_kind pp_continuous_kinds[] = {
    {"cpu", PP_FAMILY_CPU, PP_WINDOW_OF_EVENTS, true},
    {"offcpu", PP_FAMILY_OFFCPU, PP_WINDOW_OF_EVENTS, false},
    {"lock", PP_FAMILY_LOCK, PP_WINDOW_OF_EVENTS, false},
    {"heap", PP_FAMILY_HEAP, PP_WINDOW_OF_SITES, false},
};
const size_t pp_n_continuous_kinds = sizeof pp_continuous_kinds / sizeof pp_continuous_kinds[0];

uint32_t pp_continuous_all_kinds(void)
{
    uint32_t kinds = 0;

    for (size_t i = 0; i < pp_n_continuous_kinds; i++)
        kinds |= pp_continuous_kind_bit(&pp_continuous_kinds[i]);
    return kinds;
}

void pp_continuous_kinds_text(struct pp_buffer *text)
{
    for (size_t i = 0; i < pp_n_continuous_kinds; i++)
        pp_buffer_printf(text, "%s%s",
                         i == 0                           ? ""
                         : i + 1 == pp_n_continuous_kinds ? " and "
                                                          : ", ",
                         pp_continuous_kinds[i].name);
}
