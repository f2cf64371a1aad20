/* Samples by their labels, labels by their keys, and labels as frames: the part of a filter that
 * looks at labels.  Each expression is tried once on each set of labels. */
#ifndef PP_PROFILE_FILTER_TAGS_H
#define PP_PROFILE_FILTER_TAGS_H

#include "profile/filter.h"

struct pp_tag_filter;

/* "KEY=REGEXP,REGEXP" (one of them matches the label's text), "REGEXP,REGEXP" (each matches some
 * label as "key:text"), or, with a key or without, a number or range: "32kb", "4mb:", ":64kb",
 * "12kb:64mb".  -EINVAL with the reason; -ENOMEM. */
int pp_tag_filter_new(const char *text, struct pp_tag_filter **filter_out,
                      struct pprofc_error *err);
void pp_tag_filter_free(struct pp_tag_filter *filter);

/* What tag_focus to tag_hide say of each label set of the profile. */
struct pp_tag_choice {
    bool *is_wanted;   /* NULL: all are */
    pp_id *label_sets; /* the set that is left of it; NULL: all stay */
};

/* Adds to '*matched'.  -ENOMEM. */
int pp_tag_choice_init(struct pp_tag_choice *choice, struct pprofc_profile *profile,
                       const struct pp_filter *filter, uint32_t *matched);
void pp_tag_choice_done(struct pp_tag_choice *choice);

/* The frames that label sets become: a frame a key, "text" of file "key". */
struct pp_tag_frames {
    pp_id *locations; /* n_keys by label set */
    uint32_t n_keys;
    bool has_matched; /* some set has a label of these keys */
};

/* 'keys' is "KEY,KEY" or NULL: nothing.  -ENOMEM. */
int pp_tag_frames_init(struct pp_tag_frames *frames, struct pprofc_profile *profile,
                       const char *keys, const char *unit);

/* 'stack' with the frames of the label set on top. */
pp_id pp_tag_frames_put(const struct pp_tag_frames *frames, struct pprofc_profile *profile,
                        pp_id stack, pp_id label_set);
void pp_tag_frames_done(struct pp_tag_frames *frames);

#endif
