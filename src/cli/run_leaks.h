/* The last lines of a run about memory that nothing led to. */
#ifndef PP_CLI_RUN_LEAKS_H
#define PP_CLI_RUN_LEAKS_H

#include "binary/symbolizer.h"
#include "recording/reader.h"

/* What was found at the program's end: how much, and the stacks that have most of it.  Nothing
 * where it was not looked for. */
void pp_run_say_leaks(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer);

#endif
