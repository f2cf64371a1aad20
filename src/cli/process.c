/* From a verb's word to the recording of a process. */
#include "cli/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/messages.h"
#include "cli/verbs.h"

bool pp_process_number(const char *word, int64_t *pid_out)
{
    return pp_parse_int64(word, strlen(word), pid_out) && *pid_out > 0;
}

int pp_process_take(const char *word, bool may_be_file, const char **word_out,
                    struct pprofc_error *err)
{
    int64_t pid = 0;

    if (*word_out != NULL)
        return pp_fail(err, -EINVAL, 0, "one process at a time; '%s' is too much", word);
    if (!may_be_file && !pp_process_number(word, &pid))
        return pp_fail(err, -EINVAL, 0, "'%s' is no process number", word);
    *word_out = word;
    return 0;
}

int pp_process_open(const char *word, struct pp_service *service, struct pp_served **target_out,
                    struct pprofc_error *err)
{
    int status = pp_service_init(service, false, err);

    if (status == 0)
        status = pp_service_add(service, word, err);
    if (status == 0)
        *target_out = pp_service_target(service, NULL);
    return status;
}

int pp_process_print(const struct pp_buffer *text, struct pprofc_error *err)
{
    if (fwrite(text->bytes, 1, text->n_bytes, stdout) != text->n_bytes)
        return pp_fail(err, -EIO, 0, "cannot write to standard output");
    return 0;
}

int pp_process_exit(int status, const struct pprofc_error *err)
{
    if (status >= 0)
        return PP_EXIT_OK;
    pp_complain("%s", err->message);
    switch (status) {
    case -EINVAL:
        return PP_EXIT_USAGE;
    case -ENODATA:
        return PP_EXIT_NO_SAMPLES;
    case -EPERM:
    case -EACCES:
        return PP_EXIT_NOT_PERMITTED;
    default:
        return PP_EXIT_FAILED;
    }
}
