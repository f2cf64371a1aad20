/* "key=value,key=value", as headers and resource attributes are given. */
#ifndef PP_EXPORT_PAIRS_H
#define PP_EXPORT_PAIRS_H

/* Decode %XX in place; what is malformed stays as it is. */
void pp_percent_decode(char *text);

/* Go over "key=value,key=value", keys and values without the blanks around them, values decoded:
 * 'take' gets each.  -EINVAL when something in it is no pair (the others are taken all the same),
 * -ENOMEM. */
int pp_pairs_read(const char *text, void (*take)(void *context, const char *key, const char *value),
                  void *context);

#endif
